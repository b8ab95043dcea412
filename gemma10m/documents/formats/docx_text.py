"""Read a part of a Word document event by event: it holds the text that Word shows with all changes accepted."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gemma10m.documents.formats.docx_forms import WordForm
from gemma10m.documents.formats.docx_formula import WordFormula
from gemma10m.documents.formats.docx_styles import LEFT_OUT, SCRIPTS, font_of, is_on
from gemma10m.documents.formats.field_codes import Fields
from gemma10m.documents.formats.lines import Kept, Lines, TextSink
from gemma10m.documents.formats.list_numbers import whole
from gemma10m.documents.formats.raised import APART, FAR, LOWERED, RAISED
from gemma10m.documents.formats.symbols import UNKNOWN, in_font, symbol
from gemma10m.documents.formats.word_document import WordDocument
from gemma10m.documents.formats.xml_events import Attributes

_WHITE = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n"}
_SPACES = str.maketrans("\t\n\r", "   ")  # a tab and a line's end are elements
_ALTERNATIVES = {"docPr": "descr", "shape": "alt", "textpath": "string"}  # of pictures, and of letters that are drawn
_DELETED = {"del", "moveFrom"}
_UNREAD = {"rt"}  # how a word is pronounced
_ALTERNATIVE = {"Choice", "Fallback"}  # of which the first that has a text is read
_NOTES = ("footnote", "endnote", "comment")
_REFERENCES = ("footnoteReference", "endnoteReference")
_SEPARATORS = {"separator", "continuationSeparator", "continuationNotice"}  # lines above notes
_DEEPEST = 8  # text boxes in text boxes


class PartText:
    def __init__(self, writer: TextSink, found: WordDocument, depth: int = 0) -> None:
        self._writer, self._found, self._depth = writer, found, depth
        self._lines = Lines(writer)
        self._open: list[str] = []
        self._unread = 0  # elements that are open from the one on that is not read
        self._box: PartText | None = None  # the text box that is open
        self._boxes: list[str] = []  # whose turn comes after the paragraph that they are in
        self._formula: WordFormula | None = None  # that is open
        self._formulas = 0  # of the open formula paragraph
        self._fields = Fields()
        self._written = 0  # texts
        self._choices: list[int] = []  # texts before open alternatives
        self._form = WordForm()  # in the open field
        self._columns: list[int] = []  # of open tables
        self._rows: list[int | None] = []  # of open rows: columns before the first cell; None once that has begun
        self._widths: list[int] = []  # of open cells, in columns
        self._left_out, self._all_left_out = set[str](), set[str]()  # why the open run is, and the open paragraph
        self._note_left_out = ""  # why the open note is
        self._script = self._font = ""  # of the open run
        self._joined = self._is_initial = (
            False  # the open paragraph is joined with the next; it is a large first letter
        )
        self._label = ""  # of the note that begins
        self._style = self._instance = ""  # of the open paragraph, and of its number
        self._level: int | None = None
        self._begun = False  # the open paragraph has its number

    def start(self, tag: str, given: Attributes) -> None:
        parent = self._open[-1] if self._open else ""
        if parent == "rPr" and self._open[-2:-1] == ["pPr"]:
            parent = "mark"  # of the paragraph's end
        self._open.append(tag)
        if self._formula:
            self._formula.start(tag, given)
        if self._unread:
            self._unread += 1
            if tag in _REFERENCES:
                self._found.dropped[_note(tag, given)] = ""
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
        if self._formula and self._formula.end():
            text, self._formula = self._formula.text, None
            self._write(text, APART)
        if self._unread:
            self._unread -= 1
        elif self._box and (tag != "txbxContent" or self._box._open):
            self._box.end(tag)
        elif self._box:
            text, self._box = self._box.kept(), None
            self._written += bool(text.strip())
            if why := self._why_left_out():
                self._found.left_out[why] += len(text.strip())
            else:
                self._boxes.append(text)
        elif tag in _ENDS:
            _ENDS[tag](self)

    def text(self, text: str) -> None:
        if self._box:
            self._box.text(text)
        elif not self._unread and self._open and self._open[-1] == "t":
            text = text.translate(_SPACES)
            shown = in_font(text, self._font) if self._font else text
            self._found.symbols += shown.count(UNKNOWN) - text.count(UNKNOWN)
            self._write(shown)
        elif not self._unread and self._open and self._open[-1] == "instrText" and self._fields.in_code:
            self._fields.add(text)

    def finish(self) -> None:
        """End the line that a damaged part, or one whose last paragraph was to be joined, leaves open."""
        if self._open:
            self._lines.end_line()
        else:
            self._close_joined()

    def kept(self) -> str:
        assert isinstance(self._writer, Kept)
        self._close_joined()
        return "".join(self._writer.parts)

    def _is_unread(self, tag: str, parent: str) -> bool:
        if tag in _ALTERNATIVE:
            return self._choices[-1] != self._written if self._choices else tag == "Fallback"
        is_deleted = tag in _DELETED and parent not in ("rPr", "mark")
        return is_deleted or tag in _UNREAD or tag.endswith("PrChange")

    def _write(self, text: str, script: str = "", is_apart: bool = False) -> None:
        self._written += bool(text)
        if self._fields.in_code:
            self._fields.add(text)
            return
        self._fields.see(text)
        if self._formula:
            self._formula.add(text)
            return
        if why := self._why_left_out():
            self._found.left_out[why] += len(text)
            return
        if self._label:
            self._lines.write(self._label + " ")
            self._label = ""
        self._begin_paragraph(" ")
        if is_apart:
            self._lines.write_apart(text)
        else:
            self._lines.write(text, script or self._script)

    def _why_left_out(self) -> str:
        return self._note_left_out or min(self._left_out | self._all_left_out, default="")

    def _begin_paragraph(self, gap: str) -> None:
        """Write the paragraph's number, which is counted only now: a deleted paragraph has none."""
        begun, self._begun = self._begun or bool(self._all_left_out), True
        if not begun and (number := self._found.numbers.next(self._style, self._instance, self._level)):
            self._lines.write(number + gap)

    def _white(self, tag: str, given: Attributes) -> None:
        if self._formula:
            self._write(" ")
        elif not given.get("pos") and not self._left_out:  # a tab that has a position is a tab stop
            self._begin_paragraph(" ")
            self._lines.white(_WHITE[tag])

    def _begin_formula(self, tag: str, given: Attributes) -> None:
        if self._open[-2:-1] == ["oMathPara"] and not self._formula:
            self._formulas += 1
            if self._formulas > 1:  # Word shows each on a line of its own
                self._lines.white("\n")
        self._formula = self._formula or WordFormula()

    def _end_formulas(self) -> None:
        self._formulas = 0

    def _meet_object(self, tag: str, given: Attributes) -> None:
        self._found.objects += 1

    def _draw(self, tag: str, given: Attributes) -> None:
        lines = [] if self._why_left_out() else self._found.drawn(given.get("dm") or given.get("id", ""))
        self._written += bool(lines)
        self._boxes += lines

    def _alternative(self, tag: str, given: Attributes) -> None:
        if text := " ".join(given.get(_ALTERNATIVES[tag], "").split()):
            self._write(text, is_apart=True)

    def _symbol(self, tag: str, given: Attributes) -> None:
        try:
            code = int(given.get("char", ""), 16)
        except ValueError:
            return
        sign = symbol(code, given.get("font", ""))
        self._found.symbols += sign == UNKNOWN
        self._write(sign)

    def _refer(self, tag: str, given: Attributes) -> None:
        if why := self._why_left_out():
            self._found.dropped[_note(tag, given)] = why
            return
        if is_on({"val": given.get("customMarkFollows", "0")}):
            return  # its mark is text, here and in the note
        number = self._found.notes.setdefault(_note(tag, given), len(self._found.notes) + 1)
        self._write(f"[{number}]")

    def _begin_note(self, tag: str, given: Attributes) -> None:
        note = _note(tag, given)
        self._note_left_out = ""
        if tag == "comment":
            self._label = f"[comment by {given.get('author', 'somebody')}]"
        elif number := self._found.notes.get(note):
            self._label = f"[{number}]"
        elif note in self._found.dropped:
            self._note_left_out = self._found.dropped[note]
            self._unread = 0 if self._note_left_out else 1

    def _field(self, tag: str, given: Attributes) -> None:
        kind = given.get("fldCharType")
        if kind == "begin":
            self._fields.begin()
        elif kind == "separate":
            self._fields.separate()
        elif kind == "end":
            self._end_field()

    def _end_field(self) -> None:
        for text, script in self._fields.end():
            self._found.symbols += text.count(UNKNOWN)
            self._write(text, script)

    def _begin_simple_field(self, tag: str, given: Attributes) -> None:
        self._fields.begin()
        self._fields.add(given.get("instr", ""))
        self._fields.separate()

    def _end_run(self) -> None:
        self._left_out.clear()
        self._script = self._font = ""

    def _end_paragraph(self) -> None:
        if self._fields.in_code:  # one that has no end would hide the rest
            self._fields.clear()
        if not self._joined:
            self._close_paragraph()
        self._style, self._instance, self._level = "", "", None
        self._left_out.clear()
        self._all_left_out.clear()
        self._joined = self._is_initial = False
        self._script = self._font = ""

    def _close_paragraph(self) -> None:
        """End the paragraph's line, and write the text boxes that are in it."""
        self._begin_paragraph("")
        self._lines.end_paragraph()
        self._begun = False
        for text in self._boxes:
            for line in text.strip("\n").split("\n"):
                self._lines.write(line)
                self._lines.end_paragraph()
        self._boxes = []

    def _close_joined(self) -> None:
        """End the open paragraph, which was to be joined with the next one, where there is no next one."""
        if self._begun or self._boxes:
            self._close_paragraph()

    def _begin_table(self, tag: str, given: Attributes) -> None:
        self._close_joined()
        self._columns.append(0)

    def _end_cell(self) -> None:
        self._close_joined()
        self._lines.widen_cell(self._widths.pop() if self._widths else 1)

    def _begin_cell(self, tag: str, given: Attributes) -> None:
        if self._rows and self._rows[-1] is not None:
            self._lines.begin_row(self._rows[-1], is_flat=any(columns != 1 for columns in self._columns[:-1]))
            self._rows[-1] = None
        self._lines.begin_cell()
        self._widths.append(1)

    def _add_column(self, tag: str, given: Attributes) -> None:
        if self._columns:
            self._columns[-1] += 1

    def _end_row(self) -> None:
        if self._rows and self._rows.pop() is None:
            self._lines.end_row()

    def _delete_row(self, given: Attributes) -> None:
        if self._rows and self._rows[-1] is not None:
            self._rows.pop()
            self._unread = 3  # the row, its properties, this one

    def _set_before(self, given: Attributes) -> None:
        if self._rows and self._rows[-1] is not None:
            self._rows[-1] = whole(given.get("val", ""), 0)

    def _set_width(self, given: Attributes) -> None:
        if self._widths:
            self._widths[-1] = whole(given.get("val", ""), 0)

    def _set_style(self, given: Attributes) -> None:
        styles, style = self._found.styles, given.get("val", "")
        self._left_out |= styles.left_out(style)
        self._script = styles.script(style)
        self._font = styles.font(style)

    def _set_paragraph_style(self, given: Attributes) -> None:
        self._style, styles = given.get("val", ""), self._found.styles
        if self._style in styles.headings:
            self._lines.heading()
        self._all_left_out = styles.left_out(self._style)

    def _set_instance(self, given: Attributes) -> None:
        self._instance = given.get("val", "")

    def _set_level(self, given: Attributes) -> None:
        self._level = whole(given.get("val", ""), 0)

    def _leave_out(self, given: Attributes, why: str) -> None:
        (self._left_out.add if is_on(given) else self._left_out.discard)(why)

    def _set_font(self, given: Attributes) -> None:
        self._font = font_of(given) or self._font

    def _set_script(self, given: Attributes) -> None:
        self._script = SCRIPTS.get(given.get("val", ""), "")

    def _set_position(self, given: Attributes) -> None:
        value = given.get("val", "")
        if whole(value.removeprefix("-"), 0) >= FAR and not self._is_initial:
            self._script = LOWERED if value.startswith("-") else RAISED

    def _set_initial(self, given: Attributes) -> None:
        self._is_initial = given.get("dropCap", "none") != "none"
        self._joined = self._joined or self._is_initial

    def _set_joined(self, given: Attributes) -> None:
        self._joined = self._joined or is_on(given)


def _note(tag: str, given: Attributes) -> tuple[str, str]:
    return tag.removesuffix("Reference"), given.get("id", "")


_PROPERTIES: dict[tuple[str, str], Callable[[PartText, Attributes], None]] = {
    ("pPr", "pStyle"): PartText._set_paragraph_style,
    ("pPr", "framePr"): PartText._set_initial,
    ("numPr", "numId"): PartText._set_instance,
    ("numPr", "ilvl"): PartText._set_level,
    ("rPr", "rStyle"): PartText._set_style,
    **{("rPr", tag): partial(PartText._leave_out, why=why) for tag, why in LEFT_OUT.items()},
    ("rPr", "rFonts"): PartText._set_font,
    ("rPr", "vertAlign"): PartText._set_script,
    ("rPr", "position"): PartText._set_position,
    ("mark", "del"): PartText._set_joined,
    ("mark", "moveFrom"): PartText._set_joined,
    ("mark", "vanish"): PartText._set_joined,
    ("trPr", "del"): PartText._delete_row,
    ("trPr", "gridBefore"): PartText._set_before,
    ("tcPr", "gridSpan"): PartText._set_width,
    **{("checkBox", tag): lambda part, given: part._form.check(given) for tag in ("default", "checked")},
    **{("ddList", tag): lambda part, given: part._form.choose(given) for tag in ("default", "result")},
    ("ddList", "listEntry"): lambda part, given: part._form.add(given),
}
_STARTS: dict[str, Callable[[PartText, str, Attributes], None]] = {
    **dict.fromkeys(_WHITE, PartText._white),
    **dict.fromkeys(_ALTERNATIVES, PartText._alternative),
    "noBreakHyphen": lambda part, tag, given: part._write("-"),
    "oMath": PartText._begin_formula,
    "tbl": PartText._begin_table,
    "gridCol": PartText._add_column,
    **dict.fromkeys(_REFERENCES, PartText._refer),
    **dict.fromkeys(_NOTES, PartText._begin_note),
    "sym": PartText._symbol,
    "fldChar": PartText._field,
    "fldSimple": PartText._begin_simple_field,
    "tc": PartText._begin_cell,
    "tr": lambda part, tag, given: part._rows.append(0),
    "AlternateContent": lambda part, tag, given: part._choices.append(part._written),
    **dict.fromkeys(("altChunk", "subDoc"), lambda part, tag, given: part._found.chunk(given.get("id", ""))),
    "OLEObject": PartText._meet_object,
    **dict.fromkeys(("chart", "relIds"), PartText._draw),
}
_ENDS: dict[str, Callable[[PartText], None]] = {
    "r": PartText._end_run,
    "p": PartText._end_paragraph,
    "checkBox": lambda part: part._fields.fill_in(part._form.box()),
    "ddList": lambda part: part._fields.fill_in(part._form.entry()),
    "ffData": lambda part: part._form.end(),
    "fldSimple": PartText._end_field,
    "oMathPara": PartText._end_formulas,
    "tbl": lambda part: part._columns.__delitem__(slice(-1, None)),
    "tr": PartText._end_row,
    "tc": PartText._end_cell,
    **dict.fromkeys(_NOTES, PartText._close_joined),
    "AlternateContent": lambda part: part._choices.__delitem__(slice(-1, None)),
}
