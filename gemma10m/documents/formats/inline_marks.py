"""Mark what is raised, lowered, a reading, hidden or struck, and write superscripts and subscripts as text."""

from __future__ import annotations

import re
from functools import lru_cache

from gemma10m.documents.formats.css_style import declarations, is_hidden
from gemma10m.documents.formats.raised import SLASH, lowered, raised
from gemma10m.documents.formats.xml_events import Attributes

SUPERSCRIPT, SUBSCRIPT, NOTE, SIGN, READING, END, HIDDEN, STRUCK, PAGE, INVISIBLE = (
    "\ufdd0\ufdd1\ufdd2\ufdd3\ufdd4\ufdd5\ufdd6\ufdda\ufddd\ufdde"  # which are no characters of any text
)
NOT_READ = (HIDDEN, STRUCK, INVISIBLE)
_ANY = re.compile(f"[{SUPERSCRIPT}-{END}{PAGE}]")
_PAGE_NUMBER = re.compile(rf"{PAGE}([^{SUPERSCRIPT}-{END}{PAGE}]*)(?:{END}|$)(\w*)")
_INNERMOST = re.compile(f"([{SUPERSCRIPT}-{READING}])([^{SUPERSCRIPT}-{END}]*)(?:{END}|$)")
_DEEPEST = 4
_SEEN_BEFORE = 20  # characters
_NOTES = {"footnote-ref", "footnote-reference", "footnoteref", "noteref", "fnref"}
_TELLING = frozenset(("style", "hidden", "popover", "aria-hidden", "epub:type", "role", "display", "visibility"))
_TWINS = {"nobr", "mjx-math"}  # MathJax's glyphs, of a formula that is read as MathML
_ICONS = re.compile(r"material-(?:icons|symbols)(?:-(?:outlined|filled|round|rounded|sharp|two-tone|extended))?")
_POPOVERS = ("", "auto", "hint", "manual")  # values of the attribute by which an element is shown only when asked for
_UNSEEN = ("hidden", "collapse")  # values of `visibility`; a table's cell of that kind keeps its place


def mark_of_element(tag: str, given: Attributes, follows_formula: bool) -> str:
    """Return the mark of an element that its attributes raise, lower, strike or hide; "" for none of these."""
    if _TELLING.isdisjoint(given):
        return mark_of(given["class"], "") if "class" in given else ""
    if given.get("hidden", "until-found").lower() != "until-found":
        return HIDDEN
    if given.get("popover", "shown").lower() in _POPOVERS:
        return HIDDEN
    if given.get("display") == "none":  # of SVG, as are the next ones
        return HIDDEN
    if given.get("visibility") in _UNSEEN:
        return INVISIBLE
    if given.get("aria-hidden") == "true" and (follows_formula or tag in _TWINS):
        return HIDDEN
    if given.get("role") == "deletion":
        return STRUCK
    if "pagebreak" in given.get("epub:type", "") or given.get("role") == "doc-pagebreak":
        return PAGE
    if "noteref" in given.get("epub:type", "") or given.get("role") == "doc-noteref":
        return NOTE
    mark = mark_of(given.get("class", ""), given.get("style", ""))
    return SIGN if not mark and tag == "a" and given.get("aria-hidden") == "true" else mark


@lru_cache(1024)
def mark_of(classes: str, style: str) -> str:
    """Return the mark of an element's class and style, or "" where they have none."""
    names, said = set(classes.lower().split()), declarations(style)
    if "mathjax_preview" in names or any(map(_ICONS.fullmatch, names)) or is_hidden(said):
        return HIDDEN
    if said.get("visibility") in _UNSEEN:
        return INVISIBLE
    if any("line-through" in said.get(name, "").split() for name in ("text-decoration", "text-decoration-line")):
        return STRUCK
    if names & _NOTES:
        return NOTE
    if "pagenum" in names:  # Project Gutenberg's
        return PAGE
    if names & {"sup", "superscript"} or said.get("vertical-align") == "super":
        return SUPERSCRIPT
    return SUBSCRIPT if "subscript" in names or said.get("vertical-align") == "sub" else ""


def without_marks(text: str) -> str:
    """Write marks as `48213[7]`, `10^6`, `H2O`, `x_n`, `3 1/2`, and leave out how a word is read."""
    if PAGE in text:
        text = _PAGE_NUMBER.sub(_behind_word, text)
    for _ in range(_DEEPEST):
        if not _ANY.search(text):
            return text
        text = _INNERMOST.sub(_written, text)
    return _ANY.sub("", text)


def _behind_word(match: re.Match[str]) -> str:
    """Write a page's number behind the word that the page's end parts: `1984 [14]`."""
    number, rest = " ".join(match[1].split()), match[2]
    if not number:
        return rest
    number = number if number[0] in "[(" else f"[{number}]"
    before = match.string[max(0, match.start() - 1) : match.start()]
    if before.isalnum() and rest:
        return f"{rest} {number}"
    return f"{'' if before.isspace() else ' '}{number}{' ' if rest else ''}{rest}"


def _written(match: re.Match[str]) -> str:
    mark, inside = match[1], " ".join(match[2].split())
    before = match.string[max(0, match.start() - _SEEN_BEFORE) : match.start()]
    before = _ANY.sub("", before)
    after = match.string[match.end() : match.end() + 2]
    is_numerator = after == f"/{SUBSCRIPT}"
    if mark == READING or not inside:
        return ""
    if mark == SIGN:  # a link that only sighted readers get; a sign alone is a heading's link to itself
        return "" if len(inside) == 1 and not inside.isalnum() else match[2]
    if mark == NOTE:
        return inside if inside[0] in "[(" else f"[{inside.lstrip('^')}]"
    if mark == SUBSCRIPT:
        text = lowered(before, inside)
    else:
        text = raised(before, inside, after, is_numerator)
        if not before.strip() and inside.isdecimal() and after[:1] not in SLASH:
            return f"[{inside}]"
    return text + " " if after[:1].isdecimal() and text[-1].isdecimal() else text
