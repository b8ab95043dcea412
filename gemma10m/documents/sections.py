"""Divide a document into its files, or its only file into chapters by headings, else by pages and the like."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gemma10m.documents.document import Document, SourceFile
from gemma10m.documents.paragraphs import Paragraph, paragraphs

_LONGEST_HEADING = 100  # characters
_PROSE = (".md", ".markdown", ".rst", ".txt")  # where a line that begins with # is no comment
_NUMBER = r"(?:\d+|[ivxlc]+|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve)"
_CHAPTER = re.compile(rf"(?:chapter|part|book|volume|letter|act|scene|canto)\s+{_NUMBER}\b", re.IGNORECASE)
_CHAPTER_LINES = 3  # of its paragraph: more, and it is a sentence that begins like a heading


@dataclass(frozen=True)
class Section:
    """Hold where a section begins, and its title."""

    path: str  # of its file, for display
    offset: int  # byte offset in the file
    line: int  # from 1
    title: str = ""
    place: str = ""  # page, chapter or cell that it begins in
    last_place: str = ""  # that it ends in, as far as is known

    @property
    def location(self) -> str:
        """Return the path, line and place, as in `book.pdf:120 (pages 3-7)`."""
        inside = f" ({_range(self.place, self.last_place)})" if self.place else ""
        return f"{self.path}:{self.line}{inside}"


def _range(first: str, last: str) -> str:
    """Return a range: `pages 3-7`, or `chapter The Sea to chapter The Land`."""
    if first == last:
        return first
    (word, _, number), (same, _, end) = first.partition(" "), last.partition(" ")
    numbered = word == same and number.isdecimal() and end.isdecimal()
    return f"{word}s {number}-{end}" if numbered else f"{first} to {last}"


def section_at(paragraph: Paragraph, title: str = "") -> Section:
    """Return the section that begins there."""
    place = paragraph.place
    return Section(paragraph.path, paragraph.offset, paragraph.line, title, place, place)


def sectioned(document: Document) -> Iterator[tuple[Section | None, Paragraph]]:
    """Yield all paragraphs in order, each with its section: its file in a document of several.

    In a document of one file it is the heading; with fewer than two headings the page, chapter or cell, if any. An
    empty file is one empty paragraph.
    Raises DocumentError when a file is no longer what it was at opening.
    """
    if document.headed:
        for file in document.files:
            yield from _of_file(file)
        return
    (file,) = document.files
    headings = sum(1 for _, title in _titled(file) if title)
    if headings >= 2:
        yield from _of_chapters(file)
    else:
        yield from _of_places(file)


def _of_places(file: SourceFile) -> Iterator[tuple[Section | None, Paragraph]]:
    section: Section | None = None
    for paragraph in paragraphs(file):
        if file.places and (section is None or paragraph.place != section.place):
            section = section_at(paragraph)
        yield section, paragraph


def _of_file(file: SourceFile) -> Iterator[tuple[Section, Paragraph]]:
    section: Section | None = None
    for paragraph in paragraphs(file):
        section = section or section_at(paragraph)
        yield section, paragraph
    if section is None:
        empty = Paragraph("", file.path, file.mark, 1, file.encoding)
        yield section_at(empty), empty


def _of_chapters(file: SourceFile) -> Iterator[tuple[Section, Paragraph]]:
    """Yield chapters; headings with nothing between them, as in a table of contents, are one with the last title."""
    section: Section | None = None
    waiting: list[Paragraph] = []
    for paragraph, title in _titled(file):
        if section is None or (title and not waiting):
            section = section_at(paragraph, title)
        elif title:
            section = replace(section, title=title)
        waiting.append(paragraph)
        if not title or not _is_bare(paragraph.text, title):
            yield from ((section, each) for each in waiting)
            waiting.clear()
    if section:
        yield from ((section, each) for each in waiting)


def _titled(file: SourceFile) -> Iterator[tuple[Paragraph, str]]:
    """Yield each paragraph and the heading that it begins with, or ""."""
    name, fenced = file.path.rpartition("/")[2], False
    is_prose = name.endswith(_PROSE) or "." not in name
    for paragraph in paragraphs(file):
        yield paragraph, "" if fenced else heading(paragraph.text, is_prose)
        fenced ^= paragraph.text.count("```") % 2 == 1


def heading(text: str, is_prose: bool) -> str:
    """Return the heading that a paragraph begins with, or "". `is_prose`: not a program, where # is a comment."""
    line, second = [*text.lstrip("\n").split("\n", 2), ""][:2]
    title = line.strip()
    if len(line) > _LONGEST_HEADING:
        return ""
    if is_prose and line.startswith(("# ", "## ")):
        return title.strip("# \t")
    underlined = len(second.strip()) >= 3 and set(second.strip()) in ({"="}, {"-"})
    if is_prose and underlined and set(title) - set("=- "):
        return title
    return title if text.strip().count("\n") < _CHAPTER_LINES and _CHAPTER.match(title) else ""


def _is_bare(text: str, title: str) -> bool:
    return text.strip("#=- \t\r\n") == title.strip("#=- \t")
