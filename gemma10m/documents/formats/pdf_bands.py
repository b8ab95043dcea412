"""Find the tables of a page of a PDF whose rows are shaded, all or every second one, where no lines divide them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise
from typing import NamedTuple

from gemma10m.documents.formats.pdf_columns import merged
from gemma10m.documents.formats.pdf_fragments import Fragment
from gemma10m.documents.formats.pdf_rules import Grid, GridCell

_TOUCH = 3.0  # points: cells of a row that are no further apart are one band
_LOWEST = 4.0  # points: what is less between bands is no row
_FARTHEST = 4.0  # times the height of the higher band: what is more between two is no row
_MOST_BOXES, _MOST_CELLS = 2_000, 20_000  # of a page, and of a table; more are a drawing


class Band(NamedTuple):
    left: float
    right: float
    high: float
    low: float


def banded_grids(fragments: Sequence[Fragment], boxes: Sequence[Sequence[float]], angle: float) -> list[Grid]:
    """Return the tables that filled boxes [x, y, x, y] shade, turned as text at this angle runs."""
    if len(boxes) > _MOST_BOXES:
        return []
    bands = sorted(_bands([_turned(each, angle) for each in boxes]), key=lambda each: (*_sides(each), -each.high))
    tables = (table for _, group in groupby(bands, key=_sides) for table in _near(list(group)))
    return [grid for table in tables if len(table) > 1 and (grid := grid_of_bands(table, fragments))]


def _turned(box: Sequence[float], angle: float) -> Band:
    cosine, sine = math.cos(angle), math.sin(angle)
    x, y, to_x, to_y = box
    across = [each[0] * cosine + each[1] * sine for each in ((x, y), (to_x, to_y))]
    rising = [each[1] * cosine - each[0] * sine for each in ((x, y), (to_x, to_y))]
    return Band(min(across), max(across), max(rising), min(rising))


def _sides(band: Band) -> tuple[int, int]:
    return round(band.left), round(band.right)


def _bands(boxes: list[Band]) -> Iterator[Band]:
    """Yield the boxes at one height that touch as one."""
    last: Band | None = None
    for each in sorted(boxes, key=lambda each: (round(each.high), round(each.low), each.left)):
        is_beside = last and abs(last.high - each.high) < 1 and abs(last.low - each.low) < 1
        if last and is_beside and each.left <= last.right + _TOUCH:
            last = last._replace(right=max(last.right, each.right))
        else:
            if last:
                yield last
            last = each
    if last:
        yield last


def _near(bands: list[Band]) -> Iterator[list[Band]]:
    """Yield the bands, from the top, in parts between which there is more than an unshaded row."""
    first = 0
    for number, (above, below) in enumerate(pairwise(bands), start=1):
        if above.low - below.high > _FARTHEST * max(above.high - above.low, below.high - below.low):
            yield bands[first:number]
            first = number
    yield bands[first:]


def grid_of_bands(bands: list[Band], fragments: Sequence[Fragment]) -> Grid | None:
    """Return the table of bands, from the top, and of what is between them, above and below; columns are the text's."""
    left, right = bands[0].left, bands[0].right
    places = sorted({place for band in bands for place in (band.high, band.low)}, reverse=True)
    top, bottom = places[0], places[-1]
    least = min(band.high - band.low for band in bands)
    beside = [each for each in fragments if left < each.end and each.start < right]
    inside = [each for each in beside if bottom < each.baseline < top]
    columns = merged(inside)
    if len(columns) < 2 or all(each.pitch for each in inside):  # the latter is a program
        return None
    for low, high in ((top, top + least), (bottom - least, bottom)):  # a row more, such as the heading
        wider = merged(columns, [each for each in beside if low < each.baseline < high])
        if len(wider) == len(columns) and all(
            new.start <= old.start and old.end <= new.end for old, new in zip(columns, wider, strict=True)
        ):
            columns = wider
    heights = [top + least, *(high for high, low in pairwise(places) if high - low > _LOWEST), bottom, bottom - least]
    edges = [left, *((first.end + second.start) / 2 for first, second in pairwise(columns)), right]
    rows, count = len(heights) - 1, len(columns)
    if rows * count > _MOST_CELLS:
        return None
    cells = (GridCell(range(row, row + 1), range(number, number + 1)) for row in range(rows) for number in range(count))
    return Grid(tuple(heights), tuple(edges), tuple(cells))
