"""Read XLSX: a zip file of parts in XML, one for each sheet. A damaged sheet leaves the others.

The text of shapes, titles of charts and comments follow the rows of their sheet. Hidden sheets are not read.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.formats.drawn_parts import DrawnParts
from gemma10m.documents.formats.office_comments import OfficeComments
from gemma10m.documents.formats.office_package import OfficePart, main_part, read_guarded, related
from gemma10m.documents.formats.sheet_rows import WITHOUT_TEXT, SheetRows
from gemma10m.documents.formats.xlsx_sheet import SheetReader, Workbook, count_unread
from gemma10m.documents.formats.xml_events import Attributes, XmlReceiver, parse_xml
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_FILTER = "_xlnm._FilterDatabase"  # the name of the rows that a sheet's filter chooses from
_SHEETS = ("worksheet", "chartsheet", "dialogsheet")
_PERSONS = "xl/persons/person.xml"  # its usual name, which some programs list nowhere
_MOST_SHEETS = 10_000
_MACROS = ("vbaProject", "xlMacrosheet")


class _Sheet(NamedTuple):
    name: str
    reference: str  # to its part
    is_hidden: bool = False


class _SheetList(XmlReceiver):
    """Receive the part that lists a workbook's sheets."""

    def __init__(self) -> None:
        self.sheets: list[_Sheet] = []
        self.filtered: set[str] = set()  # numbers of sheets with a filter
        self.is_1904 = False

    def start(self, tag: str, given: Attributes) -> None:
        if tag == "workbookPr":
            self.is_1904 = given.get("date1904") in ("1", "true")
        elif tag == "sheet" and len(self.sheets) < _MOST_SHEETS:
            is_hidden = given.get("state", "visible") != "visible"
            self.sheets.append(_Sheet(given.get("name", ""), given.get("id", ""), is_hidden))
        elif tag == "definedName" and given.get("name") == _FILTER and len(self.filtered) < _MOST_SHEETS:
            self.filtered.add(given.get("localSheetId", ""))


def write_xlsx(document: Zip, writer: TextWriter) -> None:
    """Write the text of a workbook. Raises `UnreadableError` and `DiskError`."""
    _, main = main_part(document)
    reader, parts = _XlsxReader(document, writer), related(document, main)
    listed = reader.read_book(main, parts)
    for number, sheet in enumerate(listed.sheets or _unlisted(parts)):
        part = parts.get(sheet.reference, OfficePart("", sheet.name))
        if sheet.is_hidden:
            reader.book.rows.leave_out("hidden sheet")
        elif part.kind not in _MACROS:
            reader.read_sheet(sheet.name, part.name, is_filtered=str(number) in listed.filtered)
    reader.tell(has_macros=any(part.kind in _MACROS for part in parts.values()))


def _unlisted(parts: dict[str, OfficePart]) -> list[_Sheet]:
    """Return the sheets of a workbook whose list of them is lost, by the names of their parts."""
    named = ((part.name, key) for key, part in parts.items() if part.kind in _SHEETS)
    return [_Sheet(posixpath.splitext(posixpath.basename(name))[0], key) for name, key in named]


class _XlsxReader:
    def __init__(self, document: Zip, writer: TextWriter) -> None:
        self._document, self._writer = document, writer
        self._damage = ""  # the first that was found
        self._drawn = DrawnParts(document, has_values=False)
        self._persons = OfficeComments()
        self.book = Workbook(SheetRows(writer, document.budget))

    def read_book(self, main: str, parts: dict[str, OfficePart]) -> _SheetList:
        """Read what the sheets share, and return the list of them."""
        listed, named = _SheetList(), {part.kind: part.name for part in parts.values()}
        if _PERSONS in self._document.members:
            named.setdefault("person", _PERSONS)
        self._guarded(main, partial(self._parse, main, listed))
        self.book.is_1904 = listed.is_1904
        shared = (("styles", self.book.formats), ("sharedStrings", self.book.strings), ("person", self._persons))
        for kind, receiver in shared:
            if name := named.get(kind):
                self._guarded(name, partial(self._parse, name, receiver))
        count_unread(self.book.rows, self.book.strings.rich)
        return listed

    def read_sheet(self, title: str, name: str, is_filtered: bool) -> None:
        """Write a sheet as far as it is whole, then what is drawn on it and its comments."""
        sheet, parts = SheetReader(self.book, is_filtered), related(self._document, name)
        self.book.rows.begin_sheet(title)
        self._guarded(name, partial(self._parse, name, sheet))
        sheet.finish()
        self._drawn.count(parts)
        for part in parts.values():
            if part.kind == "drawing":
                self._guarded(part.name, partial(self._write_drawing, part.name))
        threads = OfficeComments()
        threads.authors, notes = self._persons.authors, OfficeComments(threads.cells)
        for kind, comments in (("threadedComment", threads), ("comments", notes)):
            for part in parts.values():
                if part.kind == kind:
                    self._guarded(part.name, partial(self._parse, part.name, comments))
        self.book.rows.remarks(threads.lines + notes.lines)

    def tell(self, has_macros: bool) -> None:
        """Note what is not read. Raises `UnreadableError` where there is no text."""
        if self._writer.blank:
            raise UnreadableError(self._damage or WITHOUT_TEXT)
        self.book.rows.tell()
        self._drawn.tell(self._writer)
        if has_macros:
            self._writer.note("its macros are not read")

    def _parse(self, name: str, receiver: XmlReceiver) -> None:
        parse_xml(name, self._document.blocks(name), receiver.start, receiver.end, receiver.text)

    def _guarded(self, name: str, read: Callable[[], None]) -> None:
        damage = read_guarded(name, self._writer, read)
        self._damage = self._damage or damage

    def _write_drawing(self, name: str) -> None:
        self.book.rows.remarks(self._drawn.read(name).lines)
