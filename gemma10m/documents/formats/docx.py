"""DOCX: a zip file with paragraphs in XML. A line for each paragraph, and for each row of a table.

Notes follow the text. Headers, footers, comments and automatic numbering (`3.2`, `(a)`) are not read.
"""

from __future__ import annotations

from gemma10m.documents import limits
from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.formats.xml_events import Attributes, parse_xml
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

DOCUMENT = "word/document.xml"
_NOTES = ("word/footnotes.xml", "word/endnotes.xml")
_STYLES = "word/styles.xml"
_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


def write_docx(document: Zip, writer: TextWriter) -> None:
    """Raises `UnreadableError` and `DiskError`."""
    headings = _heading_styles(document)
    for part in (DOCUMENT, *_NOTES):
        if part == DOCUMENT or part in document.members:
            paragraphs = _Paragraphs(writer, headings)
            parse_xml(part, document.blocks(part), paragraphs.start, paragraphs.end, paragraphs.text)
    if writer.blank:
        raise UnreadableError("a Word document without text")


def _heading_styles(document: Zip) -> set[str]:
    """Their ids, which are in the language of the Word that wrote them; their names are English in every one."""
    if _STYLES not in document.members:
        return {"Title", "Heading1", "Heading2", "Heading3"}
    headings: set[str] = set()
    style = ""

    def start(tag: str, given: Attributes) -> None:
        nonlocal style
        if tag == "style":
            style = given.get("styleId", "")
        elif tag == "name" and given.get("val", "").lower() in ("title", "heading 1", "heading 2", "heading 3"):
            headings.add(style)

    parse_xml(_STYLES, document.blocks(_STYLES), start)
    return headings


class _Paragraphs:
    def __init__(self, writer: TextWriter, headings: set[str]) -> None:
        self._writer, self._headings = writer, headings
        self._in_text = False
        self._fallbacks = 0  # open elements that repeat a drawing's text for older programs
        self._title: str | None = None  # of the heading that is open
        self._title_at = 0
        self._rows = 0  # open rows, of tables in cells of tables
        self._first_cell = False  # no cell of the open row has begun
        self._cell_begun = False  # the open cell has text
        self._gap = ""  # owed before the next text of a cell

    def start(self, tag: str, given: Attributes) -> None:
        if tag == "Fallback":
            self._fallbacks += 1
        elif self._fallbacks:
            return
        elif tag == "pStyle" and given.get("val") in self._headings:
            self._title = ""
        elif tag == "t":
            self._in_text = True
        elif tag in _BREAKS and not given.get("pos"):  # a tab that has a position is a tab stop
            self._break(_BREAKS[tag])
        elif tag == "tr":
            self._begin_row()
        elif tag == "tc":
            self._begin_cell()

    def end(self, tag: str) -> None:
        if tag == "Fallback":
            self._fallbacks -= 1
        elif self._fallbacks:
            return
        elif tag == "t":
            self._in_text = False
        elif tag == "p":
            self._end_paragraph()
        elif tag == "tr":
            self._end_row()

    def text(self, text: str) -> None:
        if self._in_text:
            self._write(text)

    def _end_paragraph(self) -> None:
        if self._title and self._title.strip():
            self._writer.place(f"section {self._title}", self._title_at)
        self._title = None
        if self._rows:
            self._owe_space()
        else:
            self._writer.write("\n")

    def _break(self, white: str) -> None:
        if self._rows and white.isspace():
            self._owe_space()
        else:
            self._write(white)

    def _owe_space(self) -> None:
        """In a cell lines and tabs would be taken for the row's."""
        if self._cell_begun:
            self._gap = self._gap or " "

    def _write(self, text: str) -> None:
        gap, self._gap, self._cell_begun = self._gap, "", True
        self._writer.write(gap)
        if self._title == "":
            self._title_at = self._writer.nbytes
        self._writer.write(text)
        if self._title is not None and len(self._title) < limits.LABEL:
            self._title += gap + text

    def _begin_row(self) -> None:
        if self._rows and self._cell_begun:
            self._gap = "\n"
        self._rows += 1
        self._first_cell = True

    def _begin_cell(self) -> None:
        if not self._first_cell and self._gap != "\n":
            self._writer.write("\t")
            self._gap = ""
        self._first_cell = self._cell_begun = False

    def _end_row(self) -> None:
        self._rows -= 1
        self._first_cell, self._cell_begun = False, True
        self._gap = "\n" if self._rows else ""
        if not self._rows:
            self._writer.write("\n")
