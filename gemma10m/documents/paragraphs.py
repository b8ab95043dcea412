"""Divide a file's text into paragraphs that know where they begin, in constant memory whatever the file is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from gemma10m.documents.document import SourceFile
from gemma10m.encodings import nbytes

LONGEST = 1 << 14  # characters after which a paragraph, or a line without an end, is cut

_LINE = re.compile(rf"[^\n]{{0,{LONGEST - 1}}}\n|[^\n]{{{LONGEST}}}")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Hold a paragraph with the blank lines after it; put together, a file's paragraphs are its text."""

    text: str
    path: str  # of its file, for display
    offset: int  # byte offset of the first character in the file
    line: int  # of the first character, from 1
    encoding: str
    place: str = ""  # page, chapter or cell

    @property
    def nbytes(self) -> int:
        """Return the number of bytes in the file."""
        return nbytes(self.text, self.encoding)

    def after(self, text: str = "") -> Paragraph:
        """Return the paragraph of `text` that follows this paragraph in its file."""
        return replace(self, text=text, offset=self.offset + self.nbytes, line=self.line + self.text.count("\n"))

    def cut(self, at: int) -> tuple[Paragraph, Paragraph]:
        """Return the first `at` characters, and the rest."""
        first = replace(self, text=self.text[:at])
        return first, first.after(self.text[at:])


def paragraphs(file: SourceFile) -> Iterator[Paragraph]:
    """Yield the paragraphs in order. Raises DocumentError when the file is no longer what it was at opening."""
    gathered: Paragraph | None = None
    ended = False
    for line in _lines(file):
        begins = (ended and line.text.strip()) or (gathered and gathered.place != line.place)
        if gathered and (begins or len(gathered.text) + len(line.text) > LONGEST):
            yield gathered
            gathered = None
        gathered = replace(gathered, text=gathered.text + line.text) if gathered else line
        ended = not line.text.strip()
    if gathered:
        yield gathered


def _lines(file: SourceFile) -> Iterator[Paragraph]:
    rest = Paragraph("", file.path, file.mark, 1, file.encoding)
    for piece in file.pieces(0):
        text, end = rest.text + piece.text, 0
        for found in _LINE.finditer(text):
            line = replace(rest, text=found[0], place=file.place(rest.offset))
            yield line
            rest, end = line.after(), found.end()
        rest = replace(rest, text=text[end:])
    if rest.text:
        yield replace(rest, place=file.place(rest.offset))
