"""Tell columns that are read one after another, such as a sidebar of short lines and the text beside it, from a table.

In a table, lines side by side belong together: they have one height, or all are moved alike, as in centred cells. The
lines of a column by itself are at any height beside the other column, and some follow each other beside one paragraph.
Notes in the margin are smaller than the text beside them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from statistics import median
from typing import NamedTuple

from gemma10m.documents.formats.pdf_fragments import SMALL, SPACE, Fragment

_SAME_LINE, _CLASH = 0.35, 0.9  # of the size: baselines of one line; of lines too close to be rows
_OTHERWISE = 0.15  # of the size: lines that are moved by so much more than others are not moved alike
_APART = 1.7  # of the size: lines of a paragraph are no further apart
_FEWEST_LINES, _FEWEST_LETTERS = 4, 3  # on each side; in most of its lines
_PROSE = 25  # characters of a line that the next one continues
_GOING_ON = 0.5  # of the lines of a text
_FEWEST_SIGNS, _FEWEST_PAIRS = 2, 3

_Rows = Sequence[Sequence[Fragment]]


class _TextLine(NamedTuple):
    baseline: float
    size: float
    start: float
    end: float
    word: float  # the width of its first word
    text: str


def are_independent(left: _Rows, right: _Rows) -> bool:
    """Tell if the lines on two sides do not belong to each other. The rows are those of the page; some are empty."""
    sides = [[_line(row) for row in side if row] for side in (left, right)]
    for side in sides:
        if len(side) < _FEWEST_LINES or median(sum(map(str.isalpha, each.text)) for each in side) < _FEWEST_LETTERS:
            return False
    pairs = _pairs(*sides) + _pairs(*reversed(sides))
    moves = sorted(_moves(*sides))
    ways = 1 + (moves[-1] - moves[0] > _OTHERWISE or _are_text_and_notes(sides)) if len(moves) > 1 else 0
    return pairs >= _FEWEST_PAIRS or (ways > 0 and pairs + ways >= _FEWEST_SIGNS)


def _are_text_and_notes(sides: list[list[_TextLine]]) -> bool:
    """Tell if one side is smaller than the other, whose lines continue each other."""
    notes, text = sorted(sides, key=lambda side: median(each.size for each in side))
    edge = max(each.end for each in text)
    going_on = sum(_continues(above, below, edge) for above, below in pairwise(text))
    is_smaller = median(each.size for each in notes) < SMALL * median(each.size for each in text)
    return is_smaller and going_on > _GOING_ON * len(text)


def stop(rows: _Rows, place: float) -> int:
    """Return how many of the rows are beside each other: up to a gap behind the last one right of `place`."""
    last = max(number for number, row in enumerate(rows) if row[-1].start >= place)
    for number in range(last + 1, len(rows)):
        if rows[number - 1][0].baseline - rows[number][0].baseline > _APART * rows[number][0].size:
            return number
    return len(rows)


def _line(row: Sequence[Fragment]) -> _TextLine:
    first = row[0]
    text = first.text.strip()
    word = (first.end - first.start) * len(text.split(" ")[0]) / max(1, len(text))
    return _TextLine(first.baseline, first.size, first.start, row[-1].end, word, " ".join(each.text for each in row))


def _moves(lines: Sequence[_TextLine], others: Sequence[_TextLine]) -> Iterator[float]:
    """Yield how far lines are from the nearest on the other side, in sizes, where these are too close to be rows."""
    heights = sorted(each.baseline for each in others)
    for each in lines:
        near = bisect_left(heights, each.baseline)
        distance = min(abs(height - each.baseline) for height in heights[max(0, near - 1) : near + 1]) / each.size
        if _SAME_LINE < distance < _CLASH:
            yield distance


def _pairs(items: Sequence[_TextLine], prose: Sequence[_TextLine]) -> int:
    """Count lines that follow another and do not continue it, where both are beside one paragraph."""
    edge = max(each.end for each in prose)
    begins = (len(above.text) < _PROSE or not _continues(above, below, edge) for above, below in pairwise(prose))
    paragraphs = list(accumulate(begins, initial=0))
    falling = [-each.baseline for each in prose]
    beside = [bisect_left(falling, -each.baseline - _SAME_LINE * each.size) for each in items]
    edge = max(each.end for each in items)
    return sum(
        first < second < len(prose) and paragraphs[first] == paragraphs[second] and not _continues(above, below, edge)
        for (above, first), (below, second) in pairwise(zip(items, beside, strict=True))
    )


def _continues(above: _TextLine, below: _TextLine, edge: float) -> bool:
    """Tell if a line is the rest of the one above it, which has no room for its first word."""
    is_near = above.baseline - below.baseline < _APART * above.size and below.start > above.start - 1
    return is_near and above.end + SPACE * above.size + below.word > edge
