"""Put raised and lowered words that a page draws apart from their line behind the word before them.

Browsers paint what a style sheet moves after everything else: the 2 of a square metre is drawn when its line is long
done. A piece is [angle, start, end, baseline, size, pitch, gaps, words], a word (gap, is_space, around, text), as the
process that reads a PDF makes them.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Any

_SMALLEST, _SMALLER = 0.45, 0.95  # times the size of the line
_LOWEST, _HIGHEST = 0.1, 0.8  # of the line's size: how far a script is from its baseline
_LONGEST = 12  # characters
_LAP, _BESIDE = 0.15, 0.3  # of the line's size: how far it may reach into a word; from the end of a line
_MOST = 5_000  # pieces of a page that are looked through

_Piece = list[Any]


def with_strays_placed(pieces: list[_Piece]) -> list[_Piece]:
    """Return the pieces in their order, but those that belong behind a word of another one."""
    if len(pieces) > _MOST:
        return pieces
    lines = sorted((each for each in pieces if not each[0]), key=_baseline)
    behind: dict[int, dict[int, _Piece]] = {}  # by the piece and the number of its word
    for index, each in enumerate(pieces):
        before = pieces[index - 1] if index else None
        if each[0] or sum(len(word[3]) for word in each[7]) > _LONGEST or (before and _end_of(before, each)):
            continue
        near = list(_near(lines, each))
        if any(_is_stacked(each, other) for other in near):
            continue
        for line in near:
            if place := _place(line, each):
                behind.setdefault(id(line), {}).setdefault(place, each)
                break
    moved = {id(each) for places in behind.values() for each in places.values()}
    found: list[_Piece] = []
    for each in pieces:
        if id(each) not in moved:
            found += _with(each, behind.get(id(each), {}))
    return found


def _baseline(piece: _Piece) -> float:
    return float(piece[3])


def _near(lines: list[_Piece], script: _Piece) -> Iterator[_Piece]:
    """Yield the lines whose baselines are near enough, the nearest first."""
    widest = _HIGHEST * script[4] * 2
    first = bisect_left(lines, script[3] - widest, key=_baseline)
    last = bisect_right(lines, script[3] + widest, key=_baseline)
    yield from sorted(lines[first:last], key=lambda line: abs(_baseline(line) - _baseline(script)))


def _is_stacked(script: _Piece, other: _Piece) -> bool:
    """Tell if a text as small is above or below it: numerator and denominator, or the limits of a sum."""
    is_other = other is not script and other[4] < 1.1 * script[4]
    return bool(is_other and other[1] < script[2] and script[1] < other[2])


def _place(line: _Piece, script: _Piece) -> int:
    """Return the number of words of the line that are before the script; 0 if it does not belong to the line."""
    size = line[4]
    is_smaller = _SMALLEST * size < script[4] < _SMALLER * size
    if not is_smaller or not _LOWEST < abs(script[3] - line[3]) / size < _HIGHEST:
        return 0
    for number, (_, _, around, _) in enumerate(line[7]):
        if around and around[0] - _LAP * size <= script[1] and script[2] <= around[1] + _LAP * size:
            return number
    return len(line[7]) if _end_of(line, script) else 0


def _end_of(line: _Piece, script: _Piece) -> bool:
    """Tell if the script is right behind the line."""
    return bool(-_LAP * line[4] <= script[1] - line[2] < _BESIDE * line[4])


def _with(line: _Piece, scripts: dict[int, _Piece]) -> Iterator[_Piece]:
    """Yield the line in parts, with each script behind as many words as it belongs to."""
    begin, start = 0, line[1]
    for number in sorted(scripts):
        around = line[7][number][2] if number < len(line[7]) else [line[2], line[2]]
        yield [line[0], start, around[0], *line[3:7], _first(line[7][begin:number])]
        yield scripts[number]
        begin, start = number, around[1]
    if begin < len(line[7]):
        yield [line[0], start, *line[2:7], _first(line[7][begin:])]


def _first(words: list[Any]) -> list[Any]:
    return [(0.0, False, [], words[0][3]), *words[1:]]
