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
from gemma10m.documents.content import Content, ContentFile
from gemma10m.documents.formats.counts import counted
from gemma10m.documents.formats.odt_forms import OdtForms
from gemma10m.documents.formats.odt_line import Line
from gemma10m.documents.formats.odt_numbers import OdtNumbers
from gemma10m.documents.formats.odt_objects import OdtFormula, formula_in
from gemma10m.documents.formats.odt_styles import OdtStyles
from gemma10m.documents.formats.raised import APART
from gemma10m.documents.formats.symbols import UNKNOWN, in_font
from gemma10m.documents.formats.xml_events import Attributes, parse_xml
from gemma10m.documents.safe_open import BLOCK, UnreadableError
from gemma10m.documents.spool import TextWriter

CONTENT = "content.xml"
_MIMETYPE, _MANIFEST, _STYLES = "mimetype", "META-INF/manifest.xml", "styles.xml"
_KIND = b"application/vnd.oasis.opendocument.text"
_UNREAD = {"tracked-changes", "ruby-text", "note-citation", "sequence-decls", "binary-data"}
_UNREAD |= {"date-string", "creator-initials", "sender-initials"}  # of comments
_ABOUT = {"title", "desc", "creator", "date"}  # of a drawing or a comment; in a paragraph they are fields
_INLINE = {"p", "h", "span", "a"}
_ASIDE = ("note", "annotation", "text-box", "number")  # what is written after the paragraph it is in
_PICTURES = {"title", "desc"}  # the texts of a drawing, which are written in its place
_MOST_REPEATED = 1000  # rows and cells with something in them, and spaces
_MOST_COLUMNS, _USUAL_COLUMNS = 256, 64
_WHITE = re.compile(r"[ \t\r\n]+")


def is_odt(document: Zip) -> bool:
    """Tell if a zip file is an OpenDocument text."""
    if CONTENT not in document.members or _MIMETYPE not in document.members:
        return False
    try:
        return next(document.blocks(_MIMETYPE), b"").startswith(_KIND)
    except BombError:
        raise
    except UnreadableError:
        return False


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
    with content.descriptor() as descriptor:
        file = ContentFile(content, descriptor)
        try:
            parse_xml("text", iter(lambda: file.read(BLOCK), b""), text.start, text.end, text.text)
        except BombError:
            raise
        except UnreadableError as error:
            if writer.blank:
                raise
            writer.note(f"part of it is not read ({error})")
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
        self._aside: list[tuple[str, int]] = []  # what is aside and is open, and paragraphs around it
        self._boxes: list[str] = []
        self._notes: list[str] = []
        self._rows: list[list[tuple[str, int]]] = []  # of open tables: cells, and how often they come
        self._repeats: list[int] = []  # of open cells
        self._row_repeats: list[int] = []
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
        self._author = "somebody"

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
        elif tag in _UNREAD:
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
        elif self._aside and self._aside[-1][0] == tag and tag in _ABOUT:
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
        for note in self._notes:
            self._writer.write(note + "\n")
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

    def _embed(self, text: str) -> None:
        """Write what is embedded in the text, or stands on a page outside of it."""
        if self._margin:
            self._has_margins = True
        elif text:
            self._write(text, APART)
            if not self._paragraphs and not self._aside:
                self._lines[-1].white("\n")

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
            level = _count(given, "outline-level") if tag == "h" else None
            if level and len(self._lines) == 1:
                self._level = level
            number, self._number = self._numbers.next(level, given) or self._number, ""
            self._is_numbered = bool(number)
            self._lines[-1].add(f"{number} " if number else "")

    def _end_paragraph(self, tag: str) -> None:
        if self._margin or not self._paragraphs:
            return
        self._paragraphs -= 1
        self._spans = self._spans[:-1]
        if self._aside or self._repeats:  # lines in a cell would be taken for rows
            self._lines[-1].white(" " if self._repeats or self._aside[-1][0] != "text-box" else "\n")
            return
        text = self._lines[-1].take().rstrip(" ")
        if self._hides:
            self._left_out["hidden"] += len(text)
            self._hides = False
            return
        if 0 < self._level <= 3 and text.strip():
            self._writer.place(f"section {text[: limits.LABEL]}")
        self._level = 0
        self._writer.write(text + "\n" + "".join(f"{box}\n" for box in self._boxes))
        self._boxes = []

    def _hide_paragraph(self, tag: str, given: Attributes) -> None:
        self._hides = given.get("is-hidden") == "true" and len(self._lines) == 1

    def _end_number(self, tag: str) -> None:
        """Take the number that the file holds of a paragraph, unless it has been computed."""
        if not self._aside or self._aside[-1][0] != tag:
            return
        self._aside.pop()
        text = " ".join(self._lines.pop().take().split())
        if not self._paragraphs:
            self._number = text
        elif text and not self._is_numbered:
            self._lines[-1].add(f"{text} ")

    def _begin_aside(self, tag: str, given: Attributes) -> None:
        self._aside.append((tag, self._paragraphs))
        self._lines.append(Line())

    def _end_aside(self, tag: str) -> None:
        if not self._aside:
            return
        self._aside.pop()
        shown = self._lines.pop().take()
        text = " ".join(shown.split())
        if tag == "text-box" and self._repeats:
            self._lines[-1].add(text)
        elif tag == "text-box":
            self._boxes += [line for each in shown.split("\n") if (line := each.strip(" "))] or [""]
        elif tag == "annotation":
            self._notes.append(f"[comment by {self._author}] {text}")
            self._author = "somebody"
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
            self._write(f" {text} ")

    def _white(self, tag: str, given: Attributes) -> None:
        if not self._paragraphs:
            return
        if tag == "s":
            self._lines[-1].white(" " * _count(given, "c"))
        else:
            self._lines[-1].white(" " if self._repeats else "\t" if tag == "tab" else "\n")

    def _begin_row(self, tag: str, given: Attributes) -> None:
        self._rows.append([])
        self._row_repeats.append(_count(given, "number-rows-repeated"))

    def _begin_cell(self, tag: str, given: Attributes) -> None:
        if self._rows:
            self._repeats.append(_count(given, "number-columns-repeated"))
            self._lines.append(Line())

    def _end_cell(self, tag: str) -> None:
        if self._rows and self._repeats:
            self._rows[-1].append((" ".join(self._lines.pop().take().split()), self._repeats.pop()))

    def _end_row(self, tag: str) -> None:
        if not self._rows:
            return
        cells, repeats = self._rows.pop(), self._row_repeats.pop()
        while cells and not cells[-1][0] and sum(times for _, times in cells) > _USUAL_COLUMNS:
            cells.pop()  # which reach to the edge of a sheet
        self._budget.spend(repeats * sum(times * len(text) for text, times in cells))  # few bytes can ask for many
        texts = [text for text, times in cells for _ in range(times)][:_MOST_COLUMNS]
        write = self._lines[-1].add if self._aside else self._writer.write
        if self._repeats:  # a table in a cell of another
            self._lines[-1].white(" ".join(texts) + " ")
        else:
            for _ in range(repeats if any(texts) else 1):
                write("\t".join(texts) + "\n")

    def _set_margin(self, is_open: bool) -> None:
        self._margin = is_open


def _is_hidden(tag: str, given: Attributes) -> bool:
    if tag == "hidden-text":
        return given.get("is-hidden") != "false"
    return tag == "section" and given.get("display") == "none"


def _count(given: Attributes, name: str) -> int:
    value = given.get(name, "1")
    return min(int(value), _MOST_REPEATED) if value.isdecimal() and len(value) < 10 else 1


_MARGINS = ("header", "footer", "header-left", "footer-left", "header-first", "footer-first")
_LIST_LEVELS = ("list-level-style-number", "outline-level-style", "list-level-style-bullet", "list-level-style-image")
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
    **dict.fromkeys(("list-style", "outline-style"), lambda text, tag, given: text._numbers.begin_style(tag, given)),
    **dict.fromkeys(_LIST_LEVELS, lambda text, tag, given: text._numbers.set_level(given)),
    "list": lambda text, tag, given: text._numbers.begin_list(given),
    "list-item": lambda text, tag, given: text._numbers.begin_item(given),
    **dict.fromkeys(("p", "h"), _Text._begin_paragraph),
    "span": lambda text, tag, given: text._spans.append(given.get("style-name", "")),
    **dict.fromkeys(_ASIDE, _Text._begin_aside),
    "hidden-paragraph": _Text._hide_paragraph,
    **dict.fromkeys(("s", "tab", "line-break"), _Text._white),
    "table-row": _Text._begin_row,
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
