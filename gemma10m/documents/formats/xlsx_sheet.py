"""Read a sheet of a workbook (ECMA-376 part 1, 18.3) event by event: the values that its cells show."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gemma10m.documents.formats.cell_formats import HIDDEN_BY_FORMAT, CellFormats
from gemma10m.documents.formats.shared_strings import RichText, SharedStrings, unescaped
from gemma10m.documents.formats.sheet_rows import MOST_COLUMNS, SheetRows
from gemma10m.documents.formats.xml_events import Attributes, XmlReceiver

_COLUMN = re.compile(r"\$?([A-Za-z]{1,3})\$?\d")
_MIDNIGHT = re.compile(r"T00:00(?::00(?:\.0+)?)?Z?$")
_LONGEST = 1 << 20  # characters of a value; what formulas give has 32,767 at most
_TRUE = ("1", "true")
_WORDS = ("inlineStr", "s", "str")  # kinds of cells with text


@dataclass
class Workbook:
    """Hold what the sheets of a workbook share."""

    rows: SheetRows
    formats: CellFormats = field(default_factory=CellFormats)
    strings: SharedStrings = field(default_factory=SharedStrings)
    is_1904: bool = False  # days count from 1904


class SheetReader(XmlReceiver):
    """Receive the part of a sheet. Hidden rows and columns are not read, unless a filter or a group hides them."""

    def __init__(self, book: Workbook, is_filtered: bool) -> None:
        self._book, self._is_filtered = book, is_filtered
        self._rich = RichText()  # of the open cell, an inline string
        self._value = ""  # of the open cell
        self._hidden = bytearray(MOST_COLUMNS)  # which columns are
        self._columns = 0  # that were described
        self._is_hidden = self._has_text = False  # the open row
        self._column = -1  # of the open cell
        self._tag = self._kind = self._style = ""
        self._has_formula = self._has_value = False

    def start(self, tag: str, given: Attributes) -> None:
        self._tag = tag
        if tag == "c":
            self._begin_cell(given)
        elif tag == "row":
            self._column = -1
            self._is_hidden = _is_hidden(given) and not self._is_filtered
        elif tag == "f":
            self._has_formula = True
        elif tag == "v":
            self._has_value = True
        elif tag == "col" and _is_hidden(given):
            self._hide(given)
        else:
            self._rich.start(tag, given)

    def text(self, text: str) -> None:
        if self._tag == "v":
            self._value += text if len(self._value) < _LONGEST else ""
        elif self._kind == "inlineStr":
            self._rich.text(text)

    def end(self, tag: str) -> None:
        self._tag = ""
        if tag == "c":
            self._end_cell()
        elif tag == "row":
            self.end_row()
        else:
            self._rich.end(tag)

    def end_row(self) -> None:
        """End the open row, which may be damaged."""
        if self._is_hidden and self._has_text:
            self._book.rows.leave_out("hidden row")
        self._has_text = False
        self._book.rows.end_row()

    def finish(self) -> None:
        """Count what was left out of strings."""
        self.end_row()
        count_unread(self._book.rows, self._rich)

    def _begin_cell(self, given: Attributes) -> None:
        self._column = column_of(given.get("r", ""), self._column + 1)
        self._kind, self._style = given.get("t", "n"), given.get("s", "")
        self._has_formula = self._has_value = False

    def _end_cell(self) -> None:
        text, value = self._shown(" ".join(self._value.split())), self._value
        has_result = bool(value.strip()) or (self._has_value and self._kind == "str")  # which may be no text
        self._value = self._kind = ""
        if not text:
            if self._has_formula and not has_result:
                self._book.rows.leave_out("formula", " without a stored value")
        elif self._is_hidden:
            self._has_text = True
        elif self._column < MOST_COLUMNS and self._hidden[self._column]:
            self._book.rows.leave_out("cell", " in hidden columns")
        else:
            self._book.rows.cell(self._column, text)

    def _shown(self, value: str) -> str:
        if self._kind != "inlineStr" and not value:
            return ""
        if self._kind == "b":
            return "TRUE" if value in _TRUE else "FALSE"
        if self._kind == "d":
            return _MIDNIGHT.sub("", value).replace("T", " ")
        if self._kind == "e":
            return unescaped(value)
        shown_as = self._book.formats.of(self._style)
        text = self._words(value) if self._kind in _WORDS else value
        shown = shown_as.words(text) if self._kind in _WORDS else shown_as.text(value, self._book.is_1904)
        if text and not shown:
            self._book.rows.leave_out(*HIDDEN_BY_FORMAT)
        return shown

    def _words(self, value: str) -> str:
        if self._kind == "inlineStr":
            return unescaped(self._rich.cell.take())
        if self._kind == "str":
            return unescaped(value)
        if (text := self._book.strings.get(value)) is None:
            self._book.rows.leave_out("cell", " whose text is lost")
        return text or ""

    def _hide(self, given: Attributes) -> None:
        first, last = (given.get(name, "") for name in ("min", "max"))
        self._columns += 1
        if first.isdecimal() and last.isdecimal() and len(first + last) < 12 and self._columns < MOST_COLUMNS:
            columns = range(max(1, int(first)), min(MOST_COLUMNS, int(last)) + 1)
            self._hidden[columns.start - 1 : columns.stop - 1] = b"\1" * len(columns)


def column_of(reference: str, otherwise: int) -> int:
    """Return the column of a cell, from 0, by its reference such as `AB12`."""
    if not (found := _COLUMN.match(reference)):
        return otherwise
    column = 0
    for letter in found[1].upper():
        column = 26 * column + ord(letter) - ord("A") + 1
    return column - 1


def count_unread(rows: SheetRows, rich: RichText) -> None:
    """Count the characters of strings that are not read."""
    rows.leave_out("character", " of struck text", rich.struck)
    rows.leave_out("character", " of very long cells", rich.cell.cut)


def _is_hidden(given: Attributes) -> bool:
    """Tell if a row or column is hidden; one of a group can be opened, and is read."""
    return given.get("hidden") in _TRUE and given.get("outlineLevel", "0") == "0"
