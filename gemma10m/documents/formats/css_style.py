"""Read an element's own style: which declaration counts for each of its properties."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

_COMMENT = re.compile(r"/\*.*?(?:\*/|$)", re.DOTALL)
_DECLARATION = re.compile(r"""(?:[^;"'(]|"[^"]*"|'[^']*'|\([^()]*\))+""")
_SPACES = re.compile(r"\s+")
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
