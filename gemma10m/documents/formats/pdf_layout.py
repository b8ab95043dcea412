"""Put what is drawn on a page of a PDF into lines, in the order in which it is read."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from statistics import median

from gemma10m.documents.formats.pdf_bands import banded_grids
from gemma10m.documents.formats.pdf_columns import tables_of
from gemma10m.documents.formats.pdf_fractions import with_fractions
from gemma10m.documents.formats.pdf_fragments import SPACE, Fragment, from_the_right, joins_numbers, with_scripts
from gemma10m.documents.formats.pdf_row_rules import grids_of_row_rules
from gemma10m.documents.formats.pdf_rules import Stroke, grids_of, turned
from gemma10m.documents.formats.pdf_sidebars import are_independent, stop
from gemma10m.documents.formats.pdf_tables import CELL, with_ruled_rows
from gemma10m.documents.formats.pdf_wide_tables import wide_table

_SAME_LINE = 0.35  # of the size: baselines of one line
_TAB = 1.0  # of the size: the gap between cells of a line
_ROWS = 3  # of a column, at least
_CANDIDATES = 6  # places where a column may begin
_FULL, _LONG, _LETTERS = 0.6, 15, 10  # of a column's width: lines of prose; characters and letters in most of them
_LEADERS = re.compile(  # a few dots may be a pause, unless a page's number follows them
    r"\s*(?:(?:[.\u2024\u00b7]\s?){8,}|\u2026(?:\s?\u2026){2,})\s*"
    r"|\s*(?:(?:[.\u2024\u00b7]\s?){4,}|\u2026(?:\s?\u2026)+)\s*(?=(?:[^\s\d]{0,4}\d\S{0,8}|[ivxlc]{1,8})\s*$)"
)
_HEADINGS = re.compile(r"[^\t]*:(?:\t+[^\t]*:)+")  # labels beside each other
_HEAD_GAP = 1.3  # times the usual distance of lines: what stands apart at a page's edge
_LONGEST = 20_000  # characters that are put together one by one
_DEEPEST = 6  # columns in columns
_FOLIO = re.compile(r"[^\w\t]{0,3}(?:\d{1,4}|[ivxlc]{1,8})[^\w\t]{0,3}")
_CODE = re.compile(r"(?=.*[ijlt.,:;()\[\]])(?=.*[abdeghmnopqsuwz]).{6}")  # of one width only in a typewriter's font
_DEEPEST_CODE = 40  # characters that a line is indented by


@dataclass(frozen=True)
class Page:
    lines: tuple[str, ...] = ()
    has_head: bool = False  # the first line stands apart
    has_foot: bool = False


_Baseline = list[Fragment]


def page_of(
    fragments: Sequence[Fragment], lines: Sequence[Sequence[float]] = (), boxes: Sequence[Sequence[float]] = ()
) -> Page:
    """Put the fragments in order; those at one angle come before those at another.

    lines: [x, y, x, y] of tables; boxes: [x, y, x, y] that are filled, such as the ground of a row.
    """
    found: list[str] = []
    angles = list(dict.fromkeys(fragment.angle for fragment in fragments))
    for angle in angles:
        level, _ = turned(lines, angle)
        drawn = with_scripts(with_fractions([each for each in fragments if each.angle == angle], level))
        drawn = with_ruled_rows(drawn, grids_of(lines, angle), _cell_lines)
        drawn = with_ruled_rows(drawn, banded_grids(drawn, boxes, angle), _cell_lines)
        drawn = with_ruled_rows(drawn, grids_of_row_rules(drawn, lines, angle), _cell_lines)
        rows = from_the_right(_rows(drawn))
        begin, end = _between_folios(rows)
        found += _lines(_indented([*rows[:begin], *_in_order(rows[begin:end], level, 0), *rows[end:]]))
    if len(angles) != 1:
        return Page(tuple(found))
    heights = [max(each.baseline for each in row) for row in rows]
    gaps = [above - below for above, below in pairwise(heights)]
    if len(gaps) < 2:
        return Page(tuple(found))
    apart = sorted(gaps)[len(gaps) // 4] * _HEAD_GAP
    first, last = (" ".join(cell.text for cell in _cells(row)) for row in (rows[0], rows[-1]))
    return Page(
        tuple(found),
        gaps[0] > apart and _words(found[0]) == _words(first),
        gaps[-1] > apart and _words(found[-1]) == _words(last),
    )


def _words(line: str) -> list[str]:
    return _LEADERS.sub(" ", line).split()


def _rows(fragments: Sequence[Fragment]) -> list[_Baseline]:
    """Return lines from the top, each from the left; fragments drawn twice, as for a shadow, are kept once."""
    rows: list[_Baseline] = []
    for each in sorted(fragments, key=lambda each: -each.baseline):
        if rows and abs(rows[-1][0].baseline - each.baseline) < _SAME_LINE * max(rows[-1][0].size, each.size):
            rows[-1].append(each)
        else:
            rows.append([each])
    return [_without_shadows(sorted(row, key=lambda each: each.start)) for row in rows]


def _without_shadows(row: _Baseline) -> _Baseline:
    found: _Baseline = []
    for each in row:
        if not found or found[-1].text != each.text or abs(found[-1].start - each.start) > 0.2 * each.size:
            found.append(each)
    return found


def _indented(rows: list[_Baseline]) -> list[_Baseline]:
    """Put spaces before indented lines in a font whose characters all have one width, as programs are printed."""
    widths = [_width(row) for row in rows]
    often = Counter(width for row, width in zip(rows, widths, strict=True) if width[0] and _CODE.match(row[0].text))
    margins = {
        width: min(row[0].start for row, each in zip(rows, widths, strict=True) if each == width) for width in often
    }
    found = []
    for row, width in zip(rows, widths, strict=True):
        spaces = round((row[0].start - margins[width]) / row[0].pitch) if often[width] > 1 else 0
        text = " " * (spaces if spaces <= _DEEPEST_CODE else 0) + row[0].text
        found.append([row[0]._replace(text=text, gaps=() if text != row[0].text else row[0].gaps), *row[1:]])
    return found


def _width(row: _Baseline) -> tuple[float, float]:
    """Return the width of the row's characters and their size; zeros where they have several."""
    widths = {(round(each.pitch, 1), round(each.size, 1)) for each in row}
    return widths.pop() if len(widths) == 1 and row[0].pitch else (0.0, 0.0)


def _lines(rows: list[_Baseline]) -> list[str]:
    """Return the lines of text with a tab between cells; in adjacent rows, cells below each other are a column."""
    found: list[str] = []
    for is_ruled, group in groupby((_cells(row) for row in rows), key=_is_ruled):
        if is_ruled:
            found += [CELL.join(cell.text for cell in cells) for cells in group]
            continue
        for table in tables_of(group):
            found += [_line(texts, bool(table.columns)) for texts in table.texts()]
    return found


def _line(texts: list[str], is_table: bool) -> str:
    line = "\t".join(texts)
    line = _LEADERS.sub("\t", line if _HEADINGS.fullmatch(line) else line.replace(":\t", ": "))
    return line.rstrip(" ") if is_table else line.rstrip().lstrip("\t")


def _is_ruled(cells: _Baseline) -> bool:
    return any(CELL in cell.text for cell in cells)


def _cell_lines(fragments: Sequence[Fragment]) -> list[Fragment]:
    """Return the lines of one cell of a ruled table."""
    lines = [(row, _cells(row)) for row in _rows(fragments)]
    return [
        row[0]._replace(end=max(each.end for each in row), text=" ".join(piece.text.strip() for piece in pieces))
        for row, pieces in lines
    ]


def _cells(row: _Baseline) -> _Baseline:
    """Return the cells of a row; fragments close together are one."""
    found: _Baseline = []
    for index, each in enumerate(row):
        last = found[-1] if found else None
        gap = (each.start - last.end) / max(last.size, each.size) if last else 0
        if last and gap <= _TAB and len(last.text) < _LONGEST:
            before = row[index - 1]
            is_script = abs(each.baseline - before.baseline) > 0.1 * each.size and joins_numbers(before, each)
            space = " " if gap > SPACE or gap < -0.5 or is_script else ""
            found[-1] = last.followed_by(each, space)
        else:
            found.append(each)
    return found


def _between_folios(rows: list[_Baseline]) -> tuple[int, int]:
    """Return where the rows begin and end that are between page numbers: one in the middle is of no column."""
    starts = Counter(round(each.start) for row in rows for each in row)
    is_folio = [
        len(row) == 1 and bool(_FOLIO.fullmatch(row[0].text.strip())) and starts[round(row[0].start)] < _ROWS
        for row in (rows[:1] + rows[-1:])
    ]
    return (int(is_folio[0]), len(rows) - is_folio[-1]) if len(rows) > 2 else (0, len(rows))


def _in_order(rows: list[_Baseline], level: list[Stroke], depth: int) -> list[_Baseline]:
    """Return columns of prose one after another, and rows of a table as they are."""
    if depth >= _DEEPEST or len(rows) < _ROWS:
        return rows
    starts = Counter(round(each.start) for row in rows for each in row)
    likely = [place - 1.5 for place, times in starts.most_common(_CANDIDATES) if times >= _ROWS]
    for place in likely:
        for begin, end in _runs(rows, place):
            if _are_prose(rows[begin:end], place):
                begin, end = _beside_no_table(rows, begin, end, place, level)
            elif not are_independent(*_sides(rows[begin:end], place)):
                continue
            elif end < len(rows):
                end = begin + stop(rows[begin:end], place)
            sides = _sides(rows[begin:end], place)
            parts = [rows[:begin], *([row for row in side if row] for side in sides), rows[end:]]
            return [row for part in parts for row in _in_order(part, level, depth + 1)]
    return rows


def _beside_no_table(rows: list[_Baseline], begin: int, end: int, place: float, level: list[Stroke]) -> tuple[int, int]:
    """Return the first rows of a run of prose in columns that are above or below a table as wide as the page."""
    table = wide_table([_cells(row) for row in rows[begin:end]], place, level, is_captioned=begin > 0)
    for first, last in [(begin, begin + table.start), (begin + table.stop, end)] if table else []:
        if _are_prose(rows[first:last], place):
            return first, last
    return begin, end


def _are_prose(rows: list[_Baseline], place: float) -> bool:
    return all(_is_prose([row for row in side if row]) for side in _sides(rows, place))


def _sides(rows: list[_Baseline], place: float) -> tuple[list[_Baseline], list[_Baseline]]:
    left = [[each for each in row if each.start < place] for row in rows]
    return left, [[each for each in row if each.start >= place] for row in rows]


def _runs(rows: list[_Baseline], place: float) -> list[tuple[int, int]]:
    """Return runs of adjacent rows of which nothing crosses `place`."""
    runs, begin = [], 0
    for index, row in enumerate([*rows, None]):
        if row is None or any(each.start < place < each.end for each in row):
            if index - begin >= _ROWS:
                runs.append((begin, index))
            begin = index + 1
    return runs


def _is_prose(rows: list[_Baseline]) -> bool:
    """Tell if most lines fill the column and are of one piece."""
    if len(rows) < _ROWS:
        return False
    begin, end = min(row[0].start for row in rows), max(row[-1].end for row in rows)
    full = [row for row in rows if row[-1].end - row[0].start > _FULL * (end - begin)]
    texts = ["".join(each.text for each in row) for row in rows]
    letters = median(sum(map(str.isalpha, text)) for text in texts)
    return len(full) >= _FULL * len(rows) and median(map(len, texts)) >= _LONG and letters >= _LETTERS
