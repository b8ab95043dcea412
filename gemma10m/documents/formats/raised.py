"""Write superscripts as text: a mark parts them from what they follow, so that 48213 with a raised 7 is not 482137."""

from __future__ import annotations

import re

_SHORT_NUMBER = re.compile(r"(?:^|[^\d.,])\d{1,3}$")  # what is raised to a power, as in 10^6
_SYMBOL = re.compile(r"(?:^|[^^\W\d_]|[^\w^])[^\W\d_]{1,2}$|[)\]}]$")  # x^2, km^2, (a + b)^2
_WORD = re.compile(r"[^\W\d_]{3,}$")
_POWER = re.compile(r"[-+\u2212]?(?:\d+|[a-z])")
_MARK = re.compile(r"\d+(?:\s*[,\u2013-]\s*\d+)*|[a-z](?:,[a-z])*")


def raised(before: str, text: str) -> str:
    """Return raised `text` as it is written after `before`: `[7]` for a note, `^6` for a power."""
    inner = text.strip()
    if not inner or not before or before[-1].isspace():
        return text
    base = before[-4:]
    if _POWER.fullmatch(inner) and _is_base(base):
        return text.replace(inner, f"^{inner}")
    if inner[0] in "-+\u2212" and inner[1:].isdecimal():
        return text.replace(inner, f"^{inner}")
    if _MARK.fullmatch(inner) and (inner[0].isdecimal() or not before[-1].isdecimal()):
        return text.replace(inner, f"[{inner}]")
    return text  # 5th, Mme, *


def _is_base(base: str) -> bool:
    return bool(_SHORT_NUMBER.search(base) or (_SYMBOL.search(base) and not _WORD.search(base)))
