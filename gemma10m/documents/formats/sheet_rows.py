"""Write the rows of a spreadsheet's sheets as lines, with tabs between cells, as they come."""

from __future__ import annotations

from collections import Counter

from gemma10m.documents.budget import Budget
from gemma10m.documents.counts import counted
from gemma10m.documents.formats.odt_line import Line
from gemma10m.documents.spool import TextWriter

MOST_COLUMNS = 16_384  # of a sheet, as Excel and LibreOffice have them
WITHOUT_TEXT = "a spreadsheet without text that is shown"
_LONGEST = 1 << 20  # characters of a cell; Excel allows 32,767


class CellText:
    """Collect the text of the open cell, which becomes one line."""

    def __init__(self) -> None:
        self._line = Line()
        self._size = 0
        self.cut = 0  # characters that were more than what is kept

    def add(self, text: str, script: str = "") -> None:
        """Add text up to the longest that a cell may have. script: RAISED, LOWERED or ""."""
        kept = text[: max(0, _LONGEST - self._size)]
        self.cut += len(text) - len(kept)
        self._size += len(kept)
        self._line.write(kept, script)

    def take(self) -> str:
        """Return the text on one line, and begin the next cell."""
        self._size = 0
        return " ".join(self._line.take().split())


class SheetRows:
    """Receive sheets, rows and cells in their order. Empty rows, and empty cells at a row's end, are not written."""

    def __init__(self, writer: TextWriter, budget: Budget) -> None:
        self._writer, self._budget = writer, budget
        self._heading = ""  # of the open sheet, until it has text
        self._written = -1  # the last column of the open row that has been written; -1: none
        self._left_out = Counter[tuple[str, str]]()  # what, and where

    def begin_sheet(self, name: str) -> None:
        """Begin a sheet, whose name is written as a heading if it has text."""
        self._heading = " ".join(name.split()) or "(without a name)"

    def cell(self, column: int, text: str) -> None:
        """Write a cell of the open row. column: from 0, and larger than that of the cell before."""
        if not text:
            return
        if not self._written < column < MOST_COLUMNS:
            self.leave_out("misplaced cell")
            return
        tabs = column - max(0, self._written)
        self._budget.spend(tabs)  # few bytes of a file can ask for many
        self._write_heading()
        self._writer.write("\t" * tabs + text)
        self._written = column

    def end_row(self) -> None:
        """End the line, if the row has text."""
        if self._written >= 0:
            self._writer.write("\n")
        self._written = -1

    def remarks(self, lines: list[str]) -> None:
        """Write lines that belong to the sheet and are no rows."""
        if lines and not self._heading:
            self._writer.write("\n")
        for line in lines:
            self._write_heading()
            self._writer.write(f"{line}\n")

    def leave_out(self, what: str, where: str = "", number: int = 1) -> None:
        """Count what is not read."""
        self._left_out[what, where] += number

    def tell(self) -> None:
        """Note what is not read."""
        for (what, where), number in (+self._left_out).items():
            self._writer.note(f"{counted(number, what, where)} not read")

    def _write_heading(self) -> None:
        if self._heading:
            self._writer.write("" if self._writer.blank else "\n")
            self._writer.place(f"sheet {self._heading}")
            self._writer.write(f"{self._heading}\n\n")
            self._heading = ""
