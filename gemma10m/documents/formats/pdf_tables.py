"""Put the text of a ruled table's cells together: a row of the table is one line, whatever lines its cells take."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from gemma10m.documents.formats.hyphens import LINE
from gemma10m.documents.formats.pdf_fragments import SPACE, Fragment, is_leftwards
from gemma10m.documents.formats.pdf_rules import Grid, GridCell

CELL = "\t"  # between cells of a ruled row; no other fragment has one
_ASIDE = 2.0  # points that a text may be over the edge of its cell
_RAISED = 0.2  # of the size: the middle of a line is above its baseline
_MOST_LINES = 15  # of a cell; more are a box with text of its own
_FEWEST_ROWS = 2  # with text in two cells at least: other grids are drawings
_SAME_LINE = 0.35  # of the size

_LinesOf = Callable[[Sequence[Fragment]], list[Fragment]]


class _Filled(NamedTuple):
    cell: GridCell
    width: float
    lines: list[Fragment]


def with_ruled_rows(fragments: Sequence[Fragment], grids: Sequence[Grid], lines_of: _LinesOf) -> list[Fragment]:
    """Return the fragments with each row of a ruled table as one of them; rows whose cells are not clear are left.

    lines_of: puts the fragments of a cell into lines.
    """
    left = list(fragments)
    for grid in grids:
        left = [piece for each in left for piece in _divided(each, grid)]
        held = _held(grid, left)
        rows, taken = list[Fragment](), set[int]()
        for together in _bands(grid):
            inside = {cell: held[cell] for cell in together if cell in held}
            if found := _rows(grid, inside, lines_of):
                rows += found
                taken.update(id(each) for cell in inside.values() for each in cell)
        if len(rows) >= _FEWEST_ROWS:
            left = [each for each in left if id(each) not in taken] + rows
    return left


def _divided(each: Fragment, grid: Grid) -> list[Fragment]:
    """Return the pieces of a text in the grid between gaps in which a column ends."""
    if not each.gaps or not grid.heights[-1] < each.baseline < grid.heights[0]:
        return [each]
    gaps = tuple(gap for gap in each.gaps if any(gap.end <= edge <= gap.start for edge in grid.edges[1:-1]))
    return each._replace(gaps=gaps).divided()


def _held(grid: Grid, fragments: Sequence[Fragment]) -> dict[GridCell, list[Fragment]]:
    """Return what is drawn in each cell."""
    squares = {(row, column): cell for cell in grid.cells for row in cell.rows for column in cell.columns}
    falling = [-height for height in grid.heights]
    found: dict[GridCell, list[Fragment]] = {}
    for each in fragments:
        row = bisect_right(falling, -each.baseline - _RAISED * each.size) - 1
        column = bisect_right(grid.edges, (each.start + each.end) / 2) - 1
        if cell := squares.get((row, column)):
            found.setdefault(cell, []).append(each)
    return found


def _bands(grid: Grid) -> Iterator[list[GridCell]]:
    """Yield the cells of rows that hang together by cells that take several."""
    band, stop = list[GridCell](), 0
    for cell in grid.cells:
        if band and cell.rows.start >= stop:
            yield band
            band = []
        band.append(cell)
        stop = max(stop, cell.rows.stop)
    yield band


def _rows(grid: Grid, held: dict[GridCell, list[Fragment]], lines_of: _LinesOf) -> list[Fragment]:
    """Return the rows, or nothing where a text is in two cells, where only one has any, and for several rows in one."""
    if len({cell.columns for cell in held}) < 2:
        return []
    filled = []
    for cell, fragments in held.items():
        left, right = grid.edges[cell.columns.start], grid.edges[cell.columns.stop]
        if any(each.start < left - _ASIDE or each.end > right + _ASIDE for each in fragments):
            return []
        filled.append(_Filled(cell, right - left, lines_of(fragments)))
    if max(len(each.lines) for each in filled) > _MOST_LINES or _are_several(filled):
        return []
    numbers = sorted({each.cell.rows.start for each in filled})
    return [_row(grid, [each for each in filled if each.cell.rows.start == number]) for number in numbers]


def _row(grid: Grid, filled: Sequence[_Filled]) -> Fragment:
    texts = [""] * (len(grid.edges) - 1)
    for each in filled:
        texts[each.cell.columns.start] = LINE.join(line.text for line in each.lines)
    lines = [line for each in filled for line in each.lines]
    if is_leftwards(lines):
        texts.reverse()
    first = max(lines, key=lambda line: line.baseline)
    alone = [line.baseline for each in filled if len(each.cell.rows) == 1 for line in each.lines]
    height = max(alone, default=grid.heights[filled[0].cell.rows.start] - first.size)
    edges = (grid.edges[0], grid.edges[-1])
    text = CELL.join(texts)
    return first._replace(start=edges[0], end=edges[1], baseline=height, pitch=0.0, gaps=(), text=text)


def _are_several(filled: Sequence[_Filled]) -> bool:
    """Tell if cells hold rows that no line divides: two have lines beside each other, and one of them is not filled."""
    tall = [each for each in filled if len(each.lines) > 1]
    for index, each in enumerate(tall):
        for other in tall[index + 1 :]:
            if _beside(each.lines, other.lines) > 1 and not (_is_wrapped(each) and _is_wrapped(other)):
                return True
    return False


def _beside(lines: Sequence[Fragment], others: Sequence[Fragment]) -> int:
    """Return how many lines have another at their height."""
    heights = sorted(line.baseline for line in others)
    found = 0
    for line in lines:
        near = bisect_left(heights, line.baseline - _SAME_LINE * line.size)
        found += near < len(heights) and heights[near] <= line.baseline + _SAME_LINE * line.size
    return found


def _is_wrapped(filled: _Filled) -> bool:
    """Tell if each line ends where the next one's first word has no room, and there are several words in a line."""
    if not any(" " in line.text for line in filled.lines):
        return False
    for line, following in pairwise(filled.lines):
        each = (following.end - following.start) / max(1, len(following.text))
        word = each * len(following.text.split(" ")[0])
        if line.end - line.start + word < filled.width - (1 + SPACE) * line.size:
            return False
    return True
