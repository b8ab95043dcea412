"""Cut a document into passages of about 256 tokens, where a paragraph, a definition or a sentence ends."""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass

from gemma10m.documents import Document, SourceFile
from gemma10m.encodings import nbytes
from gemma10m.passages.code_files import is_code, is_csv
from gemma10m.passages.tables import open_heading
from gemma10m.passages.wrapping import wrapped

LONGEST = 1200  # characters: about 256 of Gemma's tokens in English prose
SHORTEST = 500  # a cut before this is looked for only where nothing later will do
SECTION = 150  # characters: a shorter section shares a passage with the next one
BORDER = re.compile(r"\n[ \t]*\r?\n(?=#{1,6} )")  # before a heading, not before a comment in a list
# Words whose full stop ends no sentence: before a name, and before a number.
_BEFORE_NAME = """Mr Mrs Ms Messrs Mme Mlle Dr Prof St Ste Sra Hr Fr Rev Hon Gen Col Maj Capt Lt Sgt Gov Sen Rep Mt Ft
    vs viz cf"""
_BEFORE_NUMBER = """Jan Feb Mar Apr Jun Jul Aug Sept Sep Oct Nov Dec Nr No Nos Vol vol pp Ch ch Sec sec Fig fig Art
    Abs ca approx"""


def _not_after(words: str, before: str) -> str:
    return "".join(rf"(?<!\b{word}\.{before})" for word in words.split())


# A single letter is an initial, or one of "z. B.", unless a word follows that no name begins with.
_INITIAL = (
    r"""(?:(?<!(?<![\w'’])[^\W\dI_]\.)|(?=\s+(?:A|An|And|But|He|Her|His|I|In|It|No|On|She|The|They|This|We|You)\b))"""
)
_MONTH = r"(?!(?<=\d\.)\s+(?:Januar|Februar|März|April|Mai|Juni|Juli|August|September|Oktober|November|Dezember)\b)"
_KNOWN = _not_after(_BEFORE_NAME, "") + _not_after(_BEFORE_NUMBER, r"(?=\s+[\dIVX])")
_END = rf"""[.!?。！？]{_KNOWN}{_INITIAL}{_MONTH}["'”’)\]]*(?:\s+(?![a-zß-öø-ÿ\s])|(?<=[。！？]))"""
# The best cut first: before a definition or a heading, after a paragraph, after a sentence, after a line, after a word.
CUTS = tuple(
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^(?=(?:def|class|async def|func|fn|pub|impl|type|struct|enum|function|export|interface|Chapter)\b|#{1,6} )",
        r"\n[ \t]*\n+",
        _END,
        r"\n",
        r"\s+",
    )
)
SENTENCE_END = re.compile(rf"{_END}|\n")
_ROW = re.compile(r"\t| \| ")
NUMERAL = re.compile(r"\s*[(\[]?(?:\d{1,3}|[ivxIVX]{1,4})[.)]\s*")  # of a clause or list item, whose text follows


@dataclass(frozen=True)
class Heading:
    """Hold the line above a table's columns."""

    start: int  # bytes in the file
    line: int
    text: str


@dataclass(frozen=True)
class Passage:
    """Hold a stretch of one file's text, with nothing left out: passages side by side are the file."""

    file: int  # index into the document's files
    start: int  # bytes in the file
    stop: int
    first_line: int  # from 1
    last_line: int
    text: str
    places: tuple[tuple[int, str], ...] = ()  # (first character of the text, "page 12"), ascending; cells, chapters too
    heading: Heading | None = None  # of the table that begins before the text


def cut_document(document: Document) -> Iterator[Passage]:
    """Yield every file's passages in order, without headers. Raises `DocumentError` as `Document.pieces` does."""
    for number, file in enumerate(document.files):
        rest = _OpenPassage(number, file)
        for piece in file.pieces(number):
            rest.text += piece.text
            yield from rest.passages(more_to_come=True)
        yield from rest.passages(more_to_come=False)


class _OpenPassage:
    """Hold the text of one file that is in no passage yet, and the place where it begins."""

    def __init__(self, number: int, file: SourceFile) -> None:
        self.number, self.file = number, file
        self.offset, self.line, self.text = file.mark, 1, ""
        self.heading: Heading | None = None
        self.rows, self.headed = is_csv(file.path), not is_code(file.path)

    def passages(self, more_to_come: bool) -> Iterator[Passage]:
        start = 0
        while len(self.text) - start > (LONGEST if more_to_come else 0):
            end = next_cut(self.text, start, self.rows, self.headed)
            yield self._passage(self.text[start:end])
            start = end
        self.text = self.text[start:]

    def _passage(self, text: str) -> Passage:
        stop, lines = self.offset + nbytes(text, self.file.encoding), text.count("\n")
        last = self.line + lines - text.endswith("\n")
        places = tuple(self._places(text, stop))
        passage = Passage(self.number, self.offset, stop, self.line, last, text, places, self.heading)
        self.heading = self._open_heading(text)
        self.offset, self.line = stop, self.line + lines
        return passage

    def _open_heading(self, text: str) -> Heading | None:
        found = open_heading(text, self.rows, self.heading.text if self.heading else "")
        if found is None or isinstance(found, str):
            return self.heading if found else None
        before, line = text[: found[0]], text[slice(*found)]
        start = self.offset + nbytes(before, self.file.encoding)
        return Heading(start, self.line + before.count("\n"), line) if len(line) <= LONGEST else None

    def _places(self, text: str, stop: int) -> Iterator[tuple[int, str]]:
        first, known = self.offset, self.file.places
        if begun := self.file.place(first):
            yield 0, begun
        after, before = (bisect(known, offset, key=lambda place: place[0]) for offset in (first, stop - 1))
        for offset, name in known[after:before]:  # what was taken out of a file, and has places, is UTF-8
            yield len(text.encode()[: offset - first].decode(errors="ignore")), name


def next_cut(text: str, start: int, rows: bool = False, headed: bool = True) -> int:
    """Return the end of the passage that begins at `start`: at most LONGEST characters on, and always further than
    `start`. `rows`: whether every line is a row. `headed`: whether a passage ends before the next heading.
    """
    limit = start + LONGEST
    if headed and (border := BORDER.search(text, start + SECTION, limit)):
        return border.end()
    if len(text) <= limit:
        return len(text)
    for pattern in CUTS:
        ends = [match.end() for match in pattern.finditer(text, start + SHORTEST, limit)]
        if pattern.pattern == _END:  # which a cell may hold, too
            ends = [end for end in ends if not rows and not _ROW.search(text, text.rfind("\n", 0, end) + 1, end)]
        if ends:
            return ends[-1]
    return limit


def sentences(text: str, by_line: bool = False) -> Iterator[tuple[int, int]]:
    """Yield the start and end of each sentence or line, without the space after it. A line that was only full
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
