"""Find tables that no lines are drawn for: cells below each other are a column, also where rows lack some."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, groupby, pairwise
from typing import NamedTuple

from gemma10m.documents.formats.pdf_fragments import Fragment

_APART = 2.5  # of the size: rows of a table are no further apart
_LARGER = 1.2  # times the size of the row above: a heading
_ALIGNED = 1  # points

_Cells = Sequence[Fragment]


class Column(NamedTuple):
    start: float
    end: float


@dataclass(frozen=True)
class OpenTable:
    rows: list[_Cells]
    columns: list[Column]  # that no cell crosses; none for text between tables and for a single row

    def texts(self) -> list[list[str]]:
        """Return the texts of each row: one for each column, or the only one of a row that is text by itself."""
        if len(self.columns) < 2:
            return [[cell.text for cell in cells] for cells in self.rows]
        edges = _edges(self)
        found, above = [], self.rows[0]
        for cells in self.rows:
            is_row = len(cells) > 1 or _is_cell(cells[0], above, self.columns, edges)
            found.append(_in_columns(cells, self.columns) if is_row else [cells[0].text])
            above = cells
        return found


def tables_of(rows: Iterable[_Cells]) -> Iterator[OpenTable]:
    """Yield tables of rows with several cells and of single cells between them, and what is between tables."""
    table, between = OpenTable([], []), list[_Cells]()
    for is_several, group in groupby(rows, key=lambda cells: len(cells) > 1):
        run = list(group)
        if not is_several:
            between = run
            continue
        following = _table(run)
        if joined := _joined(table, between, following):
            table = joined
        else:
            between, following = _with_heading(between, following)
            yield from _ended(table, between)
            table = following
        between = []
    yield from _ended(table, between)


def _table(rows: list[_Cells]) -> OpenTable:
    """Return the table of these rows, of which those with wide gaps between words are divided as the others are."""
    columns = _columns([cells for cells in rows if not any(cell.gaps for cell in cells)])
    rows = [_divided(cells, columns) for cells in rows]
    return OpenTable(rows, _columns(rows))


def _divided(cells: _Cells, columns: list[Column]) -> _Cells:
    """Return the row divided at its wide gaps, if each piece is then in a column of its own; else as it is."""
    pieces = [piece for cell in cells for piece in cell.divided()]
    wider = merged(columns, pieces)
    is_fit = len(wider) == len(columns) and len({_number(piece, wider) for piece in pieces}) == len(pieces)
    return pieces if is_fit else cells


def _with_heading(before: list[_Cells], table: OpenTable) -> tuple[list[_Cells], OpenTable]:
    """Move the row right above a table into it, if it is one of several pieces that are as far apart as its columns."""
    if len(table.rows) > 1 and before and _hang_together(before[-1], table.rows[0]):
        heading = _divided(before[-1], table.columns)
        if len(heading) > 1:
            rows = [heading, *table.rows]
            return before[:-1], OpenTable(rows, _columns(rows))
    return before, table


def _joined(table: OpenTable, between: list[_Cells], following: OpenTable) -> OpenTable | None:
    """Return one table of two if the columns of one fit the other's, and each row between them lies in a column."""
    columns = merged(table.columns, following.columns)
    less, more = sorted((table.columns, following.columns), key=len)
    most = len(more)
    if not less or most < 2 or len(columns) != most or (len(less) < most and not _are_aligned(less, more)):
        return None
    if not all(_hang_together(*each) for each in pairwise([table.rows[-1], *between, following.rows[0]])):
        return None
    between = [_divided(cells, columns) for cells in between]
    for cells in between:
        columns = merged(columns, cells)
        if len(columns) != most:
            return None
    return OpenTable([*table.rows, *between, *following.rows], columns)


def _are_aligned(columns: list[Column], others: list[Column]) -> bool:
    """Tell if each column begins, ends or has its middle where the one of the others does that it overlaps."""
    for each in columns:
        other = others[min(bisect_left(others, each.start, key=lambda column: column.end), len(others) - 1)]
        apart = (each.start - other.start, each.end - other.end)
        if min(abs(apart[0]), abs(apart[1]), abs(sum(apart)) / 2) > _ALIGNED:
            return False
    return True


def _ended(table: OpenTable, after: list[_Cells]) -> Iterator[OpenTable]:
    """Yield the table with the cells right below it that are rows, and the rest as text."""
    rows, columns, edges = list(table.rows), table.columns, _edges(table)
    for single in after if len(table.rows) > 1 else ():
        cells = _divided(single, columns)
        wider = merged(columns, cells)
        is_fit = len(wider) == len(columns) > 1 and _hang_together(rows[-1], cells)
        if not is_fit or (len(cells) == 1 and not _is_cell(cells[0], rows[-1], wider, edges)):
            break
        columns = wider
        rows.append(cells)
    yield OpenTable(rows, columns if len(rows) > 1 else [])
    yield OpenTable(after[len(rows) - len(table.rows) :], [])


def _hang_together(above: _Cells, below: _Cells) -> bool:
    first, second = above[0], below[0]
    return 0 < first.baseline - second.baseline < _APART * first.size and second.size < _LARGER * first.size


def _is_cell(cell: Fragment, above: _Cells, columns: list[Column], edges: set[tuple[int, int]]) -> bool:
    """Tell if a cell without others is one of the table and no text by itself, such as a heading over some rows.

    It is below others of its column but the first, and not the rest of what is right above it.
    """
    column = _number(cell, columns)
    places = {round(place) + by for place in (cell.start, cell.end) for by in range(-_ALIGNED, _ALIGNED + 1)}
    is_below = column > 0 and any((column, place) in edges for place in places)
    is_rest = any(map(str.isalpha, cell.text)) and any(_number(other, columns) == column for other in above)
    return is_below and not is_rest and not cell.text.startswith(" ")


def _edges(table: OpenTable) -> set[tuple[int, int]]:
    """Return the places where cells of rows with several begin and end, each with the number of its column."""
    return {
        (_number(cell, table.columns), round(place))
        for cells in table.rows
        if len(cells) > 1 and table.columns
        for cell in cells
        for place in (cell.start, cell.end)
    }


def _columns(rows: Sequence[_Cells]) -> list[Column]:
    return merged(chain.from_iterable(rows))


def merged(*parts: Iterable[Fragment | Column]) -> list[Column]:
    """Return where columns begin and end that none of these crosses."""
    found: list[Column] = []
    for each in sorted(chain.from_iterable(parts), key=lambda each: each.start):
        if found and each.start < found[-1].end:
            found[-1] = Column(found[-1].start, max(found[-1].end, each.end))
        else:
            found.append(Column(each.start, each.end))
    return found


def _number(cell: Fragment, columns: list[Column]) -> int:
    return bisect_left(columns, cell.end, key=lambda column: column.end)


def _in_columns(cells: _Cells, columns: list[Column]) -> list[str]:
    texts: list[list[str]] = [[] for _ in columns]
    for cell in cells:
        texts[_number(cell, columns)].append(cell.text)
    return [" ".join(each) for each in texts]
