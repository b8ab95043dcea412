"""Find lines at the edges of pages that come again on other pages: running heads and page numbers.

A number that rises with the pages is a page number only if the line shows it: it is called a page, or has only a title
beside it that comes again. `Invoice 1003`, `Total: 503` and `Step 3` rise as well, and are text.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from gemma10m.documents.formats.pdf_layout import Page

_OFTEN = 3  # pages
_NEAR = 6  # pages on either side, of which enough are numbered alike; a total agrees with a far page by chance
_FRONT = 30  # pages that may lack in the file before its first one
_LONGEST = 200  # characters
_MOST = 200_000  # lines that are counted
_OF = r"(?:\s*(?:/|of|von|de|sur|di|van|из|z|av)\s*(?P<total>\d{1,6}))?"
_CALLED = re.compile(
    rf"\b(?:(?:page|seite|página|pagina|pág|pag|pg|sida|side|strona|страница)\b[.:]?|(?:pp?|s|str|стр)\.)"
    rf"\s*(?:no\.|nr\.|#)?\s*(?P<number>\d{{1,6}}){_OF}(?![\d.,:]*\d)",
    re.IGNORECASE,
)
_ALONE = re.compile(
    r"[-\u2010-\u2015~*\u00b7\u2022\[(<\s]*(?:[A-Z0-9]{1,3}[-\u2010-\u2015])?第?\s*"
    rf"(?P<number>\d{{1,6}}){_OF}\s*(?:页|頁|ページ|쪽)?[-\u2010-\u2015~*\u00b7\u2022\])>.\s]*"
)
_FIRST, _LAST = re.compile(r"(?P<number>\d{1,6})(?P<total>) +\D*"), re.compile(r"\D* +(?P<number>\d{1,6})(?P<total>)")
_WORDS = 3  # of a title beside a number; less may be what the number counts
_BORDER = re.compile(r"\s*[\t|\u00b7\u2022]\s*|\s+[-\u2010-\u2015]\s+")
_KINDS = (  # what a number beside it counts, and not the pages
    r"\b(?:invoice|bill|receipt|order|total|subtotal|sum|question|step|chapter|section|part|item|no|nr|number|exercise"
    r"|problem|lesson|unit|day|week|month|year|slide|figure|table|sheet|form|case|article|verse|level|round|plan|study|issue"
    r"|rechnung|frage|schritt|kapitel|teil|aufgabe|nummer|summe|gesamt|facture|étape|chapitre|partie|somme"
    r"|factura|pregunta|paso|capítulo|parte|suma)"
)
_COUNTED = re.compile(rf"(?:{_KINDS}|[#№°])\W*$|:\s*$", re.IGNORECASE)
_WORD_COUNTED = re.compile(rf"{_KINDS}\b", re.IGNORECASE)


class _Key(NamedTuple):
    is_head: bool
    line: str  # with a sign in place of the page's number
    offset: int | None = None  # of that number from the page's place in the file; None: the line is as it is
    is_called: bool = False  # the line calls the number a page's
    total: int = 0  # pages that the line says there are


class RunningHeads:
    """Leave a head on the first page that has it, and keep a line that differs by more than the page's number."""

    def __init__(self) -> None:
        self._pages: Counter[_Key] = Counter()
        self._first: dict[_Key, int] = {}
        self._numbered: dict[int, list[int]] = {}  # pages with a line whose number is so far from their place
        self._count = 0

    def add(self, number: int, page: Page) -> None:
        self._count = number
        for is_head, line in _edges(page):
            for key in dict.fromkeys(_keys(is_head, line, number)):
                if key in self._pages or len(self._pages) < _MOST:
                    self._pages[key] += 1
                    self._first.setdefault(key, number)
                    if key.offset is not None:
                        self._numbered.setdefault(key.offset, []).append(number)

    def without(self, number: int, page: Page) -> Page:
        lines = list(page.lines)
        for is_head, line in _edges(page):
            often = [key for key in _keys(is_head, line, number) if self._comes_again(key, number)]
            is_number = not any(character.isalpha() for character in line)
            if often and (is_number or all(self._first[key] != number for key in often)):
                del lines[0 if is_head else -1]
        return replace(page, lines=tuple(lines))

    def _comes_again(self, key: _Key, number: int) -> bool:
        if self._pages[key] < _OFTEN or key.offset is None:
            return self._pages[key] >= _OFTEN
        if not key.is_called and (key.offset > self._count + _FRONT or key.total not in (0, self._count + key.offset)):
            return False
        pages = self._numbered[key.offset]
        near = pages[bisect_left(pages, number - _NEAR) : bisect_right(pages, number + _NEAR)]
        return len(set(near)) >= _OFTEN


def _edges(page: Page) -> Iterator[tuple[bool, str]]:
    if page.has_head and len(page.lines) > 2 and len(page.lines[0]) <= _LONGEST:
        yield True, page.lines[0]
    if page.has_foot and len(page.lines) > 2 and len(page.lines[-1]) <= _LONGEST:
        yield False, page.lines[-1]


def _keys(is_head: bool, line: str, number: int) -> Iterator[_Key]:
    """Yield the line as it is, and with a sign in place of each number that may be the page's."""
    if any(character.isalpha() for character in line):
        yield _Key(is_head, line)
    for found in _CALLED.finditer(line):
        yield _numbered(is_head, line, found, number, is_called=True)
    for found in filter(None, (_FIRST.fullmatch(line), _LAST.fullmatch(line))):
        title = f"{line[: found.start('number')]}{line[found.end('number') :]}"
        if len(title.split()) >= _WORDS and not _COUNTED.search(title.rstrip()) and not _WORD_COUNTED.search(title):
            yield _numbered(is_head, line, found, number, is_called=False)
    begin = 0
    for end, following in [*(border.span() for border in _BORDER.finditer(line)), (len(line), len(line))]:
        alone = _ALONE.fullmatch(line, begin, end)
        if alone and not _is_counted(line[:begin]):
            yield _numbered(is_head, line, alone, number, is_called=False)
        begin = following


def _is_counted(before: str) -> bool:
    """Tell if the text before a number says what it counts. A tab parts a title from it."""
    is_title = before.endswith("\t") and len(before.split()) >= _WORDS
    return bool(_COUNTED.search(before.rstrip())) and not is_title


def _numbered(is_head: bool, line: str, found: re.Match[str], number: int, is_called: bool) -> _Key:
    without = f"{line[: found.start('number')]}\0{line[found.end('number') :]}"
    return _Key(is_head, without, int(found["number"]) - number, is_called, int(found["total"] or 0))
