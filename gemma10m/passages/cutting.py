"""Cut a document into passages of about 256 tokens, where a paragraph, a definition or a sentence ends."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass

from gemma10m.documents import Document, SourceFile
from gemma10m.encodings import nbytes
from gemma10m.passages.wrapping import wrapped

LONGEST = 1200  # characters: about 256 of Gemma's tokens in English prose
SHORTEST = 500  # a cut before this is looked for only where nothing later will do
# The best cut first: before a definition or a heading, after a paragraph, after a sentence, after a line, after a word.
CUTS = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^(?=(?:def|class|async def|func|fn|pub|impl|type|struct|enum|function|export|interface|Chapter)\b|#{1,6} )",
        r"\n[ \t]*\n+",
        r"""[.!?。！？]["'”’)\]]*(?:\s+|(?<=[。！？]))""",
        r"\n",
        r"\s+",
    )
)
# Not after a title, which a name follows.
SENTENCE_END = re.compile(
    r"""(?<=[.!?。！？])(?<!\bMr\.)(?<!\bMrs\.)(?<!\bDr\.)(?<!\bSt\.)["'”’)\]]*(?:\s+|(?<=[。！？]))|\n"""
)
NUMERAL = re.compile(r"\s*[(\[]?(?:\d{1,3}|[ivxIVX]{1,4})[.)]\s*")  # of a clause or list item, whose text follows


@dataclass(frozen=True)
class Passage:
    """A stretch of one file's text, with nothing left out: passages side by side are the file."""

    file: int  # index into the document's files
    start: int  # bytes in the file
    stop: int
    first_line: int  # from 1
    last_line: int
    text: str
    places: tuple[tuple[int, str], ...] = ()  # (first character of the text, "page 12"), ascending; cells, chapters too


def cut_document(document: Document) -> Iterator[Passage]:
    """Every file's passages in order, without headers. Raises `DocumentError` as `Document.pieces` does."""
    for number, file in enumerate(document.files):
        rest = _OpenPassage(number, file)
        for piece in file.pieces(number):
            rest.text += piece.text
            yield from rest.passages(more_to_come=True)
        yield from rest.passages(more_to_come=False)


class _OpenPassage:
    """The text of one file that is in no passage yet, and where it begins."""

    def __init__(self, number: int, file: SourceFile) -> None:
        self.number, self.file = number, file
        self.offset, self.line, self.text = file.mark, 1, ""

    def passages(self, more_to_come: bool) -> Iterator[Passage]:
        start = 0
        while len(self.text) - start > (LONGEST if more_to_come else 0):
            end = next_cut(self.text, start)
            yield self._passage(self.text[start:end])
            start = end
        self.text = self.text[start:]

    def _passage(self, text: str) -> Passage:
        stop, lines = self.offset + nbytes(text, self.file.encoding), text.count("\n")
        last = self.line + lines - text.endswith("\n")
        places = tuple(self._places(text, stop))
        passage = Passage(self.number, self.offset, stop, self.line, last, text, places)
        self.offset, self.line = stop, self.line + lines
        return passage

    def _places(self, text: str, stop: int) -> Iterator[tuple[int, str]]:
        first, known = self.offset, self.file.places
        if begun := self.file.place(first):
            yield 0, begun
        after, before = (bisect(known, offset, key=lambda place: place[0]) for offset in (first, stop - 1))
        for offset, name in known[after:before]:  # what was taken out of a file, and has places, is UTF-8
            yield len(text.encode()[: offset - first].decode(errors="ignore")), name


def next_cut(text: str, start: int) -> int:
    """Where the passage that begins at `start` ends: at most LONGEST characters on, and always further than `start`."""
    limit = start + LONGEST
    if len(text) <= limit:
        return len(text)
    for pattern in CUTS:
        ends = [match.end() for match in pattern.finditer(text, start + SHORTEST, limit)]
        if ends:
            return ends[-1]
    return limit


def sentences(text: str, by_line: bool = False) -> Iterator[tuple[int, int]]:
    """Where each sentence or line of the text starts and ends, the space after it left out. A line that was only full
    ends no sentence, but for `by_line`, where every line stands for itself.
    """
    start, newlines, goes_on = 0, 0, [] if by_line else wrapped(text)
    for match in SENTENCE_END.finditer(text):
        line, newlines = newlines, newlines + match[0].count("\n")
        if match[0] == "\n" and not by_line and goes_on[line]:
            continue
        if "\n" not in match[0] and NUMERAL.fullmatch(text, start, match.end()):
            continue
        yield from _bounds(text, start, match.end())
        start = match.end()
    yield from _bounds(text, start, len(text))


def _bounds(text: str, start: int, stop: int) -> Iterator[tuple[int, int]]:
    inside = text[start:stop]
    first, last = start + len(inside) - len(inside.lstrip()), start + len(inside.rstrip())
    if first < last:
        yield first, last
