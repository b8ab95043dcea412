"""Read OpenDocument text: a zip file with paragraphs and tables in XML, or one file of XML (`.fodt`).

Notes and comments follow the text, marked, and the numbers of lists and headings are put before their paragraphs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from functools import partial

from gemma10m.documents import limits
from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.budget import BombError, Budget
from gemma10m.documents.content import Content
from gemma10m.documents.counts import counted
from gemma10m.documents.formats.odf_package import CONTENT
from gemma10m.documents.formats.odt_forms import OdtForms
from gemma10m.documents.formats.odt_line import Line
from gemma10m.documents.formats.odt_numbers import NUMBERED, OdtNumbers
from gemma10m.documents.formats.odt_objects import OdtFormula, formula_in
from gemma10m.documents.formats.odt_styles import OdtStyles
from gemma10m.documents.formats.odt_tables import OdtTables, repeats
from gemma10m.documents.formats.raised import APART
from gemma10m.documents.formats.symbols import UNKNOWN, in_font
from gemma10m.documents.formats.xml_events import Attributes, parse_to_damage, parse_xml
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_MANIFEST, _STYLES = "META-INF/manifest.xml", "styles.xml"
_UNREAD = {"tracked-changes", "ruby-text", "note-citation", "sequence-decls", "binary-data", "script"}
_UNREAD |= {"date-string", "creator-initials", "sender-initials"}  # of comments
_ABOUT = {"title", "desc", "creator", "date"}  # of a drawing or a comment; in a paragraph they are fields
_INLINE = {"p", "h", "span", "a"}
_VARIABLES = {"variable-set", "variable-input", "user-field-get"}  # fields that may show nothing
_SHAPES = ("custom-shape", "rect", "circle", "ellipse", "line", "polyline", "polygon", "regular-polygon", "path")
_BOXES = ("text-box", "connector", "measure", "caption", *_SHAPES)
_ASIDE = ("note", "annotation", "number", *_BOXES)  # what is written after the paragraph it is in
_PICTURES = {"title", "desc"}  # the texts of a drawing, which are written in its place
_WHITE = re.compile(r"[ \t\r\n]+")


def write_odt(document: Zip, writer: TextWriter) -> None:
    """Write the text of an OpenDocument file. Raises `UnreadableError` and `DiskError`."""
    text = _Text(writer, document.budget, partial(formula_in, document))
    for part in (_MANIFEST, _STYLES, CONTENT):
        if part not in document.members:
            continue
        try:
            parse_xml(part, document.blocks(part), text.start, text.end, text.text)
        except BombError:
            raise
        except UnreadableError as error:
            if part == CONTENT and writer.blank:
                raise
            writer.note(f"part of its {part} is not read ({error})")
        if text.is_encrypted:
            raise UnreadableError("an OpenDocument text that only a password opens")
    text.finish()


def write_flat(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of an OpenDocument text that is one file of XML. Raises `UnreadableError` and `DiskError`."""
    text = _Text(writer, budget, _absent)
    parse_to_damage(content.blocks(), text.start, text.end, text.text, lambda: writer.blank, writer.note)
    text.finish()


def _absent(reference: str) -> str:
    raise UnreadableError("it is not there")


class _Text:
    def __init__(self, writer: TextWriter, budget: Budget, formula: Callable[[str], str]) -> None:
        self._writer, self._budget = writer, budget
        self._formula_in = formula  # reads an object of the document
        self._formula: OdtFormula | None = None  # that is open
        self._open: list[str] = []
        self.is_encrypted = False
        self._unread = 0  # elements that are open from the one on that is not read
        self._paragraphs = 0  # that are open
        self._lines = [Line()]  # of the open paragraph, and of what is aside in it
        self._aside: list[str] = []  # that is open
        self._notes: list[str] = []
        self._noted = 0  # notes before the open paragraph
        self._tables = OdtTables(budget)
        self._styles = OdtStyles()
        self._forms = OdtForms()
        self._in_forms = False
        self._is_numbered = False  # the open paragraph is
        self._objects = self._symbols = 0  # that are not read, and not known
        self._number = ""  # of the next paragraph, by the file
        self._spans: list[str] = []
        self._level = 0  # of the open heading
        self._numbers = OdtNumbers(budget)
        self._margin = self._has_margins = False
        self._left_out = Counter[str]()  # characters, by the reason
        self._in_hidden = self._hides = False  # what is not read is hidden text; the open paragraph is
        self._author = ""  # of the open comment

    def start(self, tag: str, given: Attributes) -> None:
        parent = self._open[-1] if self._open else ""
        self._open.append(tag)
        if self._formula:
            self._formula.start(tag, given)
        elif self._unread:
            self._unread += 1
            if self._in_forms:
                self._forms.start(tag, given)
        elif _is_hidden(tag, given):
            self._unread, self._in_hidden = 1, True
            self._left_out["hidden"] += len(given.get("string-value", ""))
        elif tag in _ABOUT and parent not in _INLINE:
            self._begin_about(tag, parent)
        elif tag in _UNREAD or (tag in _VARIABLES and given.get("display") == "none"):
            self._unread = 1
        elif tag in _STARTS:
            _STARTS[tag](self, tag, given)

    def end(self, tag: str) -> None:
        self._open.pop()
        if self._formula:
            self._end_formula()
        elif self._unread:
            self._unread -= 1
            self._in_hidden &= self._unread > 0
            self._in_forms &= self._unread > 0
        elif self._aside and self._aside[-1] == tag and tag in _ABOUT:
            self._end_about(tag)
        elif tag in _ENDS:
            _ENDS[tag](self, tag)

    def text(self, text: str) -> None:
        if self._formula:
            self._formula.add(text)
        elif self._margin:
            self._has_margins |= bool(text.strip())
        elif self._unread:
            self._left_out["hidden"] += len(text) if self._in_hidden and self._open[-1] in _INLINE else 0
        elif self._paragraphs or self._aside:
            font = self._styles.of(self._spans).font
            shown = in_font(text, font) if font else text
            self._symbols += shown.count(UNKNOWN) - text.count(UNKNOWN)
            self._write(_WHITE.sub(" ", shown))

    def finish(self) -> None:
        for left in self._lines[0].boxes + self._notes:
            self._writer.write(left + "\n")
        if self._has_margins:
            self._writer.note("its headers and footers are not read")
        for why, number in (+self._left_out).items():
            self._writer.note(f"{counted(number, 'character', f' of {why} text')} not read")
        if self._objects:
            self._writer.note(f"{counted(self._objects, 'embedded object', ' of another program')} not read")
        if self._symbols:
            self._writer.note(f"{counted(self._symbols, 'sign', ' of symbol fonts')} not known")
        if self._writer.blank:
            raise UnreadableError("an OpenDocument text without text")

    def _write(self, text: str, script: str = "") -> None:
        look = self._styles.of(self._spans)
        if look.left_out:
            self._left_out[look.left_out] += len(text)
        else:
            self._lines[-1].write(text, script or look.script)

    def _encrypted(self, tag: str, given: Attributes) -> None:
        self.is_encrypted = True

    def _begin_forms(self, tag: str, given: Attributes) -> None:
        self._unread, self._in_forms = 1, True

    def _begin_formula(self, tag: str, given: Attributes) -> None:
        self._formula = OdtFormula(given)

    def _end_formula(self) -> None:
        if self._formula and self._formula.end():
            text, self._formula = self._formula.text, None
            self._embed(text)

    def _embed(self, text: str, script: str = APART) -> None:
        """Write what is embedded in the text, or stands on a page outside of it."""
        if self._margin:
            self._has_margins = True
        elif text and (self._paragraphs or self._aside):
            self._write(text, script)
        elif text:
            self._lines[-1].boxes.append(text.strip())

    def _object(self, tag: str, given: Attributes) -> None:
        """Read an object that has a part of its own; others are in the text."""
        if reference := given.get("href"):
            try:
                self._embed(self._formula_in(reference))
            except BombError:
                raise
            except UnreadableError:
                self._objects += 1

    def _leave_object(self, tag: str, given: Attributes) -> None:
        if tag == "object-ole" or "object" in self._open[-2:-1]:
            self._unread = 1
            self._objects += 1

    def _begin_paragraph(self, tag: str, given: Attributes) -> None:
        if not self._margin:
            self._paragraphs += 1
            self._spans.append(given.get("style-name", ""))
            level = repeats(given, "outline-level") if tag == "h" else None
            if len(self._lines) == 1:
                self._level, self._noted = level or 0, len(self._notes)
            number, self._number = self._numbers.next(level, given) or self._number, ""
            self._is_numbered = bool(number)
            self._lines[-1].add(f"{number} " if number else "")

    def _end_paragraph(self, tag: str) -> None:
        if self._margin or not self._paragraphs:
            return
        self._paragraphs -= 1
        self._spans = self._spans[:-1]
        if self._aside or self._tables.in_cell:
            self._lines[-1].end_paragraph()
            return
        text = self._lines[-1].take().rstrip(" ")
        boxes = self._lines[-1].take_boxes()
        if self._hides:
            self._left_out["hidden"] += sum(map(len, (text, *boxes)))
            del self._notes[self._noted :]
            self._hides = False
            return
        if 0 < self._level <= 3 and text.strip():
            self._writer.place(f"section {text[: limits.LABEL]}")
        self._writer.write("".join(f"{line}\n" for line in (text, *boxes)))

    def _hide_paragraph(self, tag: str, given: Attributes) -> None:
        self._hides = given.get("is-hidden") == "true" and len(self._lines) == 1

    def _end_number(self, tag: str) -> None:
        """Take the number that the file holds of a paragraph, unless it has been computed."""
        if not self._aside or self._aside[-1] != tag:
            return
        self._aside.pop()
        text = " ".join(self._lines.pop().take().split())
        if not self._paragraphs:
            self._number = text
        elif text and not self._is_numbered:
            self._lines[-1].add(f"{text} ")

    def _begin_aside(self, tag: str, given: Attributes) -> None:
        if tag == "annotation":
            self._author = "somebody"
        self._aside.append(tag)
        self._lines.append(Line())

    def _end_aside(self, tag: str) -> None:
        if not self._aside:
            return
        self._aside.pop()
        shown = self._lines.pop().take_all()
        text = " ".join(shown.split())
        if self._styles.of(self._spans).left_out:  # its text has been counted
            return
        if tag in _BOXES:
            self._lines[-1].boxes += [line for each in shown.split("\n") if (line := each.strip(" "))]
        elif tag == "annotation":
            self._notes.append(f"[comment by {self._author}] {text}")
        else:
            self._notes.append(f"[{len(self._notes) + 1}] {text}")
            self._write(f"[{len(self._notes)}]")

    def _begin_about(self, tag: str, parent: str) -> None:
        if (tag in _PICTURES and parent != "meta") or (tag == "creator" and parent == "annotation"):
            self._begin_aside(tag, {})
        else:
            self._unread = 1

    def _end_about(self, tag: str) -> None:
        self._aside.pop()
        text = " ".join(self._lines.pop().take().split())
        if tag == "creator":
            self._author = text or self._author
        elif text:
            self._embed(f" {text} ", "")

    def _white(self, tag: str, given: Attributes) -> None:
        if not self._paragraphs:
            return
        if tag == "s":
            self._lines[-1].white(" " * repeats(given, "c"))
        else:
            self._lines[-1].white(" " if self._tables.in_cell else "\t" if tag == "tab" else "\n")

    def _begin_cell(self, tag: str, given: Attributes) -> None:
        if self._tables.begin_cell(given):
            self._lines.append(Line())

    def _end_cell(self, tag: str) -> None:
        if self._tables.in_cell:
            self._tables.end_cell(self._lines.pop().take_all())

    def _end_row(self, tag: str) -> None:
        rows = self._tables.end_row()
        if self._tables.in_cell:  # a table in a cell of another
            self._lines[-1].white(" ".join(rows[:1]).replace("\t", " ") + " ")
        else:
            write = self._lines[-1].add if self._aside else self._writer.write
            for row in rows:
                write(row + "\n")

    def _set_margin(self, is_open: bool) -> None:
        self._margin = is_open


def _is_hidden(tag: str, given: Attributes) -> bool:
    if tag == "hidden-text":
        return given.get("is-hidden") != "false"
    display, is_hidden = given.get("display"), given.get("is-hidden") == "true"
    return tag == "section" and (display == "none" or (display == "condition" and is_hidden))


_MARGINS = ("header", "footer", "header-left", "footer-left", "header-first", "footer-first")
_STARTS: dict[str, Callable[[_Text, str, Attributes], None]] = {
    "encryption-data": _Text._encrypted,
    "font-face": lambda text, tag, given: text._styles.declare_font(given),
    "style": lambda text, tag, given: text._styles.begin(given),
    "text-properties": lambda text, tag, given: text._styles.set(given),
    "forms": _Text._begin_forms,
    "control": lambda text, tag, given: text._embed(text._forms.shown(given.get("control", ""))),
    "math": _Text._begin_formula,
    "object": _Text._object,
    **dict.fromkeys(("object-ole", "document"), _Text._leave_object),
    **dict.fromkeys(NUMBERED, lambda text, tag, given: text._numbers.start(tag, given)),
    **dict.fromkeys(("p", "h"), _Text._begin_paragraph),
    "span": lambda text, tag, given: text._spans.append(given.get("style-name", "")),
    **dict.fromkeys(_ASIDE, _Text._begin_aside),
    "hidden-paragraph": _Text._hide_paragraph,
    **dict.fromkeys(("s", "tab", "line-break"), _Text._white),
    "table-row": lambda text, tag, given: text._tables.begin_row(given),
    **dict.fromkeys(("table-cell", "covered-table-cell"), _Text._begin_cell),
    **dict.fromkeys(_MARGINS, lambda text, tag, given: text._set_margin(True)),
}
_ENDS: dict[str, Callable[[_Text, str], None]] = {
    "style": lambda text, tag: text._styles.end(),
    **dict.fromkeys(("p", "h"), _Text._end_paragraph),
    "span": lambda text, tag: text._spans.__delitem__(slice(-1, None)),
    "list": lambda text, tag: text._numbers.end_list(),
    **dict.fromkeys(_ASIDE, _Text._end_aside),
    "number": _Text._end_number,
    "table-row": _Text._end_row,
    **dict.fromkeys(("table-cell", "covered-table-cell"), _Text._end_cell),
    **dict.fromkeys(_MARGINS, lambda text, tag: text._set_margin(False)),
}
