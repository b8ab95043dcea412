"""Find a table that is as wide as a page of two columns, whose gap may be the table's, too: rows would be torn."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from gemma10m.documents.formats.pdf_fragments import Fragment
from gemma10m.documents.formats.pdf_rules import Stroke

_FEWEST_ROWS, _FEWEST_CELLS = 3, 3
_LONG = 0.6  # of a column's width: a line of prose, and no cell
_NEAR = 3.0  # of the size: a line above a table, or below it
_OVER = 20.0  # points on both sides of the gap: a line over it

_Cells = Sequence[Fragment]


def wide_table(rows: Sequence[_Cells], place: float, level: Iterable[Stroke], is_captioned: bool) -> range | None:
    """Return the first rows that are of one table on both sides of `place`, where a column begins.

    Level lines above and below them cross the gap, or they are the first rows and text above them does (is_captioned):
    tables of two columns may be beside each other, too.
    """
    left, right = min(cells[0].start for cells in rows), max(cells[-1].end for cells in rows)
    over = [each.place for each in level if each.start < place - _OVER and each.end > place + _OVER]
    begin = 0
    for is_row, group in groupby(rows, key=lambda cells: _is_row(cells, left, place, right)):
        end = begin + len(list(group))
        if is_row and end - begin >= _FEWEST_ROWS:
            top, foot = rows[begin][0], rows[end - 1][0]
            is_under = any(0 < height - top.baseline < _NEAR * top.size for height in over)
            is_above = any(0 < foot.baseline - height < _NEAR * foot.size for height in over)
            if (is_under and is_above) or (begin == 0 and is_captioned):
                return range(begin, end)
        begin = end
    return None


def _is_row(cells: _Cells, left: float, place: float, right: float) -> bool:
    """Tell if several short cells are on both sides."""
    before = [each for each in cells if each.start < place]
    after = cells[len(before) :]
    is_short = all(each.end - each.start < _LONG * (place - left) for each in before)
    is_short = is_short and all(each.end - each.start < _LONG * (right - place) for each in after)
    return bool(before and after) and len(cells) >= _FEWEST_CELLS and is_short
