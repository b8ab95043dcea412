"""A part of a Word document, event by event: what is read of it is what Word shows with all changes accepted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from gemma10m.documents.budget import Budget
from gemma10m.documents.formats.docx_numbers import Numbers
from gemma10m.documents.formats.lines import Kept, Lines, TextSink
from gemma10m.documents.formats.symbols import UNKNOWN, symbol
from gemma10m.documents.formats.xml_events import Attributes

_WHITE = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n"}
_SIGNS = {"noBreakHyphen": "-", "sup": "^", "sub": "_", "den": "/"}  # the last three of formulas
_DELETED = {"del", "moveFrom"}
_UNREAD = {"Fallback", "rt"}  # what repeats a drawing for older programs, how a word is pronounced
_NOTES = ("footnote", "endnote", "comment")
_SEPARATORS = {"separator", "continuationSeparator", "continuationNotice"}  # lines above notes
_DEEPEST = 8  # text boxes in text boxes
_OFF = {"0", "false", "off"}


@dataclass
class Styles:
    """Ids of styles: of headings, of hidden text, of raised text."""

    headings: set[str] = field(default_factory=lambda: {"Title", "Heading1", "Heading2", "Heading3"})
    hidden: set[str] = field(default_factory=set)
    raised: set[str] = field(default_factory=set)


@dataclass
class WordDocument:
    """A document's state that all its parts share."""

    styles: Styles
    numbers: Numbers = field(default_factory=lambda: Numbers(Budget(0)))
    notes: dict[tuple[str, str], int] = field(default_factory=dict)  # kind and id: the number it is given
    hidden: int = 0  # characters
    symbols: int = 0  # that are not known
    chunk: Callable[[str], None] = lambda name: None  # reads the part of another format that has this id


def is_on(given: Attributes) -> bool:
    return given.get("val", "1") not in _OFF


class PartText:
    def __init__(self, writer: TextSink, found: WordDocument, depth: int = 0) -> None:
        self._writer, self._found, self._depth = writer, found, depth
        self._lines = Lines(writer)
        self._open: list[str] = []
        self._unread = 0  # elements that are open from the one on that is not read
        self._box: PartText | None = None  # the text box that is open
        self._boxes: list[str] = []  # whose turn comes after the paragraph that they are in
        self._instructions: list[bool] = []  # of open fields: the result has not begun
        self._choices: list[bool] = []  # of open alternatives: one was read
        self._rows: list[int | None] = []  # of open rows: columns before the first cell; None once that has begun
        self._widths: list[int] = []  # of open cells, in columns
        self._hidden = self._raised = self._all_hidden = self._joined = False
        self._label = ""  # of the note that begins
        self._style = self._instance = ""  # of the open paragraph, and of its number
        self._level: int | None = None
        self._begun = False  # the open paragraph has its number

    def start(self, tag: str, given: Attributes) -> None:
        parent = self._open[-1] if self._open else ""
        if parent == "rPr" and self._open[-2:-1] == ["pPr"]:
            parent = "mark"  # of the paragraph's end
        self._open.append(tag)
        if self._unread:
            self._unread += 1
        elif self._box:
            self._box.start(tag, given)
        elif (parent, tag) in _PROPERTIES:
            _PROPERTIES[parent, tag](self, given)
        elif self._is_unread(tag, parent) or (tag in _NOTES and given.get("type") in _SEPARATORS):
            self._unread = 1
        elif tag == "txbxContent" and self._depth < _DEEPEST:
            self._box = PartText(Kept(), self._found, self._depth + 1)
        elif tag in _STARTS:
            _STARTS[tag](self, tag, given)

    def end(self, tag: str) -> None:
        self._open.pop()
        if self._unread:
            self._unread -= 1
        elif self._box and (tag != "txbxContent" or self._box.has_open()):
            self._box.end(tag)
        elif self._box:
            self._boxes.append(self._box.kept())
            self._box = None
        elif tag in _ENDS:
            _ENDS[tag](self)

    def text(self, text: str) -> None:
        if self._box:
            self._box.text(text)
        elif not self._unread and self._open and self._open[-1] == "t":
            self._write(text)

    def has_open(self) -> bool:
        return bool(self._open)

    def kept(self) -> str:
        assert isinstance(self._writer, Kept)
        return "".join(self._writer.parts)

    def _is_unread(self, tag: str, parent: str) -> bool:
        if tag == "Choice" and self._choices:  # of several the first
            taken, self._choices[-1] = self._choices[-1], True
            return taken
        is_deleted = tag in _DELETED and parent not in ("rPr", "mark")
        return is_deleted or tag in _UNREAD or tag.endswith("PrChange")

    def _write(self, text: str) -> None:
        if any(self._instructions):
            return
        if self._hidden or self._all_hidden:
            self._found.hidden += len(text)
            return
        if self._label:
            self._lines.write(self._label + " ")
            self._label = ""
        self._begin_paragraph(" ")
        self._lines.write(text, self._raised)

    def _begin_paragraph(self, gap: str) -> None:
        """Write the paragraph's number, which is counted only now: a deleted paragraph has none."""
        begun, self._begun = self._begun or self._all_hidden, True
        if not begun and (number := self._found.numbers.next(self._style, self._instance, self._level)):
            self._lines.write(number + gap)

    def _white(self, tag: str, given: Attributes) -> None:
        if not given.get("pos") and not self._hidden:  # a tab that has a position is a tab stop
            self._begin_paragraph(" ")
            self._lines.white(_WHITE[tag])

    def _sign(self, tag: str, given: Attributes) -> None:
        self._write(_SIGNS[tag])

    def _symbol(self, tag: str, given: Attributes) -> None:
        try:
            code = int(given.get("char", ""), 16)
        except ValueError:
            return
        sign = symbol(code, given.get("font", ""))
        self._found.symbols += sign == UNKNOWN
        self._write(sign)

    def _refer(self, tag: str, given: Attributes) -> None:
        key = (tag.removesuffix("Reference"), given.get("id", ""))
        number = self._found.notes.setdefault(key, len(self._found.notes) + 1)
        self._write(f"[{number}]")

    def _begin_note(self, tag: str, given: Attributes) -> None:
        if tag == "comment":
            self._label = f"[comment by {given.get('author', 'somebody')}]"
        elif number := self._found.notes.get((tag, given.get("id", ""))):
            self._label = f"[{number}]"

    def _field(self, tag: str, given: Attributes) -> None:
        kind = given.get("fldCharType")
        if kind == "begin":
            self._instructions.append(True)
        elif kind == "separate" and self._instructions:
            self._instructions[-1] = False
        elif kind == "end" and self._instructions:
            self._instructions.pop()

    def _end_run(self) -> None:
        self._hidden = self._raised = False

    def _end_paragraph(self) -> None:
        if any(self._instructions):  # one that has no end would hide the rest
            self._instructions = []
        if not self._joined:
            self._begin_paragraph("")
            self._lines.end_paragraph()
            self._begun = False
        self._style, self._instance, self._level = "", "", None
        self._hidden = self._all_hidden = self._joined = self._raised = False
        for text in self._boxes if not self._joined else ():
            for line in text.strip("\n").split("\n"):
                self._lines.write(line)
                self._lines.end_paragraph()
        self._boxes = []

    def _begin_cell(self, tag: str, given: Attributes) -> None:
        if self._rows and self._rows[-1] is not None:
            self._lines.begin_row(self._rows[-1])
            self._rows[-1] = None
        self._lines.begin_cell()
        self._widths.append(1)

    def _end_row(self) -> None:
        if self._rows and self._rows.pop() is None:
            self._lines.end_row()

    def _delete_row(self, given: Attributes) -> None:
        if self._rows and self._rows[-1] is not None:
            self._rows.pop()
            self._unread = 3  # the row, its properties, this one

    def _set_before(self, given: Attributes) -> None:
        if self._rows and self._rows[-1] is not None:
            self._rows[-1] = _number(given)

    def _set_width(self, given: Attributes) -> None:
        if self._widths:
            self._widths[-1] = _number(given)

    def _set_style(self, given: Attributes) -> None:
        styles, style = self._found.styles, given.get("val", "")
        self._hidden |= style in styles.hidden
        self._raised |= style in styles.raised

    def _set_paragraph_style(self, given: Attributes) -> None:
        self._style = given.get("val", "")
        if given.get("val") in self._found.styles.headings:
            self._lines.heading()
        self._all_hidden = given.get("val") in self._found.styles.hidden

    def _set_instance(self, given: Attributes) -> None:
        self._instance = given.get("val", "")

    def _set_level(self, given: Attributes) -> None:
        self._level = _number(given)

    def _set_hidden(self, given: Attributes) -> None:
        self._hidden = is_on(given)

    def _set_raised(self, given: Attributes) -> None:
        self._raised = given.get("val") == "superscript"

    def _set_position(self, given: Attributes) -> None:
        self._raised |= _number(given) > 0

    def _set_joined(self, given: Attributes) -> None:
        self._joined = is_on(given)


def _number(given: Attributes) -> int:
    value = given.get("val", "")
    return int(value) if value.isdecimal() and len(value) < 6 else 0


_PROPERTIES: dict[tuple[str, str], Callable[[PartText, Attributes], None]] = {
    ("pPr", "pStyle"): PartText._set_paragraph_style,
    ("numPr", "numId"): PartText._set_instance,
    ("numPr", "ilvl"): PartText._set_level,
    ("rPr", "rStyle"): PartText._set_style,
    ("rPr", "vanish"): PartText._set_hidden,
    ("rPr", "vertAlign"): PartText._set_raised,
    ("rPr", "position"): PartText._set_position,
    ("mark", "del"): PartText._set_joined,
    ("mark", "moveFrom"): PartText._set_joined,
    ("mark", "vanish"): PartText._set_joined,
    ("trPr", "del"): PartText._delete_row,
    ("trPr", "gridBefore"): PartText._set_before,
    ("tcPr", "gridSpan"): PartText._set_width,
}
_STARTS: dict[str, Callable[[PartText, str, Attributes], None]] = {
    **dict.fromkeys(_WHITE, PartText._white),
    **dict.fromkeys(_SIGNS, PartText._sign),
    **dict.fromkeys(("footnoteReference", "endnoteReference"), PartText._refer),
    **dict.fromkeys(_NOTES, PartText._begin_note),
    "sym": PartText._symbol,
    "fldChar": PartText._field,
    "tc": PartText._begin_cell,
    "tr": lambda part, tag, given: part._rows.append(0),
    "AlternateContent": lambda part, tag, given: part._choices.append(False),
    "altChunk": lambda part, tag, given: part._found.chunk(given.get("id", "")),
}
_ENDS: dict[str, Callable[[PartText], None]] = {
    "r": PartText._end_run,
    "p": PartText._end_paragraph,
    "tr": PartText._end_row,
    "tc": lambda part: part._lines.widen_cell(part._widths.pop() if part._widths else 1),
    "AlternateContent": lambda part: part._choices.clear() if len(part._choices) < 2 else part._choices.__delitem__(-1),
}
