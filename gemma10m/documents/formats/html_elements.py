"""Say how HTML's elements are read: which begin a line, and which are never shown."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from gemma10m.documents.formats import inline_marks as marks
from gemma10m.documents.formats.css_style import declarations
from gemma10m.documents.formats.table_rows import LINE, PARAGRAPH
from gemma10m.documents.formats.xml_events import Attributes

HEADINGS = {"h1", "h2", "h3"}
BLOCKS = dict.fromkeys(
    "address article aside body caption center dd details dialog div dt fieldset figcaption footer form frame head "
    "header html legend li main menu nav optgroup option section summary tbody td text textarea tfoot th thead "
    "tr".split(),
    LINE,
) | dict.fromkeys("p h1 h2 h3 h4 h5 h6 hr pre listing xmp blockquote table ul ol dl figure".split(), PARAGRAPH)
VERBATIM = {"pre", "textarea", "listing", "xmp", "plaintext"}
SCRIPT_TAGS = {"sup": marks.SUPERSCRIPT, "sub": marks.SUBSCRIPT, "rt": marks.READING}
NOT_TYPED = frozenset(  # kinds of input whose value is no text that is read
    "hidden password file color range image submit reset button".split()
)
_STRUCK = {"del", "s", "strike"}
_NEVER_SHOWN = frozenset(
    "script style template noscript title noembed audio video canvas datalist rp rtc desc metadata epub:case defs "
    "symbol".split()
)
_BLOCK_DISPLAYS = set("block flex grid list-item flow-root table table-row table-caption".split())
_PARTS_OF_TABLES = {"table", "thead", "tbody", "tfoot", "tr", "td", "th"}
_BY_ROLE = {"table": "table", "grid": "table", "treegrid": "table", "row": "tr", "cell": "td", "gridcell": "td"}
_BY_ROLE |= {"columnheader": "th", "rowheader": "th"}
_BY_DISPLAY = {"table": "table", "table-row": "tr", "table-cell": "td"}
_OVERRIDES = ("bidi-override", "isolate-override")
_LINE_NUMBERS = set("linenos lineno linenumber line-number source-line-no ln lnt".split())
_KEEPS_LINES = ("pre", "break-spaces")


class StyleLayout(NamedTuple):
    """Say how an element's style sets its text apart."""

    is_block: bool  # it begins a line
    keeps_lines: bool
    is_apart: bool  # it is set elsewhere on its line, so that it touches no word
    floats: bool  # as a column, or the first letter of a chapter
    is_turned: bool  # its letters run from right to left


def mark_of_tag(tag: str, given: Attributes) -> str:
    """Return the mark of an element of which nothing is read, "" for another one."""
    if tag in _STRUCK:
        return marks.STRUCK
    is_closed = tag == "dialog" and "open" not in given
    return marks.HIDDEN if is_closed or (tag in _NEVER_SHOWN and not _is_shown(tag, given)) else ""


def part_of_table(tag: str, given: Attributes) -> str:
    """Return the part of a table that a role or a style makes of another element, else ""."""
    if tag in _PARTS_OF_TABLES:
        return ""
    display = declarations(given["style"]).get("display", "") if "style" in given else ""
    return _BY_ROLE.get(given.get("role", "")) or _BY_DISPLAY.get(display, "")


@lru_cache(1024)
def is_line_number(classes: str) -> bool:
    """Tell if an element with these classes is the number of a line of code."""
    return not _LINE_NUMBERS.isdisjoint(classes.split())


@lru_cache(1024)
def layout_of(style: str) -> StyleLayout:
    said = declarations(style)
    display, white = said.get("display", ""), said.get("white-space", said.get("white-space-collapse", ""))
    return StyleLayout(
        is_block=display in _BLOCK_DISPLAYS,
        keeps_lines=white.startswith(_KEEPS_LINES),
        is_apart=display == "table-cell" or said.get("position") in ("absolute", "fixed"),
        floats=said.get("float") in ("left", "right"),
        is_turned=said.get("direction") == "rtl" and said.get("unicode-bidi") in _OVERRIDES,
    )


def _is_shown(tag: str, given: Attributes) -> bool:
    """Tell if it is a shadow tree, or a formula that MathJax would show and has not shown already."""
    if tag == "template":
        return "shadowrootmode" in given
    kind = given.get("type", "") if tag == "script" else ""
    return kind.startswith("math/tex") and not given.get("id", "").startswith("MathJax")
