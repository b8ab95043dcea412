"""Mark what is raised, lowered, a reading, hidden or struck, and write superscripts and subscripts as text."""

from __future__ import annotations

import re
from functools import lru_cache

from gemma10m.documents.formats.raised import raised
from gemma10m.documents.formats.xml_events import Attributes

SUPERSCRIPT, SUBSCRIPT, NOTE, READING, END, HIDDEN, STRUCK = (
    "\ufdd0\ufdd1\ufdd2\ufdd3\ufdd4\ufdd5\ufdd6"  # which are no characters of any text
)
NOT_READ = (HIDDEN, STRUCK)
_ANY = re.compile(f"[{SUPERSCRIPT}-{END}]")
_INNERMOST = re.compile(f"([{SUPERSCRIPT}-{READING}])([^{SUPERSCRIPT}-{END}]*)(?:{END}|$)")
_DEEPEST = 4
_SEEN_BEFORE = 20  # characters
_SLASH = ("/", "\u2044")
_NOTES = {"footnote-ref", "footnote-reference", "footnoteref", "noteref", "fnref"}
_TELLING = frozenset(("style", "hidden", "aria-hidden", "epub:type", "role"))
_REPEATED = {"span", "a", "i", "b", "em", "svg", "button", "nobr", "mjx-container", "mjx-math"}  # where aria-hidden
_LINE_THROUGH = re.compile(r"text-decoration(?:-line)?:[^;]*line-through")


def mark_of_element(tag: str, given: Attributes, follows_formula: bool) -> str:
    """Return the mark of an element that its attributes raise, lower, strike or hide; "" for none of these."""
    if _TELLING.isdisjoint(given):
        return mark_of(given["class"], "") if "class" in given else ""
    if given.get("hidden", "until-found").lower() != "until-found":
        return HIDDEN
    if given.get("aria-hidden") == "true" and (follows_formula or _is_repeated(tag, given)):
        return HIDDEN
    if given.get("role") == "deletion":
        return STRUCK
    if "noteref" in given.get("epub:type", "") or given.get("role") == "doc-noteref":
        return NOTE
    return mark_of(given.get("class", ""), given.get("style", ""))


def _is_repeated(tag: str, given: Attributes) -> bool:
    """Tell if text hidden from screen readers repeats other text of the page."""
    return tag in _REPEATED and "katex-html" not in given.get("class", "")


@lru_cache(1024)
def mark_of(classes: str, style: str) -> str:
    """Return the mark of an element's class and style, or "" where they have none."""
    names, style = set(classes.lower().split()), "".join(style.lower().split())
    if "mathjax_preview" in names or "display:none" in style or "visibility:hidden" in style:
        return HIDDEN
    if _LINE_THROUGH.search(style):
        return STRUCK
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
