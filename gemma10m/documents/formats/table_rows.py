"""Write a table as a line for each row, with tabs between cells, unless its rows only lay out the page."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

LINE, PARAGRAPH = 2, 3  # what stands before a block: a line's end, an empty line
_LONGEST = 2000  # characters of a row that holds headings, tables or several blocks and is still a row
_SHORT = 200  # characters of a row that is one though a cell has paragraphs, where another is one block
_SEVERAL = 2  # rows of a table in a cell, or paragraphs behind its first, that make it a part of the page
_WIDEST = 100  # columns of one cell; more are a way to say "the whole width"
_TO_THE_END = 65_534  # rows
_INDENTED = re.compile(r"\n[ \t]+\S")
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
        """Return the cell as one line, which is indented as its first one is."""
        first = self.blocks[0].text if self.blocks else ""
        indent = first[: len(first) - len(first.lstrip(" "))]
        return indent + " ".join(" ".join(block.text.split()) for block in self.blocks)

    @property
    def size(self) -> int:
        return sum(len(block.text) for block in self.blocks)

    @property
    def has_lines(self) -> bool:
        """Tell if a block, such as <pre>, has lines of its own."""
        return any("\n" in block.text for block in self.blocks)

    @property
    def has_code(self) -> bool:
        """Tell if its lines must stay lines: they are indented, or have other text around them."""
        return self.has_lines and (len(self.blocks) > 1 or bool(_INDENTED.search(self.blocks[0].text)))

    @property
    def has_rows(self) -> bool:
        """Tell if it holds a table of several rows and columns."""
        return sum("\t" in block.text for block in self.blocks) >= _SEVERAL

    @property
    def has_parts(self) -> bool:
        """Tell if it holds several paragraphs, lists and headings."""
        return sum(block.gap >= PARAGRAPH for block in self.blocks[1:]) >= _SEVERAL

    @property
    def has_section(self) -> bool:
        """Tell if it holds a heading and more."""
        return len(self.blocks) > 1 and any(block.label for block in self.blocks)


class Table:
    """Hold the open row of a table, and where cells of earlier rows reach into it."""

    def __init__(self, is_stray: bool = False) -> None:
        self.is_stray = is_stray  # its rows or cells are outside of any table
        self.is_data = False  # it has a caption, or headings of rows or columns
        self.foot: list[Block] = []  # rows that are shown last
        self.cell: TableCell | None = None  # the open one
        self.row: list[TableCell] | None = None
        self._spans: dict[int, int] = {}  # rows that a cell of an earlier row still takes, by column
        self._column = 0
        self._plain: set[int] = set()  # numbers of cells of the rows whose cells are one block each

    def begin_rows(self) -> None:
        """End the spans of cells: they end with their group of rows."""
        self._spans.clear()

    def begin_cell(self, tag: str, given: dict[str, str], above: tuple[list[Block] | None, int]) -> TableCell:
        self.is_data = self.is_data or tag == "th"
        self.row = self.row or []
        self._column = 0 if not self.row else self._column
        while self._column in self._spans:
            self._column += 1
        self.cell = TableCell(self._column, above)
        self.row.append(self.cell)
        rows, columns = (_number(given.get(name, "")) for name in ("rowspan", "colspan"))
        for _ in range(min(columns or 1, _WIDEST)):
            if rows != 1 and self._column < _FURTHEST:
                self._spans[self._column] = rows or _TO_THE_END
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
        if self._is_layout(row, filled):
            return [block for cell in filled for block in cell.blocks]
        line, column = [], 0
        for cell in row:
            line += ["\t" * (cell.column - column), cell.text]
            column = cell.column
        label = next((block.label for cell in filled for block in cell.blocks if block.label), "")
        return [Block(LINE, "".join(line), label)]

    def _is_layout(self, row: list[TableCell], filled: list[TableCell]) -> bool:
        """Tell if a row's cells are parts of the page, by what is in them; a row of data is one line."""
        if (len(row) == 1 and not row[0].column) or any(cell.has_rows for cell in filled):
            return True
        size = sum(cell.size for cell in filled)
        with_lines = [cell for cell in filled if cell.has_lines]
        if with_lines:
            is_code = size > _LONGEST or any(cell.has_code for cell in with_lines)
            if is_code or (len(with_lines) == len(filled) and not self.is_data):
                return True
        if size > _LONGEST and any(cell.is_layout for cell in filled):
            return True
        is_data = self.is_data or len(row) in self._plain
        if all(len(cell.blocks) <= 1 for cell in row):
            self._plain.add(len(row))
        return not is_data and _has_parts(filled, size)


def _has_parts(cells: list[TableCell], size: int) -> bool:
    """Tell if cells of so many characters hold parts of a page."""
    if len(cells) == 1 and cells[0].is_layout:  # the others keep its distance
        return True
    is_short = size <= _SHORT and any(len(cell.blocks) == 1 for cell in cells)
    if any(cell.has_parts for cell in cells) and not is_short:
        return True
    is_long = size > _LONGEST and any(len(cell.blocks) > _SEVERAL for cell in cells)
    return is_long or sum(cell.has_section for cell in cells) > 1


def _number(given: str) -> int:
    """Return a span: 0 means all rows that follow, and one column."""
    return int(given) if given.isdecimal() and len(given) < 6 else 1
