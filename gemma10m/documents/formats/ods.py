"""Read OpenDocument spreadsheets: cells with the text that they show, and dates in ISO's form."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from gemma10m.documents import limits
from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.formats.odf_package import read_flat_odf, read_odf
from gemma10m.documents.formats.odf_paragraphs import OdfParagraphs
from gemma10m.documents.formats.odt_tables import repeats
from gemma10m.documents.formats.sheet_rows import MOST_COLUMNS, WITHOUT_TEXT, SheetRows
from gemma10m.documents.formats.xml_events import Attributes, XmlReceiver
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_MOST_ROWS = 1 << 20  # as LibreOffice has them
_MOST_STYLES = 10_000
_GROUPS = ("table-row-group", "table-column-group")
_CELLS = ("table-cell", "covered-table-cell")
_ZEROS = re.compile(r"(?:T00:00|(?<=:\d\d)):00(?:\.0+)?$")
_VALUES = ("string-value", "time-value", "boolean-value", "value")  # shown where a cell has no text
_TIME = re.compile(r"PT([0-9]{1,6})H([0-9]{1,2})M([0-9]{1,2})(?:[.,][0-9]*)?S")
_SHARE = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?")


def write_ods(document: Zip, writer: TextWriter) -> None:
    """Write the text of a spreadsheet. Raises `UnreadableError` and `DiskError`."""
    _write(lambda reader: read_odf(document, "an OpenDocument spreadsheet", reader, writer), writer, document.budget)


def write_flat_ods(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of a spreadsheet that is one file of XML. Raises `UnreadableError` and `DiskError`."""
    _write(lambda reader: read_flat_odf(content, reader, writer), writer, budget)


def _write(read: Callable[[XmlReceiver], str], writer: TextWriter, budget: Budget) -> None:
    """Write what `read` gives a reader. It returns the damage that ended it, if any."""
    rows = SheetRows(writer, budget)
    reader = _OdsReader(rows, budget)
    damage = read(reader)
    reader.finish()
    if writer.blank:
        raise UnreadableError(damage or WITHOUT_TEXT)
    rows.tell()
    reader.paragraphs.tell(writer)


class _OdsReader(XmlReceiver):
    def __init__(self, rows: SheetRows, budget: Budget) -> None:
        self.paragraphs = OdfParagraphs(budget)
        self._rows, self._budget = rows, budget
        self._style = ""  # that is open
        self._hidden_styles: set[str] = set()  # of sheets
        self._tables = self._groups = 0  # that are open
        self._is_hidden_sheet = False
        self._hidden = bytearray(MOST_COLUMNS)  # which columns are
        self._columns = self._column = 0  # that were described; of the open cell
        self._cells: list[tuple[int, int, str]] = []  # of the open row: column, how often it comes, text
        self._size = 0  # characters of the open row
        self._row = self._row_repeats = 0  # number of the open row, from 0; how often it comes
        self._is_hidden_row = False
        self._given: Attributes = {}  # of the open cell

    def start(self, tag: str, given: Attributes) -> None:
        if self.paragraphs.start(tag, given) and tag in _STARTS:
            _STARTS[tag](self, given)

    def text(self, text: str) -> None:
        self.paragraphs.text(text)

    def end(self, tag: str) -> None:
        place = f"{column_name(self._column)}{self._row + 1}" if tag == "annotation" else ""
        if self.paragraphs.end(tag, place) and tag in _ENDS:
            _ENDS[tag](self)

    def finish(self) -> None:
        """Write what damage leaves open."""
        self._end_row()
        self._tables = 1
        self._end_table()

    def _begin_style(self, given: Attributes) -> None:
        self._style = given.get("name", "")

    def _hide_style(self, given: Attributes) -> None:
        if given.get("display") == "false" and len(self._hidden_styles) < _MOST_STYLES:
            self._hidden_styles.add(self._style)

    def _begin_table(self, given: Attributes) -> None:
        self._tables += 1
        if self._tables > 1:  # in a cell
            return
        self._is_hidden_sheet = given.get("style-name", "") in self._hidden_styles
        self._hidden = bytearray(MOST_COLUMNS)
        self._columns = self._row = 0
        if self._is_hidden_sheet:
            self._rows.leave_out("hidden sheet")
        else:
            self._rows.begin_sheet(given.get("name", ""))

    def _end_table(self) -> None:
        self._tables = max(0, self._tables - 1)
        if not self._tables:
            remarks = self.paragraphs.take() + self.paragraphs.take_comments()
            self._rows.remarks([] if self._is_hidden_sheet else remarks)

    def _begin_group(self, given: Attributes) -> None:
        self._groups += 1

    def _end_group(self) -> None:
        self._groups -= 1

    def _describe_column(self, given: Attributes) -> None:
        number = min(repeats(given, "number-columns-repeated", MOST_COLUMNS), MOST_COLUMNS - self._columns)
        if self._tables == 1 and self._is_hidden(given):
            self._hidden[self._columns : self._columns + number] = b"\1" * number
        self._columns += number

    def _begin_row(self, given: Attributes) -> None:
        if self._tables == 1:
            self._cells, self._size, self._column = [], 0, 0
            self._row_repeats = repeats(given, "number-rows-repeated", _MOST_ROWS)
            self._is_hidden_row = self._is_hidden(given)

    def _end_row(self) -> None:
        if self._tables != 1:
            return
        cells, self._cells = self._cells, []
        self._row += self._row_repeats
        if not cells or self._is_hidden_sheet:
            return
        if self._is_hidden_row:
            self._rows.leave_out("hidden row", number=self._row_repeats)
            return
        for _ in range(self._row_repeats):
            self._budget.spend(sum(times * len(text) + 1 for _, times, text in cells))  # few bytes can ask for many
            for column, times, text in cells:
                for at in range(column, column + times):
                    self._write_cell(at, text)
            self._rows.end_row()

    def _begin_cell(self, given: Attributes) -> None:
        if self._tables == 1:
            self._given = given
            self.paragraphs.begin()

    def _end_cell(self) -> None:
        if self._tables != 1:
            return
        text = " ".join(" ".join(self.paragraphs.take()).split())
        number = repeats(self._given, "number-columns-repeated", MOST_COLUMNS)
        if shown := _shown(self._given, text):
            self._size += len(shown)
            if self._size > limits.LARGEST_WHOLE:
                raise UnreadableError(f"a row of more than {limits.LARGEST_WHOLE >> 20} MiB")
            self._cells.append((self._column, min(number, MOST_COLUMNS - self._column), shown))
        elif "formula" in self._given and "value-type" not in self._given and not self._is_hidden_sheet:
            self._rows.leave_out("formula", " without a stored value")
        self._column = min(self._column + number, MOST_COLUMNS)

    def _write_cell(self, column: int, text: str) -> None:
        if self._hidden[column]:
            self._rows.leave_out("cell", " in hidden columns")
        else:
            self._rows.cell(column, text)

    def _is_hidden(self, given: Attributes) -> bool:
        """Tell if a row or column is hidden; one of a group can be opened, and is read."""
        return given.get("visibility") == "collapse" and not self._groups


def column_name(column: int) -> str:
    """Return the letters of a column, from 0: A, Z, AA."""
    letters = ""
    while column >= 0:
        column, last = divmod(column, 26)
        letters, column = chr(ord("A") + last) + letters, column - 1
    return letters


def _shown(given: Attributes, text: str) -> str:
    """Return a cell's text, or its value where it has none; a date without seconds or a time that are zero."""
    if date := given.get("date-value"):
        return _ZEROS.sub("", date[: limits.LABEL]).replace("T", " ")
    return text or _value(given.get("value-type", ""), given)


def _value(kind: str, given: Attributes) -> str:
    """Return a value as cells of its type show it by default."""
    value = next((given[name] for name in _VALUES if given.get(name)), "")
    if kind == "time" and (time := _TIME.fullmatch(value)):
        return f"{time[1]}:{time[2]:0>2}:{time[3]:0>2}"
    if kind == "percentage" and _SHARE.fullmatch(value):
        return f"{(100 * Decimal(value)).normalize():f}%"
    if kind == "currency":
        return f"{value} {given.get('currency', '')}".rstrip()
    return value.upper() if kind == "boolean" else value


_STARTS: dict[str, Callable[[_OdsReader, Attributes], None]] = {
    "style": _OdsReader._begin_style,
    "table-properties": _OdsReader._hide_style,
    "table": _OdsReader._begin_table,
    **dict.fromkeys(_GROUPS, _OdsReader._begin_group),
    "table-column": _OdsReader._describe_column,
    "table-row": _OdsReader._begin_row,
    **dict.fromkeys(_CELLS, _OdsReader._begin_cell),
}
_ENDS: dict[str, Callable[[_OdsReader], None]] = {
    "table": _OdsReader._end_table,
    **dict.fromkeys(_GROUPS, _OdsReader._end_group),
    "table-row": _OdsReader._end_row,
    **dict.fromkeys(_CELLS, _OdsReader._end_cell),
}
