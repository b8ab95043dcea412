"""Compare the plain text of a mail with its page: some plain texts are stubs, and some have lost a table."""

from __future__ import annotations

import re
from itertools import groupby

_WORD = re.compile(r"[^\W_]+")
_LONGEST_CELL = 60  # characters of one that holds data: longer ones lay out the page
_MOST_ROWS = 100  # that are looked for


def is_page_better(plain: str, page: str) -> bool:
    """Tell if the plain text lacks most of the page's words, or the rows of one of its tables."""
    plain, page = plain.casefold(), page.casefold()
    words = set(_WORD.findall(page))
    return 2 * len(words.difference(_WORD.findall(plain))) > len(words) or _lacks_table(plain, page)


def _lacks_table(plain: str, page: str) -> bool:
    """Tell if a table has two rows at least, and less than half of them are in a line of the plain text."""
    lines, left = "\n".join(map(_spaced, plain.split("\n"))), _MOST_ROWS
    for is_table, table in groupby(page.split("\n"), key=lambda line: "\t" in line):
        rows = [row for row in table if _is_data(row)][:left] if is_table else []
        left -= len(rows)
        if len(rows) > 1 and 2 * sum(_spaced(row) in lines for row in rows) < len(rows):
            return True
    return False


def _is_data(row: str) -> bool:
    cells = [cell.strip() for cell in row.split("\t")]
    return sum(map(bool, cells)) > 1 and max(map(len, cells)) <= _LONGEST_CELL


def _spaced(line: str) -> str:
    return f" {' '.join(_WORD.findall(line))} "
