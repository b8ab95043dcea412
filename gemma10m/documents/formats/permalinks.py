"""Leave out the sign by which a heading links to itself."""

from __future__ import annotations

import unicodedata

from gemma10m.documents.formats.xml_events import Attributes

_LINKED = {"caption", "dt", "figcaption", "h1", "h2", "h3", "h4", "h5", "h6"}
_CLASSES = {"anchor", "anchorjs-link", "hash-link", "header-anchor", "headerlink", "permalink", "self-link"}
_SIGNS = set("¶#§🔗⚓∞⌗")
_AROUND = " \t\n\xa0\u200b\ufe0e\ufe0f"  # a sign


def may_be_permalink(block: str, given: Attributes) -> bool:
    """Tell if a link goes to a place, and is in an element that has one or has a permalink's class."""
    if "#" not in given.get("href", ""):
        return False
    return block in _LINKED or not _CLASSES.isdisjoint(given.get("class", "").split())


def without_permalink(text: str) -> str:
    """Return a link's text, "" for a sign or an icon alone."""
    sign = text.strip(_AROUND)
    return "" if sign in _SIGNS or (len(sign) == 1 and unicodedata.category(sign) == "Co") else text
