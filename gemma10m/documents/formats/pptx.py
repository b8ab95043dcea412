"""Read PPTX: a zip file of parts in XML, one for each slide and its notes. A damaged slide leaves the others."""

from __future__ import annotations

import re
from functools import partial

from gemma10m.documents.archives.zip_file import Zip
from gemma10m.documents.budget import BombError
from gemma10m.documents.formats.drawn_parts import DrawnParts
from gemma10m.documents.formats.office_comments import OfficeComments, read_comments
from gemma10m.documents.formats.office_package import OfficePart, main_part, read_guarded, related
from gemma10m.documents.formats.slides import Slide, Slides
from gemma10m.documents.formats.xml_events import Attributes, parse_xml
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_MOST_SLIDES = 10_000
_AUTHORS = ("commentAuthors", "authors")
_MACROS = "vbaProject"
_NUMBER = re.compile(r"\d{1,9}")


def write_pptx(document: Zip, writer: TextWriter) -> None:
    """Write the text of a presentation. Raises `UnreadableError` and `DiskError`."""
    _, main = main_part(document)
    parts, order = related(document, main), list[str]()

    def start(tag: str, given: Attributes) -> None:
        if tag == "sldId" and len(order) < _MOST_SLIDES:
            order.append(given.get("id", ""))

    damage = read_guarded(main, writer, partial(parse_xml, main, document.blocks(main), start))
    reader = _PptxReader(document, writer)
    for part in parts.values():
        if part.kind in _AUTHORS:
            read_guarded(part.name, writer, partial(read_comments, document, part.name, reader.comments))
    slides = [parts.get(key, OfficePart("", f"slide {key}")).name for key in order] or _slides_by_number(parts)
    for name in slides:
        reader.read(name)
    reader.slides.tell(damage)
    reader.drawn.tell(writer)
    if any(part.kind == _MACROS for part in parts.values()):
        writer.note("its macros are not read")


def _slides_by_number(parts: dict[str, OfficePart]) -> list[str]:
    """Return the slides in the order of the numbers in their names, where the list of them is lost."""
    names = (part.name for part in parts.values() if part.kind == "slide")
    return sorted(names, key=lambda name: [int(number) for number in _NUMBER.findall(name)[-1:]])[:_MOST_SLIDES]


class _PptxReader:
    def __init__(self, document: Zip, writer: TextWriter) -> None:
        self._document, self._writer = document, writer
        self.slides, self.drawn, self.comments = Slides(writer), DrawnParts(document, has_values=True), OfficeComments()

    def read(self, name: str) -> None:
        """Read a slide, or count it as lost."""
        try:
            text = self.drawn.read(name)
        except BombError:
            raise
        except UnreadableError as error:
            self.slides.lose(str(error))
            return
        slide = Slide(" ".join(text.title), text.lines, is_hidden=text.is_hidden)
        for part in related(self._document, name).values():
            if part.kind == "notesSlide":
                read_guarded(part.name, self._writer, partial(self._read_notes, part.name, slide))
            elif part.kind == "comments":
                read_guarded(part.name, self._writer, partial(self._read_comments, part.name, slide))
        self.slides.write(slide)

    def _read_notes(self, name: str, slide: Slide) -> None:
        slide.notes += self.drawn.read(name).lines

    def _read_comments(self, name: str, slide: Slide) -> None:
        try:
            read_comments(self._document, name, self.comments)
        finally:
            slide.comments, self.comments.lines = self.comments.lines, []
