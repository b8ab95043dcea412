"""Read an element's own style: which declaration counts for each of its properties."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

_COMMENT = re.compile(r"/\*.*?(?:\*/|$)", re.DOTALL)
_DECLARATION = re.compile(r"""(?:[^;"'(]|"[^"]*"|'[^']*'|\([^()]*\))+""")
_SPACES = re.compile(r"\s+")
_NOTHING = re.compile(r"0+(?:\.0*)?(?:[a-z]+|%)?")
_IMPORTANT = re.compile(r" ?! ?important$")


@lru_cache(1024)
def declarations(style: str) -> Mapping[str, str]:
    """Return the values by property, all in lower case: the last one counts, an important one before others."""
    found: dict[str, str] = {}
    important = set[str]()
    for declaration in _DECLARATION.findall(_SPACES.sub(" ", _COMMENT.sub(" ", style)).lower()):
        name, _, value = declaration.partition(":")
        name, (value, is_important) = name.strip(), _IMPORTANT.subn("", value.strip())
        if value and (is_important or name not in important):
            found[name] = value
            important |= {name} if is_important else set()
    return MappingProxyType(found)


def is_nothing(size: str) -> bool:
    """Tell if a size is zero."""
    return bool(_NOTHING.fullmatch(size))


def is_hidden(said: Mapping[str, str]) -> bool:
    """Tell if a style hides its element, for good or as mails hide the text that a list of mails shows.

    One of `opacity:0` and `mso-hide:all` is not enough: scripts let a text appear, and mails hide buttons from Outlook.
    """
    is_flat = is_nothing(said.get("max-height", ""))
    signs = is_flat + is_nothing(said.get("opacity", "")) + (said.get("mso-hide") == "all")
    return said.get("display") == "none" or signs > 1 or (is_flat and said.get("overflow") == "hidden")
