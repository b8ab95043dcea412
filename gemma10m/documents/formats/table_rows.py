"""Write a table as a line for each row, with tabs between cells, unless its rows only lay out the page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

LINE, PARAGRAPH = 2, 3  # what stands before a block: a line's end, an empty line
_LONGEST = 2000  # characters of a row that holds headings or tables and is still a row
_WIDEST = 100  # columns of one cell; more are a way to say "the whole width"
_FURTHEST = 100  # columns in which cells of earlier rows are counted


@dataclass
class Block:
    """Hold a block of text that is not written yet."""

    gap: int  # what stands before it
    text: str
    label: str = ""  # of the place that begins with it


@dataclass
class TableCell:
    """Hold the blocks of a cell."""

    column: int
    above: tuple[list[Block] | None, int]  # the blocks around its table, and the gap there
    blocks: list[Block] = field(default_factory=list)
    is_layout: bool = False  # it holds a heading or a table

    @property
    def text(self) -> str:
        return " ".join(" ".join(block.text.split()) for block in self.blocks)


class Table:
    """Hold the open row of a table, and where cells of earlier rows reach into it."""

    def __init__(self) -> None:
        self.cell: TableCell | None = None  # the open one
        self.row: list[TableCell] | None = None
        self._spans: dict[int, int] = {}  # rows that a cell of an earlier row still takes, by column
        self._column = 0

    def begin_rows(self) -> None:
        """End the spans of cells: they end with their group of rows."""
        self._spans.clear()

    def begin_cell(self, given: dict[str, str], above: tuple[list[Block] | None, int]) -> TableCell:
        self.row = self.row or []
        self._column = 0 if not self.row else self._column
        while self._column in self._spans:
            self._column += 1
        self.cell = TableCell(self._column, above)
        self.row.append(self.cell)
        rows, columns = (_number(given.get(name, "")) for name in ("rowspan", "colspan"))
        for _ in range(min(columns, _WIDEST)):
            if rows > 1 and self._column < _FURTHEST:
                self._spans[self._column] = rows
            self._column += 1
        return self.cell

    def end_row(self) -> Iterable[Block]:
        """Return the row as blocks of text."""
        if self.row is None:
            return []
        row, self.row, self.cell = self.row, None, None
        self._spans = {column: rows - 1 for column, rows in self._spans.items() if rows > 1}
        filled = [cell for cell in row if cell.blocks]
        if not filled:
            return []
        if _is_layout(filled):
            return [block for cell in filled for block in cell.blocks]
        line, column = [], 0
        for cell in row:
            line += ["\t" * (cell.column - column), cell.text]
            column = cell.column
        label = next((block.label for cell in filled for block in cell.blocks if block.label), "")
        return [Block(LINE, "".join(line), label)]


def _is_layout(cells: list[TableCell]) -> bool:
    blocks = [block for cell in cells for block in cell.blocks]
    if any("\n" in block.text for block in blocks):  # <pre>
        return True
    size = sum(len(block.text) for block in blocks)
    return size > _LONGEST and (len(cells) == 1 or any(cell.is_layout for cell in cells))


def _number(given: str) -> int:
    """Return a span; 0 means all rows that follow."""
    return int(given) or 65_534 if given.isdecimal() and len(given) < 6 else 1
