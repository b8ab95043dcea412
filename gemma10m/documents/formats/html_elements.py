"""Say how HTML's elements are read: which begin a line, and which are never shown."""

from __future__ import annotations

from gemma10m.documents.formats import inline_marks as marks
from gemma10m.documents.formats.table_rows import LINE, PARAGRAPH
from gemma10m.documents.formats.xml_events import Attributes

HEADINGS = {"h1", "h2", "h3"}
BLOCKS = dict.fromkeys(
    "address article aside body caption center dd details dialog div dt fieldset figcaption footer form frame head "
    "header html legend li main menu nav optgroup option section summary tbody td textarea tfoot th thead tr".split(),
    LINE,
) | dict.fromkeys("p h1 h2 h3 h4 h5 h6 hr pre listing xmp blockquote table ul ol dl figure".split(), PARAGRAPH)
VERBATIM = {"pre", "textarea", "listing", "xmp", "plaintext"}
RAISED = {"sup": marks.SUPERSCRIPT, "sub": marks.SUBSCRIPT, "rt": marks.READING}
TYPED = {"text", "number", "email", "tel", "url", "date", "time", "search", "month", "week"}  # kinds of input
_STRUCK = {"del", "s", "strike"}
_NEVER_SHOWN = frozenset(
    "script style template noscript title iframe noembed audio video canvas datalist rp rtc desc metadata".split()
)


def mark_of_tag(tag: str, given: Attributes) -> str:
    """Return the mark of an element of which nothing is read, "" for another one."""
    if tag in _STRUCK:
        return marks.STRUCK
    return marks.HIDDEN if tag in _NEVER_SHOWN and not _is_tex(tag, given) else ""


def _is_tex(tag: str, given: Attributes) -> bool:
    """Tell if it is a formula that MathJax would show, and has not shown already."""
    kind = given.get("type", "") if tag == "script" else ""
    return kind.startswith("math/tex") and not given.get("id", "").startswith("MathJax")
