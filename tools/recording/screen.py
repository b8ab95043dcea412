"""Draw what a program wrote to a terminal: the lines that are left at the end, with their colours.

A line that was redrawn is there once, as it was last, and long lines are cut at the terminal's width.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby

_TOKENS = re.compile(r"\x1b\[(?P<numbers>[0-9;?]*)(?P<end>[@-~])|\x1b\].*?(?:\x07|\x1b\\)|\x1b.|(?P<one>.)", re.DOTALL)
_TAB = 8


@dataclass(frozen=True)
class Cell:
    character: str = " "
    style: str = ""  # the numbers of the escape sequences for colours that apply


@dataclass
class Screen:
    """Hold a screen without a lower end. What is not listed here, a terminal does and our programs never ask for."""

    columns: int
    rows: list[list[Cell]] = field(default_factory=lambda: [[]])
    row: int = 0
    column: int = 0
    style: str = ""

    def feed(self, written: str) -> None:
        for match in _TOKENS.finditer(written):
            if match["end"]:
                self._control(match["numbers"], match["end"])
            elif match["one"]:
                self._put(match["one"])

    def lines(self) -> Iterator[str]:
        for row in self.rows:
            yield "".join(cell.character for cell in row).rstrip()

    def coloured_lines(self) -> Iterator[str]:
        """Yield each line with an escape sequence in front of each colour."""
        for row in self.rows:
            runs = [(style, "".join(cell.character for cell in run)) for style, run in groupby(row, lambda c: c.style)]
            yield "".join(f"\x1b[0;{style}m{text}\x1b[0m" if style else text for style, text in runs)

    def _put(self, character: str) -> None:
        if character == "\n":
            self._down()
        elif character == "\r":
            self.column = 0
        elif character == "\b":
            self.column = max(0, self.column - 1)
        elif character == "\t":
            self.column = min(self.columns - 1, (self.column // _TAB + 1) * _TAB)
        elif character >= " ":
            self._write(character)

    def _write(self, character: str) -> None:
        if self.column == self.columns:
            self.column = 0
            self._down()
        row = self.rows[self.row]
        row.extend([Cell()] * (self.column + 1 - len(row)))
        row[self.column] = Cell(character, self.style)
        self.column += 1

    def _down(self) -> None:
        self.row += 1
        if self.row == len(self.rows):
            self.rows.append([])

    def _control(self, numbers: str, end: str) -> None:
        first = numbers.split(";")[0]
        count = int(first) if first.isdigit() else 0
        if end == "m":
            self.style = "" if count == 0 else f"{self.style};{numbers}".strip(";")
        elif end == "K":
            self._erase(count)
        elif end == "A":
            self.row = max(0, self.row - max(1, count))
        elif end == "G":
            self.column = max(1, count) - 1

    def _erase(self, which: int) -> None:
        row = self.rows[self.row]
        if which == 0:
            del row[self.column :]
        elif which == 1:
            row[: self.column + 1] = [Cell()] * min(len(row), self.column + 1)
        else:
            row.clear()
