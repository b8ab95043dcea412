"""Find the tables of a page of a PDF that have a level line between rows, or below them, and no upright ones."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, pairwise

from gemma10m.documents.formats.pdf_bands import Band, grid_of_bands
from gemma10m.documents.formats.pdf_columns import merged
from gemma10m.documents.formats.pdf_fragments import Fragment
from gemma10m.documents.formats.pdf_rules import Grid, Stroke, joined, turned

_ROUGHLY = 2.0  # points: ends of lines of one table
_LOWEST, _HIGHEST = 4.0, 250.0  # points: what is less between two lines is no row, nor is what is more
_MOST_LINES = 300  # of a page; more are a drawing


def grids_of_row_rules(fragments: Sequence[Fragment], lines: Iterable[Sequence[float]], angle: float) -> list[Grid]:
    """Return the tables that level lines [x, y, x, y] divide into rows, turned as text at this angle runs."""
    level = joined(turned(lines, angle)[0])
    if len(level) > _MOST_LINES:
        return []
    tables = (
        table
        for _, group in groupby(sorted(level, key=lambda each: (*_sides(each), -each.place)), key=_sides)
        for table in _tables(list(_bands(list(group))), fragments)
    )
    return [grid for table in tables if len(table) > 1 and (grid := grid_of_bands(table, fragments))]


def _sides(rule: Stroke) -> tuple[int, int]:
    return round(rule.start / _ROUGHLY), round(rule.end / _ROUGHLY)


def _bands(rules: list[Stroke]) -> Iterator[Band]:
    for above, below in pairwise(rules):
        if above.place - below.place > _LOWEST:
            yield Band(above.start, above.end, above.place, below.place)


def _tables(bands: list[Band], fragments: Sequence[Fragment]) -> Iterator[list[Band]]:
    """Yield neighbouring bands whose texts have the same columns. One that holds whole lines is text between tables."""
    table, held = list[Band](), list[Fragment]()
    for band in bands:
        inside = [each for each in fragments if _is_in(each, band)]
        is_row = inside and band.high - band.low < _HIGHEST and len(merged(inside)) > 1
        if is_row and (not table or (table[-1].low == band.high and len(merged(chain(held, inside))) > 1)):
            table.append(band)
            held += inside
            continue
        yield table
        table, held = ([band], inside) if is_row else ([], [])
    yield table


def _is_in(each: Fragment, band: Band) -> bool:
    return band.low < each.baseline < band.high and band.left < each.end and each.start < band.right
