"""Find the tables that lines draw on a page of a PDF: rows and columns of a grid, and cells that take several."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

_TOUCH = 3.0  # points: lines that are no further apart meet
_LOWEST, _NARROWEST = 4.0, 4.0  # points: what is less is a double line and no row or column
_MOST_LINES, _MOST_CELLS = 1_000, 20_000  # of a page, and of a grid; more are a drawing

_Square = tuple[int, int]  # a row from the top, a column from the left


class Stroke(NamedTuple):
    """Hold a line: its height, and where it begins and ends; or, of an upright one, the same the other way round."""

    place: float
    start: float
    end: float


class GridCell(NamedTuple):
    rows: range
    columns: range


class Grid(NamedTuple):
    heights: tuple[float, ...]  # where rows end, from the top; with the table's own edges
    edges: tuple[float, ...]  # where columns end, from the left
    cells: tuple[GridCell, ...]  # in the order in which they are read


def grids_of(lines: Iterable[Sequence[float]], angle: float) -> list[Grid]:
    """Return the tables that are drawn by lines [x, y, x, y], turned as text at this angle runs."""
    level, upright = map(joined, turned(lines, angle))
    if len(level) + len(upright) > _MOST_LINES:
        return []
    return [grid for part in _touching(level, upright) if (grid := _grid(*part))]


def turned(lines: Iterable[Sequence[float]], angle: float) -> tuple[list[Stroke], list[Stroke]]:
    """Return the level and the upright lines of a page, turned as text at this angle runs."""
    cosine, sine = math.cos(angle), math.sin(angle)
    level, upright = [], []
    for x, y, to_x, to_y in lines:
        begin, end = x * cosine + y * sine, to_x * cosine + to_y * sine
        low, high = y * cosine - x * sine, to_y * cosine - to_x * sine
        if abs(high - low) <= abs(end - begin):
            level.append(Stroke((low + high) / 2, min(begin, end), max(begin, end)))
        else:
            upright.append(Stroke((begin + end) / 2, min(low, high), max(low, high)))
    return level, upright


def joined(rules: list[Stroke]) -> list[Stroke]:
    """Return the lines in order, those that lie on each other or touch as one."""
    places: list[list[Stroke]] = []
    for rule in sorted(rules):
        if places and rule.place - places[-1][0].place <= _TOUCH / 2:
            places[-1].append(rule)
        else:
            places.append([rule])
    found: list[Stroke] = []
    for together in places:
        together.sort(key=lambda each: each.start)
        open_rule = together[0]
        for rule in together[1:]:
            if rule.start <= open_rule.end + _TOUCH:
                open_rule = open_rule._replace(end=max(open_rule.end, rule.end))
            else:
                found.append(open_rule)
                open_rule = rule
        found.append(open_rule)
    return found


def _touching(level: list[Stroke], upright: list[Stroke]) -> Iterator[tuple[list[Stroke], list[Stroke]]]:
    """Yield the parts of the drawing that hang together."""
    group = list(range(len(level)))
    crossed = []
    for line in upright:
        met = [index for index, other in enumerate(level) if _meet(other, line)]
        crossed.append(met)
        for index in met[1:]:
            group[_root(group, index)] = _root(group, met[0])
    for whole in sorted({_root(group, index) for index in range(len(level))}):
        lines = [rule for index, rule in enumerate(level) if _root(group, index) == whole]
        yield lines, [line for line, met in zip(upright, crossed, strict=True) if met and _root(group, met[0]) == whole]


def _root(group: list[int], index: int) -> int:
    while group[index] != index:
        group[index] = index = group[group[index]]
    return index


def _meet(level: Stroke, upright: Stroke) -> bool:
    is_beside = level.start - _TOUCH <= upright.place <= level.end + _TOUCH
    return is_beside and upright.start - _TOUCH <= level.place <= upright.end + _TOUCH


def _grid(level: list[Stroke], upright: list[Stroke]) -> Grid | None:
    """Return the table of lines that hang together; None for less than two rows or columns, and for odd cells."""
    if not level or not upright:
        return None
    sides, ends = [rule.place for rule in upright], [rule.place for rule in level]
    for rule in level:
        sides += [rule.start, rule.end]
    for rule in upright:
        ends += [rule.start, rule.end]
    edges, rising = _apart(sides, _NARROWEST), _apart(ends, _LOWEST)
    rows, columns = len(rising) - 1, len(edges) - 1
    if min(rows, columns) < 2 or rows * columns > _MOST_CELLS:
        return None
    floors = {(rows - row, column) for row, column in _passed(level, rising, edges)}
    walls = {(rows - 1 - row, column) for column, row in _passed(upright, edges, rising)}
    cells = _cells(rows, columns, floors, walls)
    return Grid(tuple(reversed(rising)), tuple(edges), cells) if cells else None


def _apart(places: list[float], least: float) -> list[float]:
    """Return the places in order without those that are hardly after another."""
    found: list[float] = []
    for place in sorted(places):
        if not found or place - found[-1] > least:
            found.append(place)
    return found


def _passed(rules: list[Stroke], places: list[float], across: list[float]) -> Iterator[tuple[int, int]]:
    """Yield which squares lines pass: the number of the line's place, and of the stretch between two of `across`."""
    middles = [(first + second) / 2 for first, second in pairwise(across)]
    for rule in rules:
        near = bisect_left(places, rule.place - _TOUCH - _LOWEST)
        place = min(range(near, len(places)), key=lambda index: abs(places[index] - rule.place), default=near)
        for stretch in range(bisect_left(middles, rule.start), bisect_left(middles, rule.end)):
            yield place, stretch


def _cells(rows: int, columns: int, floors: set[_Square], walls: set[_Square]) -> tuple[GridCell, ...]:
    """Return the squares that no line divides as cells; nothing if one of these is no rectangle.

    floors: squares with a line above them; walls: those with a line on their left.
    """
    found, taken = [], set[_Square]()
    for first in ((row, column) for row in range(rows) for column in range(columns)):
        if first in taken:
            continue
        squares, waiting = {first}, [first]
        while waiting:
            row, column = waiting.pop()
            for other, is_divided in (
                ((row - 1, column), (row, column) in floors),
                ((row + 1, column), (row + 1, column) in floors),
                ((row, column - 1), (row, column) in walls),
                ((row, column + 1), (row, column + 1) in walls),
            ):
                is_inside = 0 <= other[0] < rows and 0 <= other[1] < columns
                if is_inside and not is_divided and other not in squares:
                    squares.add(other)
                    waiting.append(other)
        taken |= squares
        high, wide = zip(*squares, strict=True)
        cell = GridCell(range(min(high), max(high) + 1), range(min(wide), max(wide) + 1))
        if len(cell.rows) * len(cell.columns) != len(squares):
            return ()
        found.append(cell)
    return tuple(found)
