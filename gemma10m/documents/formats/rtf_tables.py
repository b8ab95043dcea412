"""Write the rows of a table of RTF as lines, with each cell in the columns that it covers.

A row says only where its cells end, and a merged cell is one that ends further to the right.
"""

from __future__ import annotations

from bisect import bisect_right
from itertools import pairwise
from typing import NamedTuple

from gemma10m.documents.budget import Budget

DEFINITIONS = {"trowd", "trleft", "cellx"}  # words that say where the cells of the rows are
_SAME = 40  # twips: borders that lie no further apart are one
_MOST_COLUMNS = 64  # Word has no more: what has is no table but a page


class _RtfRow(NamedTuple):
    cells: list[str]
    left: int  # in twips, as all borders are
    ends: tuple[int, ...]  # of the cells

    def line(self, grid: list[int]) -> str:
        """Return the row's text with a tab for each border of the grid. Without one its cells are the columns."""
        columns = [bisect_right(grid, self.left + _SAME), *(bisect_right(grid, end) for end in self.ends)]
        widths = [after - column for column, after in pairwise(columns)]
        if not grid or len(widths) != len(self.cells) or min(widths) < 1:
            return "\t".join(self.cells)
        cells = (cell + "\t" * width for cell, width in zip(self.cells, widths, strict=True))
        return "\t" * columns[0] + "".join(cells)[:-1]


class RtfTable:
    """Keep the rows of the open table, until its columns are known."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._left, self._ends = 0, tuple[int, ...]()  # of the rows that follow
        self._rows: list[_RtfRow] = []

    def define(self, word: str, number: int) -> None:
        """Receive one of `DEFINITIONS`."""
        if word == "trowd":
            self._left, self._ends = 0, ()
        elif word == "trleft":
            self._left = number
        elif len(self._ends) <= _MOST_COLUMNS:
            self._ends += (number,)

    def add(self, cells: list[str]) -> None:
        """Add a row, which is as the last definition says."""
        self._rows.append(_RtfRow(cells, self._left, self._ends))

    def take(self) -> str:
        """Return the text of the table, which ends here."""
        rows, self._rows = self._rows, []
        grid = _grid(rows)
        lines = [row.line(grid) + "\n" for row in rows]
        self._budget.spend(sum(map(len, lines)))  # few bytes can ask for many columns
        return "".join(lines)


def _grid(rows: list[_RtfRow]) -> list[int]:
    """Return the borders of all rows at which columns end, or none where these are too many."""
    grid: list[int] = []
    for end in sorted({end for ends in {row.ends for row in rows} for end in ends}):
        if not grid or end > grid[-1] + _SAME:
            grid.append(end)
    return grid if len(grid) <= _MOST_COLUMNS else []
