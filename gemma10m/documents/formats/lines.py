"""Write paragraphs and tables as lines: one for each paragraph and for each row, a tab between cells."""

from __future__ import annotations

from typing import Protocol

from gemma10m.documents import limits
from gemma10m.documents.formats.raised import Scripts

_MOST_COLUMNS = 256  # that a file's word is taken for


class TextSink(Protocol):
    """Describe a `TextWriter`, or an object that keeps text until its turn comes."""

    nbytes: int

    def write(self, text: str, /) -> None: ...
    def place(self, label: str, offset: int | None = ..., /) -> None: ...


class Kept:
    """Keep a text that is written later; headings in it are no places."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.nbytes = 0

    def write(self, text: str, /) -> None:
        self.parts.append(text)

    def place(self, label: str, offset: int | None = None, /) -> None:
        pass


class Lines:
    def __init__(self, writer: TextSink) -> None:
        self._writer = writer
        self._title: str | None = None  # of the heading that is open
        self._title_at = 0
        self._rows = 0  # open rows, of tables in cells of tables
        self._flat = 0  # the rows of these that are no lines of their own
        self._first_cell = False  # no cell of the open row has begun
        self._cell_begun = False  # the open cell has text
        self._gap = ""  # owed before the next text of a cell
        self._before = ""  # the last characters
        self._scripts = Scripts()

    def heading(self) -> None:
        """Mark the open paragraph as a heading."""
        self._title = ""

    def write(self, text: str, script: str = "") -> None:
        """Write text. script: RAISED, LOWERED, APART or ""."""
        if text := self._scripts.write(text, script):
            self._write(text)

    def write_apart(self, text: str) -> None:
        """Write the text with a space on each side that has none."""
        self._end_script()
        self._write(" " + text if self._before.strip() == self._before != "" else text)
        self._gap = " "

    def white(self, white: str) -> None:
        """Write a tab or a line's end, but a space in a cell, where it would be taken for the row's."""
        self._end_script()
        if self._rows:
            self._owe_space()
        else:
            self._gap = ""
            self._write(white)

    def end_paragraph(self) -> None:
        self._end_script()
        if self._title and self._title.strip():
            self._writer.place(f"section {self._title}", self._title_at)
        self._title = None
        self._before = ""
        if self._rows:
            self._owe_space()
        else:
            self._gap = ""
            self._writer.write("\n")

    def end_line(self) -> None:
        """End the open line, if it has text."""
        self._end_script()
        if self._before or self._rows:
            self._writer.write("\n")

    def begin_row(self, empty: int = 0, is_flat: bool = False) -> None:
        """Begin a row. empty: columns before its first cell. is_flat: its cells are text of the cell around it."""
        if self._flat or (is_flat and self._rows):
            self._flat += 1
            return
        if self._rows and self._cell_begun:
            self._gap = "\n"
        self._rows += 1
        self._first_cell = True
        for _ in range(min(empty, _MOST_COLUMNS)):
            self.begin_cell()

    def begin_cell(self) -> None:
        if self._flat:
            self._owe_space()
            return
        self._before = ""
        if not self._first_cell and self._gap != "\n":
            self._writer.write("\t")
            self._gap = ""
        self._first_cell = self._cell_begun = False

    def widen_cell(self, columns: int) -> None:
        """End the open cell, which is as wide as so many columns."""
        for _ in range(min(columns, _MOST_COLUMNS) - 1):
            self.begin_cell()

    def end_row(self) -> None:
        if self._flat:
            self._flat -= 1
            self._owe_space()
            return
        self._rows -= 1
        self._first_cell, self._cell_begun = False, True
        self._gap = "\n" if self._rows else ""
        if not self._rows:
            self._writer.write("\n")

    def _end_script(self) -> None:
        """Write the script that is open; what comes next follows nothing."""
        if text := self._scripts.end():
            self._write(text)
        self._scripts.begin()

    def _owe_space(self) -> None:
        if self._cell_begun:
            self._gap = self._gap or " "

    def _write(self, text: str) -> None:
        gap, self._gap, self._cell_begun = "" if self._gap == " " == text[:1] else self._gap, "", True
        self._before = (self._before + gap + text)[-4:] if len(text) < 4 else text[-4:]
        self._writer.write(gap)
        if self._title == "":
            self._title_at = self._writer.nbytes
        self._writer.write(text)
        if self._title is not None and len(self._title) < limits.LABEL:
            self._title += gap + text
