"""Divide a document into parts that fit a model's window, each in one section."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from gemma10m.config import ReadingConfig
from gemma10m.documents import Document
from gemma10m.documents.paragraphs import Paragraph
from gemma10m.documents.sections import Section, section_at, sectioned
from gemma10m.memory import KINDS

Count = Callable[[str], int]  # tokens of a text


@dataclass(frozen=True)
class DocumentPart:
    section: Section
    text: str
    nbytes: int  # in the file
    tokens: int
    last_place: str = ""  # page, chapter or cell that it ends in

    def followed_by(self, other: DocumentPart) -> DocumentPart:
        text, nbytes, tokens = self.text + other.text, self.nbytes + other.nbytes, self.tokens + other.tokens
        return DocumentPart(self.section, text, nbytes, tokens, other.last_place)


def room(reading: ReadingConfig, context: int) -> int:
    """Return the tokens of text that leave a quarter of what the model sees verbatim to the request and the answer."""
    seen = reading.carry + reading.segment if KINDS[reading.memory].closes else context
    return max(1, seen * 3 // 4)


def parts(document: Document, count: Count, room: int) -> Iterator[DocumentPart]:
    """Yield parts that together are the document's text; without sections each part is a section of its own.

    Pages, chapters or cells without headings are joined into one section, as many as fit. count: tokens of a text;
    room: the most tokens of a part. Raises DocumentError as `sectioned` does.
    """
    cut = _cut(document, count, room)
    return cut if document.headed else _joined(cut, room)


def _joined(cut: Iterator[DocumentPart], room: int) -> Iterator[DocumentPart]:
    """Join neighbouring sections without a title, where each is a single part and together they have room."""
    before: DocumentPart | None = None
    sections = (group for _, group in groupby(cut, key=lambda part: part.section))
    for group in sections:
        part, more = next(group), next(group, None)
        if more or part.section.title:
            yield from (each for each in (before, part, more) if each)
            yield from group
            before = None
        elif before and before.tokens + part.tokens <= room:
            before = before.followed_by(part)
        else:
            if before:
                yield before
            before = part
    if before:
        yield before


def _cut(document: Document, count: Count, room: int) -> Iterator[DocumentPart]:
    part: DocumentPart | None = None
    for section, paragraph in sectioned(document):
        for piece in _fitting(paragraph, count, room):
            here = section or section_at(piece)
            alone = DocumentPart(here, piece.text, piece.nbytes, count(piece.text), piece.place)
            if part and section in (None, part.section) and part.tokens + alone.tokens <= room:
                part = part.followed_by(alone)
                continue
            if part:
                yield part
            part = alone
    if part:
        yield part


def _fitting(paragraph: Paragraph, count: Count, room: int) -> Iterable[Paragraph]:
    """Yield the paragraph, or pieces of it cut at a space near the middle until each has room."""
    if len(paragraph.text) < 2 or count(paragraph.text) <= room:
        return [paragraph]
    middle = len(paragraph.text) // 2
    space = re.compile(r"\s").search(paragraph.text, middle, len(paragraph.text) - 1)
    first, second = paragraph.cut(space.end() if space else middle)
    return [*_fitting(first, count, room), *_fitting(second, count, room)]
