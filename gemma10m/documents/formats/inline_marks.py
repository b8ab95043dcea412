"""Superscripts, subscripts and readings, first as marks in the text and then as text."""

from __future__ import annotations

import re
from functools import lru_cache

from gemma10m.documents.formats.raised import raised

SUPERSCRIPT, SUBSCRIPT, NOTE, READING, END, HIDDEN = (
    "\ufdd0\ufdd1\ufdd2\ufdd3\ufdd4\ufdd5"  # which are no characters of any text
)
_ANY = re.compile(f"[{SUPERSCRIPT}-{END}]")
_INNERMOST = re.compile(f"([{SUPERSCRIPT}-{READING}])([^{SUPERSCRIPT}-{END}]*)(?:{END}|$)")
_DEEPEST = 4
_SEEN_BEFORE = 20  # characters
_SLASH = ("/", "\u2044")
_NOTES = {"footnote-ref", "footnote-reference", "footnoteref", "noteref", "fnref"}


@lru_cache(1024)
def mark_of(classes: str, style: str) -> str:
    """Return the mark of an element's class and style, `HIDDEN`, or "" where they have none."""
    names, style = set(classes.lower().split()), "".join(style.lower().split())
    if "mathjax_preview" in names or "display:none" in style or "visibility:hidden" in style:
        return HIDDEN
    if names & _NOTES:
        return NOTE
    if names & {"sup", "superscript"} or "vertical-align:super" in style:
        return SUPERSCRIPT
    return SUBSCRIPT if "subscript" in names or "vertical-align:sub" in style else ""


def without_marks(text: str) -> str:
    """Write marks as `48213[7]`, `10^6`, `H2O`, `x_n`, `3 1/2`, and leave out how a word is read."""
    for _ in range(_DEEPEST):
        if not _ANY.search(text):
            return text
        text = _INNERMOST.sub(_written, text)
    return _ANY.sub("", text)


def _written(match: re.Match[str]) -> str:
    mark, inside = match[1], " ".join(match[2].split())
    before = match.string[max(0, match.start() - _SEEN_BEFORE) : match.start()]
    before = _ANY.sub("", before)
    after = match.string[match.end() : match.end() + 1]
    if mark == READING or not inside:
        return ""
    if mark == NOTE:
        return inside if inside[0] in "[(" else f"[{inside.lstrip('^')}]"
    if mark == SUPERSCRIPT and after in _SLASH and after:
        return (" " if before[-1:].isdecimal() else "") + inside
    if mark == SUPERSCRIPT and inside.isdecimal() and before[-1:].isupper() and after.isupper():
        return inside  # I2C
    text = raised(before, inside) if mark == SUPERSCRIPT else _lowered(before, inside)
    if not before.strip() and mark == SUPERSCRIPT and inside.isdecimal():
        return f"[{inside}]"
    return text + " " if after.isdecimal() and text[-1].isdecimal() else text


def _lowered(before: str, inside: str) -> str:
    last = before[-1:]
    if not last or last.isspace() or last in _SLASH:
        return inside
    return inside if inside.isdecimal() and not last.isdecimal() else f"_{inside}"
