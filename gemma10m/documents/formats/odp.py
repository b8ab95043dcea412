"""Read OpenDocument presentations: the boxes and tables of each slide, and the speaker's notes."""

from __future__ import annotations

from collections.abc import Callable

from gemma10m.documents import limits
from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.formats.odf_package import read_flat_odf, read_odf
from gemma10m.documents.formats.odf_paragraphs import OdfParagraphs
from gemma10m.documents.formats.slides import Slide, Slides
from gemma10m.documents.formats.xml_events import Attributes, XmlReceiver
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_MARGINS = ("header", "footer", "date-time", "page-number")
_MOST_STYLES = 10_000


def write_odp(document: Zip, writer: TextWriter) -> None:
    """Write the text of a presentation. Raises `UnreadableError` and `DiskError`."""
    _write(lambda reader: read_odf(document, "an OpenDocument presentation", reader, writer), writer, document.budget)


def write_flat_odp(content: Content, writer: TextWriter, budget: Budget) -> None:
    """Write the text of a presentation that is one file of XML. Raises `UnreadableError` and `DiskError`."""
    _write(lambda reader: read_flat_odf(content, reader, writer), writer, budget)


def _write(read: Callable[[XmlReceiver], str], writer: TextWriter, budget: Budget) -> None:
    """Write what `read` gives a reader. It returns the damage that ended it, if any."""
    slides = Slides(writer)
    reader = _OdpReader(slides, budget)
    damage = read(reader)
    reader.finish()
    slides.tell(damage)
    reader.paragraphs.tell(writer)


class _OdpReader(XmlReceiver):
    def __init__(self, slides: Slides, budget: Budget) -> None:
        self.paragraphs = OdfParagraphs(budget)
        self._slides = slides
        self._slide: Slide | None = None  # that is open
        self._style = ""  # that is open
        self._hidden_styles: set[str] = set()
        self._in_notes = False
        self._kinds: list[str] = []  # of open frames
        self._size = 0  # characters of the open slide
        self._row: list[str] | None = None  # cells of the open row

    def start(self, tag: str, given: Attributes) -> None:
        if self.paragraphs.start(tag, given) and tag in _STARTS:
            _STARTS[tag](self, given)

    def text(self, text: str) -> None:
        self.paragraphs.text(text)

    def end(self, tag: str) -> None:
        if self.paragraphs.end(tag) and tag in _ENDS:
            _ENDS[tag](self)

    def finish(self) -> None:
        """Write the slide that damage leaves open."""
        if self._slide:
            self._end_row()
            self._write_rest()
            self._end_page()

    def _begin_style(self, given: Attributes) -> None:
        self._style = given.get("name", "")

    def _hide_style(self, given: Attributes) -> None:
        if given.get("visibility") == "hidden" and len(self._hidden_styles) < _MOST_STYLES:
            self._hidden_styles.add(self._style)

    def _begin_page(self, given: Attributes) -> None:
        self.paragraphs.take()
        self._size = 0
        self._slide = Slide(is_hidden=given.get("style-name", "") in self._hidden_styles)

    def _end_page(self) -> None:
        if self._slide:
            self._write_rest()
            self._slide.comments = self.paragraphs.take_comments()
            self._slides.write(self._slide)
        self._slide = None

    def _begin_notes(self, given: Attributes) -> None:
        self._write_rest()
        self._in_notes = True

    def _end_notes(self) -> None:
        self._write_rest()
        self._in_notes = False

    def _begin_frame(self, given: Attributes) -> None:
        self._write_rest()
        self._kinds.append(given.get("class", ""))

    def _end_frame(self) -> None:
        kind = self._kinds.pop() if self._kinds else ""
        if kind == "title" and self._slide and not self._in_notes:
            self._slide.title = " ".join([self._slide.title, *" ".join(self.paragraphs.take()).split()]).strip()
        elif kind in _MARGINS:
            self.paragraphs.take()
        else:
            self._write_rest()

    def _begin_row(self, given: Attributes) -> None:
        self._write_rest()
        self._row = []

    def _end_row(self) -> None:
        if line := "\t".join(self._row or []).rstrip("\t"):
            self._lines.append(line)
        self._row = None

    def _begin_cell(self, given: Attributes) -> None:
        self.paragraphs.begin()

    def _end_cell(self) -> None:
        text = " ".join(" ".join(self.paragraphs.take()).split())
        if self._row is not None:
            self._row.append(text)

    @property
    def _lines(self) -> list[str]:
        if not self._slide:
            return []
        return self._slide.notes if self._in_notes else self._slide.lines

    def _write_rest(self) -> None:
        """Write the paragraphs that are outside of tables so far."""
        if self._row is None:
            found = self.paragraphs.take()
            self._size += sum(map(len, found))
            if self._size > limits.LARGEST_WHOLE:
                raise UnreadableError(f"a slide of more than {limits.LARGEST_WHOLE >> 20} MiB")
            self._lines.extend(found)


_STARTS: dict[str, Callable[[_OdpReader, Attributes], None]] = {
    "style": _OdpReader._begin_style,
    "drawing-page-properties": _OdpReader._hide_style,
    "page": _OdpReader._begin_page,
    "notes": _OdpReader._begin_notes,
    "frame": _OdpReader._begin_frame,
    "table-row": _OdpReader._begin_row,
    **dict.fromkeys(("table-cell", "covered-table-cell"), _OdpReader._begin_cell),
}
_ENDS: dict[str, Callable[[_OdpReader], None]] = {
    "page": _OdpReader._end_page,
    "notes": _OdpReader._end_notes,
    "frame": _OdpReader._end_frame,
    "table-row": _OdpReader._end_row,
    **dict.fromkeys(("table-cell", "covered-table-cell"), _OdpReader._end_cell),
}
