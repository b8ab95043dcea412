"""Read rows of tables (Markdown, tabs, commas), each with the heading line of its columns, and what they say."""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise, product

from gemma10m.passages.comparable import CONTENT, Term
from gemma10m.passages.numbers import unit_name

Columns = Sequence[Sequence[Term]]
WAYS = 256  # looked at, of giving the answer's words to columns
_RULE = re.compile(r"[\s|:+=-]*-[\s|:+=-]*")
_PIPE = re.compile(r"(?<!\\)\|")


@dataclass(frozen=True)
class TableRow:
    span: tuple[int, int]
    cells: tuple[str, ...]
    columns: tuple[str, ...] = ()  # the heading's cells; none for the heading itself
    heading: tuple[int, int] | None = None  # where it stands; None where it stands before this text


def table_rows(text: str, commas: bool, heading: str = "") -> Iterator[TableRow]:
    """Return the rows. `commas`: every line is a row of a CSV file. `heading`: of a table that begins before this
    text.
    """
    columns, place, at = tuple(_cells(heading, commas)), None, 0
    for line in text.split("\n"):
        start, at, cells = at, at + len(line) + 1, tuple(_cells(line, commas))
        if len(cells) > 1 and _RULE.fullmatch(line):
            continue
        if len(cells) != len(columns):
            columns, place = (), None
        if len(cells) > 1:
            span = start + len(line) - len(line.lstrip()), start + len(line.rstrip())
            yield TableRow(span, cells, columns, place)
            columns, place = columns or cells, place if columns else span


def open_heading(text: str, commas: bool, heading: str = "") -> tuple[int, int] | str | None:
    """Return the heading of the table that the text ends in: its place in the text, or the same heading as before
    it.
    """
    if not commas and "\t" not in text and "|" not in text:
        return None
    last = next(iter(deque(table_rows(text, commas, heading), maxlen=1)), None)
    after = text[last.span[1] :] if last else ""
    if last is None or (not _RULE.fullmatch(after.strip()) and (after.strip() or after.count("\n") > 1)):
        return None
    return last.heading or (heading if last.columns else last.span)


def row_says(answer: Sequence[Term], question: Sequence[Term], cells: Columns, columns: Columns) -> bool:
    """Return whether the row has all that is answered, each value in the column that answer and question name."""
    said = [token for token in answer if token.kind in CONTENT]
    topic = [token for token in question if token.kind in CONTENT]
    options = [_options(token, cells, columns) for token in said]
    about = [found for token in topic if (found := _options(token, cells, columns))]
    if not all(options) or not any(kind == "cell" for found in options for kind, _, _ in found):
        return False
    return any(
        _fits(way[: len(options)], way[len(options) :], cells, answer, question)
        for way in islice(product(*options, *about), WAYS)
    )


_Place = tuple[str, int, int]  # "cell" or "heading", column, place in it


def _fits(
    said: Sequence[_Place], topic: Sequence[_Place], cells: Columns, answer: Sequence[Term], question: Sequence[Term]
) -> bool:
    values = [column for kind, column, _ in (*said, *topic) if kind == "cell"]
    named = [column for kind, column, _ in (*said, *topic) if kind == "heading"]
    if not set(named) <= set(values) or not any(kind == "cell" for kind, _, _ in said):
        return False
    own_values = [column for kind, column, _ in said if kind == "cell"]
    own_names = [column for kind, column, _ in said if kind == "heading"]
    both = set(own_values) & set(own_names)
    if _order(own_values, both) != _order(own_names, both):
        return False
    within = [(column, at) for kind, column, at in said if kind == "cell"]
    ordered = all(first < later for (a, first), (b, later) in pairwise(within) if a == b)
    denied = sum(token.kind == "negation" for column in set(values) for token in cells[column])
    return ordered and denied == sum(token.kind == "negation" for token in (*answer, *question))


def _order(columns: Sequence[int], among: set[int]) -> list[int]:
    return list(dict.fromkeys(column for column in columns if column in among))


def _options(token: Term, cells: Columns, columns: Columns) -> list[_Place]:
    units = [frozenset(unit_name(each.plain) for each in column) for column in columns] or [frozenset[str]()] * len(
        cells
    )
    inside = [
        ("cell", column, at)
        for column, cell in enumerate(cells)
        for at, each in enumerate(cell)
        if token.says(each, units[column])
    ]
    named = [
        ("heading", column, at)
        for column, heading in enumerate(columns)
        for at, each in enumerate(heading)
        if token.says(each)
    ]
    return inside or named


def _cells(line: str, commas: bool) -> list[str]:
    stripped = line.strip()
    if stripped.startswith("|") or " | " in stripped:
        return [cell.strip() for cell in _PIPE.split(stripped.removeprefix("|").removesuffix("|"))]
    if "\t" in stripped:
        return [cell.strip() for cell in line.rstrip("\r").split("\t")]
    if commas and stripped:
        separator = ";" if ";" in stripped else ","
        try:
            return next(csv.reader([stripped], delimiter=separator, skipinitialspace=True), [])
        except csv.Error:
            return []
    return []
