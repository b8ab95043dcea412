"""Tell if a block of CSS applies on a wide, light screen."""

from __future__ import annotations

import re
from functools import lru_cache

_FEATURE = re.compile(r"\(\s*([\w-]+)\s*(?::\s*([^()]{1,40}?)\s*)?\)")
_LENGTH = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(px|r?em)?")
_KIND = re.compile(r"[a-z][a-z-]*")
_SCREENS = ("all", "screen", "and", "or")  # kinds of media that a screen is of, and words that name none
_WIDTH, _EM = 1280, 16  # pixels


@lru_cache(256)
def applies(head: str) -> bool | None:
    """Return False for a block that does not apply, None where that is not known."""
    name, _, query = head.lower().partition(" ")
    name, bracket, more = name.partition("(")
    if name != "@media":
        return None if name in ("@supports", "@layer", "@container") else False
    answers = [_applies_one(each.strip()) for each in (bracket + more + query).split(",")]
    return True if True in answers else None if None in answers else False


def _applies_one(query: str) -> bool | None:
    answers = [_has(*feature) for feature in _FEATURE.findall(query)]
    words = _FEATURE.sub(" ", query).split()
    answers += [None] * any("(" in word or word == "or" for word in words)
    kind = next((word for word in words if word not in ("not", "only")), "all")
    answers += [False] * (kind not in _SCREENS and bool(_KIND.fullmatch(kind)))
    answer = False if False in answers else None if None in answers else True
    return answer if answer is None or words[:1] != ["not"] else not answer


def _has(feature: str, value: str) -> bool | None:
    if feature == "prefers-color-scheme":
        return value == "light"
    length = _LENGTH.fullmatch(value)
    if not length or feature.removeprefix("max-").removeprefix("min-") not in ("width", "device-width"):
        return None
    pixels = float(length[1]) * (1 if length[2] in ("px", None) else _EM)
    if feature.startswith("max-"):
        return pixels >= _WIDTH
    return pixels <= _WIDTH if feature.startswith("min-") else None
