"""Read the text of DrawingML (ECMA-376 part 1, 21.1), which is in slides, notes, diagrams and shapes of sheets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from gemma10m.documents import limits
from gemma10m.documents.formats.docx_formula import WordFormula
from gemma10m.documents.formats.drawing_numbers import DrawingNumbers
from gemma10m.documents.formats.odt_line import Line
from gemma10m.documents.formats.raised import APART, LOWERED, RAISED
from gemma10m.documents.formats.xml_events import Attributes, XmlReceiver
from gemma10m.documents.safe_open import UnreadableError

_TITLES = ("title", "ctrTitle")
_MARGINS = {"dt", "ftr", "hdr", "sldNum"}  # placeholders that come on each slide
_IMAGES = {"sldImg"}
_UNREAD = {"Fallback", "rt"}  # what repeats a drawing for older programs
_TRUE = ("1", "true")


class DrawingText(XmlReceiver):
    """Receive a part's elements; hold its title and its lines: one for each paragraph, and for each row of a table.

    drawn: returns the lines of a chart or a diagram, which has a part of its own, by the id of that part.
    """

    def __init__(self, drawn: Callable[[str], list[str]] = lambda reference: []) -> None:
        self.title: list[str] = []
        self.lines: list[str] = []
        self.left_out = Counter[str]()  # characters, by the reason
        self.has_margins = False
        self.is_hidden = False  # the slide is, in the show
        self._drawn = drawn
        self._open: list[str] = []
        self._unread = 0  # elements that are open from the one on that is not read
        self._why = ""  # what is not read is left out
        self._shape = 0  # how many elements are open around the open shape and with it
        self._placeholder = ""  # the kind of the open shape
        self._line, self._numbers = Line(), DrawingNumbers()
        self._script = ""
        self._is_struck = False
        self._row: list[str] | None = None  # cells of the open row
        self._cell: list[str] | None = None  # paragraphs of the open cell
        self._formula: WordFormula | None = None
        self._size = 0

    def start(self, tag: str, given: Attributes) -> None:
        self._open.append(tag)
        if self._formula:
            self._formula.start(tag, given)
        elif self._unread:
            self._unread += 1
        elif tag in _UNREAD:
            self._unread, self._why = 1, ""
        else:
            self._numbers.start(tag, given)
            if tag in _STARTS:
                _STARTS[tag](self, given)

    def end(self, tag: str) -> None:
        self._open.pop()
        if self._formula:
            if self._formula.end():
                text, self._formula = self._formula.text, None
                self._line.write(text, APART)
        elif self._unread:
            self._unread -= 1
        elif tag in _ENDS:
            _ENDS[tag](self)
        if len(self._open) < self._shape:
            self._shape, self._placeholder = 0, ""

    def text(self, text: str) -> None:
        if self._formula:
            self._formula.add(text)
        elif self._open[-1:] == ["t"] and self._open[-2:-1] in (["r"], ["fld"]):
            self._add(text)

    def finish(self) -> list[str]:
        """Return the lines, with those that damage leaves open."""
        self._end_paragraph()
        self._end_cell()
        self._end_row()
        return self.lines

    def _add(self, text: str) -> None:
        if self._unread:
            self.left_out[self._why] += len(text) if self._why else 0
            self.has_margins |= not self._why and self._placeholder in _MARGINS - {"sldNum"}
        elif self._is_struck:
            self.left_out["struck"] += len(text)
        else:
            self._count(len(text))
            self._line.write(text, self._script)

    def _count(self, size: int) -> None:
        self._size += size
        if self._size > limits.LARGEST_WHOLE:
            raise UnreadableError(f"a text of more than {limits.LARGEST_WHOLE >> 20} MiB")

    def _describe(self, given: Attributes) -> None:
        """Receive the name and the description of a shape; this element is two levels below the shape's own."""
        self._shape = len(self._open) - 2
        if given.get("hidden") in _TRUE:
            self._unread, self._why = 3, "hidden"
        elif text := " ".join(given.get("descr", "").split()):
            self._count(len(text))
            self.lines.append(text)

    def _begin_slide(self, given: Attributes) -> None:
        self.is_hidden = given.get("show", "1") not in _TRUE

    def _begin_placeholder(self, given: Attributes) -> None:
        self._placeholder = given.get("type", "")
        if self._placeholder in _MARGINS | _IMAGES:
            self._unread, self._why = len(self._open) - self._shape + 1, ""

    def _begin_run(self, given: Attributes) -> None:
        self._script, self._is_struck = "", False

    def _look(self, given: Attributes) -> None:
        baseline = given.get("baseline", "0")
        self._script = LOWERED if baseline.startswith("-") else RAISED if baseline.strip("0%") else ""
        self._is_struck = given.get("strike", "noStrike") != "noStrike"

    def _break_line(self, given: Attributes) -> None:
        self._line.white(" " if self._cell is not None or self._placeholder in _TITLES else "\n")

    def _begin_formula(self, given: Attributes) -> None:
        self._formula = WordFormula()

    def _begin_row(self, given: Attributes) -> None:
        self._row = []

    def _begin_cell(self, given: Attributes) -> None:
        self._cell = []

    def _embed(self, given: Attributes) -> None:
        if reference := given.get("dm") or given.get("id"):
            lines = self._drawn(reference)
            self._count(sum(map(len, lines)))
            self.lines += lines

    def _end_paragraph(self) -> None:
        text = self._line.take().strip(" ")
        if number := self._numbers.next(bool(text)):
            self._count(len(number))
            text = f"{number} {text}"
        if self._cell is not None:
            self._cell += text.split()
        elif text and self._placeholder in _TITLES:
            self.title += text.split()
        elif text:
            self.lines.append(text)

    def _end_cell(self) -> None:
        if self._cell is not None and self._row is not None:
            self._row.append(" ".join(self._cell))
        self._cell = None

    def _end_row(self) -> None:
        if line := "\t".join(self._row or []).rstrip("\t"):
            self.lines.append(line)
        self._row = None


_STARTS: dict[str, Callable[[DrawingText, Attributes], None]] = {
    "sld": DrawingText._begin_slide,
    "cNvPr": DrawingText._describe,
    "ph": DrawingText._begin_placeholder,
    **dict.fromkeys(("r", "fld"), DrawingText._begin_run),
    "rPr": DrawingText._look,
    "br": DrawingText._break_line,
    "oMath": DrawingText._begin_formula,
    "tr": DrawingText._begin_row,
    "tc": DrawingText._begin_cell,
    **dict.fromkeys(("chart", "relIds"), DrawingText._embed),
}
_ENDS: dict[str, Callable[[DrawingText], None]] = {
    "p": DrawingText._end_paragraph,
    "tc": DrawingText._end_cell,
    "tr": DrawingText._end_row,
}
