"""DOCX: a zip file with paragraphs in XML. Notes follow the text; headers, footers and comments are not read."""

from __future__ import annotations

from gemma10m.documents import limits
from gemma10m.documents.files import UnreadableError
from gemma10m.documents.spool import TextWriter
from gemma10m.documents.xml_events import Attributes, parse_xml
from gemma10m.documents.zip_file import Zip

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

    def start(self, tag: str, given: Attributes) -> None:
        if tag == "Fallback":
            self._fallbacks += 1
        elif tag == "pStyle" and given.get("val") in self._headings:
            self._title, self._title_at = "", self._writer.nbytes
        elif tag == "t":
            self._in_text = True
        elif tag in _BREAKS and not given.get("pos"):  # a tab that has a position is a tab stop
            self._write(_BREAKS[tag])

    def end(self, tag: str) -> None:
        if tag == "Fallback":
            self._fallbacks -= 1
        elif tag == "t":
            self._in_text = False
        elif tag == "p":
            self._write("\n")
            if self._title and self._title.strip():
                self._writer.place(f"section {self._title}", self._title_at)
            self._title = None

    def text(self, text: str) -> None:
        if self._in_text:
            self._write(text)

    def _write(self, text: str) -> None:
        if self._fallbacks:
            return
        self._writer.write(text)
        if self._title is not None and len(self._title) < limits.LABEL:
            self._title += text
