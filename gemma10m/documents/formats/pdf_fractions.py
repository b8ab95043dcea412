"""Write small fractions in a line of a PDF, a number above another with a bar between them, as `1/2`."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice

from gemma10m.documents.formats.pdf_fragments import SMALL, SPACE, Fragment
from gemma10m.documents.formats.pdf_rules import Stroke

_NEAR = 1.0  # of the size: how far the line's text before or after a fraction may be
_OVERHANG = 1.0  # points that a text may be longer than the bar
_LONGER = 0.3  # of the size: how much longer than the text a bar may be; a longer one has more text, or rules a table
_MOST_BARS = 1_000  # of a page; more are a drawing
_TERM = re.compile(r"[-\u2212]?\w+(?:[.,]\w+)*")


def with_fractions(fragments: Sequence[Fragment], level: Sequence[Stroke]) -> list[Fragment]:
    """Return the fragments with each fraction as one of them, on the line it belongs to. level: level lines."""
    if not level or len(level) > _MOST_BARS:
        return list(fragments)
    bars, found, left = sorted(level), list[Fragment](), deque(fragments)
    while left:
        upper, before = left.popleft(), found[-1:]
        lower, *after = islice(left, 2) if left else (None,)
        line = next(_beside(before, upper, lower, after), None) if lower and _is_stacked(upper, lower, bars) else None
        if lower and line:
            left.popleft()
            found.append(_fraction(upper, lower, line, before, after))
        else:
            found.append(upper)
    return found


def _is_stacked(upper: Fragment, lower: Fragment, bars: Sequence[Stroke]) -> bool:
    start, end = min(upper.start, lower.start), max(upper.end, lower.end)
    size = upper.size
    is_above = upper.baseline > lower.baseline and min(upper.end, lower.end) > max(upper.start, lower.start)
    if not is_above or not 0.9 < lower.size / size < 1.1:
        return False
    first = bisect_right(bars, lower.baseline, key=lambda bar: bar.place)
    return any(
        bar.start <= start + _OVERHANG
        and bar.end >= end - _OVERHANG
        and bar.end - bar.start < end - start + _LONGER * size
        for bar in bars[first : bisect_left(bars, upper.baseline, key=lambda bar: bar.place)]
    )


def _beside(
    before: Sequence[Fragment], upper: Fragment, lower: Fragment, after: Sequence[Fragment]
) -> Iterator[Fragment]:
    """Yield what is in the line before and after a fraction: larger text, at a height between its two parts."""
    for each in (*before, *after):
        gap = max(min(upper.start, lower.start) - each.end, each.start - max(upper.end, lower.end))
        is_between = lower.baseline < each.baseline < upper.baseline
        if is_between and upper.size < SMALL * each.size and gap < _NEAR * each.size:
            yield each


def _fraction(
    upper: Fragment, lower: Fragment, line: Fragment, before: Sequence[Fragment], after: Sequence[Fragment]
) -> Fragment:
    start, end = min(upper.start, lower.start), max(upper.end, lower.end)
    parts = (each.text.strip() for each in (upper, lower))
    text = "/".join(part if _TERM.fullmatch(part) else f"({part})" for part in parts)
    if before and before[0].text[-1:].isalnum() and start - before[0].end <= SPACE * line.size:
        text = f" {text}"  # 3 1/2
    if after and after[0].text[:1].isalnum() and after[0].start - end <= SPACE * line.size:
        text = f"{text} "
    return line._replace(start=start, end=end, pitch=0.0, gaps=(), text=text)
