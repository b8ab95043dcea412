"""Find lines at the edges of pages that come again on other pages: running heads and page numbers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from gemma10m.documents.formats.pdf_layout import Page

_OFTEN = 3  # pages
_LONGEST = 200  # characters
_MOST = 200_000  # lines that are counted
_NUMBER = re.compile(r"\d{1,6}")


class RunningHeads:
    """Leave a head on the first page that has it, and keep a line that differs by more than the page's number."""

    def __init__(self) -> None:
        self._pages: Counter[tuple[bool, str]] = Counter()
        self._first: dict[tuple[bool, str], int] = {}

    def add(self, number: int, page: Page) -> None:
        for is_head, line in _edges(page):
            for key in set(_keys(is_head, line, number)):
                if key in self._pages or len(self._pages) < _MOST:
                    self._pages[key] += 1
                    self._first.setdefault(key, number)

    def without(self, number: int, page: Page) -> Page:
        lines = list(page.lines)
        for is_head, line in _edges(page):
            often = [key for key in _keys(is_head, line, number) if self._pages[key] >= _OFTEN]
            is_number = not any(character.isalpha() for character in line)
            if often and (is_number or all(self._first[key] != number for key in often)):
                del lines[0 if is_head else -1]
        return replace(page, lines=tuple(lines))


def _edges(page: Page) -> Iterator[tuple[bool, str]]:
    if page.has_head and len(page.lines) > 2 and len(page.lines[0]) <= _LONGEST:
        yield True, page.lines[0]
    if page.has_foot and len(page.lines) > 2 and len(page.lines[-1]) <= _LONGEST:
        yield False, page.lines[-1]


def _keys(is_head: bool, line: str, number: int) -> Iterator[tuple[bool, str]]:
    """Yield the line as it is, and with a number in it that rises with the pages' own."""
    if any(character.isalpha() for character in line):
        yield is_head, line
    for found in _NUMBER.finditer(line):
        yield is_head, f"{line[: found.start()]}#{int(found[0]) - number}{line[found.end() :]}"
