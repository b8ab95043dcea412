"""Number a page's lists, and write its tables as rows or, where they only lay out the page, as blocks."""

from __future__ import annotations

from functools import partial

from gemma10m.documents import limits
from gemma10m.documents.formats.html_blocks import PageBlocks
from gemma10m.documents.formats.numbering import Numbering
from gemma10m.documents.formats.table_rows import LINE, Block, Table, TableCell
from gemma10m.documents.formats.xml_events import Attributes
from gemma10m.documents.spool import TextWriter

_Around = tuple[list[Block] | None, int]  # the blocks around a table or a list, and the gap there


class PageTables(PageBlocks):
    """Hold the lists and tables that are open."""

    def __init__(self, writer: TextWriter, word: str, title: str) -> None:
        super().__init__(writer, word, title)
        self._lists: list[Numbering] = []
        self._waiting: list[tuple[Numbering, list[Block], _Around]] = []  # open lists whose last number is not known

    def _begin_heading(self, tag: str, given: Attributes) -> None:
        self._end_heading()
        self._title = []
        if self._tables and (cell := self._tables[-1].cell):
            cell.is_layout = True
        self._at_end(self._end_heading)

    def _begin_list(self, tag: str, given: Attributes) -> None:
        numbering = Numbering(tag, given)
        if numbering.counts_down and len(self._waiting) >= limits.TABLES_DEEP:
            numbering = Numbering("ul", given)
        elif numbering.counts_down:
            self._waiting.append((numbering, [], (self._blocks, self._gap)))
            self._blocks, self._gap = self._waiting[-1][1], 0
        self._lists.append(numbering)
        self._at_end(self._end_list)

    def _end_list(self) -> None:
        numbering = self._lists.pop()
        while any(each[0] is numbering for each in self._waiting):
            self._end_countdown()

    def _end_countdown(self) -> None:
        self._break(LINE)
        numbering, blocks, (self._blocks, self._gap) = self._waiting.pop()
        for block in blocks:
            self._gap = max(self._gap, block.gap)
            self._write(numbering.resolved(block.text), numbering.resolved(block.label))

    def _begin_item(self, tag: str, given: Attributes) -> None:
        self._prefix += self._lists[-1].next(given) if self._lists else ""

        def end() -> None:
            self._break(LINE)
            if self._prefix:  # the item is empty
                self._write(self._prefix.rstrip())
            self._prefix = ""

        self._at_end(end)

    def _begin_table(self, tag: str, given: Attributes) -> None:
        if self._tables and (cell := self._tables[-1].cell):
            cell.is_layout = True
        elif self._tables and self._tables[-1].is_stray:
            self._write_stray_row(self._tables[-1])
            self._end_table(self._tables[-1])
        table = Table()
        self._tables.append(table)
        self._at_end(partial(self._end_table, table))

    def _end_table(self, table: Table) -> None:
        if table in self._tables:
            self._end_row(table)
            self._tables.remove(table)
            for block in table.foot:
                self._write_in_table(block)

    def _begin_caption(self, tag: str, given: Attributes) -> None:
        if self._tables:
            self._tables[-1].is_data = True

    def _table(self) -> Table | None:
        """Return the open table, or a new one for a row outside of tables; None where tables are nested too deep."""
        if not self._tables:
            self._tables.append(Table(is_stray=True))
        return self._tables[-1] if len(self._tables) <= limits.TABLES_DEEP else None

    def _fits(self, part: str) -> bool:
        """Tell if a table may have this part here: rows are in tables, and cells in rows."""
        table = self._tables[-1] if self._tables else None
        if part == "table" or not table or table.cell:
            return part == "table"
        return part == "tr" or table.row is not None

    def _begin_rows(self, tag: str, given: Attributes) -> None:
        if table := self._table():
            self._end_row(table)
            table.begin_rows()
            table.is_data = table.is_data or tag == "thead"
            if tag == "tfoot" and not table.is_stray:
                self._begin_foot(table)

    def _begin_foot(self, table: Table) -> None:
        """Hold the rows of a table's foot back: they are shown last, wherever the page has them."""
        above = self._blocks, self._gap
        self._blocks, self._gap = table.foot, 0

        def end() -> None:
            self._end_row(table)
            self._blocks, self._gap = above

        self._at_end(end)

    def _begin_row(self, tag: str, given: Attributes) -> None:
        if table := self._table():
            self._end_row(table)
            table.row = []
            self._at_end(partial(self._end_row, table))

    def _end_row(self, table: Table) -> None:
        self._end_cell(table, table.cell)
        self._break(LINE)
        self._write_row(table)

    def _begin_cell(self, tag: str, given: Attributes) -> None:
        if table := self._table():
            self._end_cell(table, table.cell)
            cell = table.begin_cell(tag, given, (self._blocks, self._gap))
            self._blocks, self._gap = cell.blocks, 0
            self._at_end(partial(self._end_cell, table, cell))

    def _end_cell(self, table: Table, cell: TableCell | None) -> None:
        if cell and table.cell is cell:
            self._break(LINE)
            while self._waiting and self._blocks is not cell.blocks:
                self._end_countdown()
            self._blocks, self._gap = cell.above
            table.cell = None
