"""Count the items of a list, which a page leaves to the browser. A bullet has no text."""

from __future__ import annotations

import re

_ROMAN = dict(m=1000, cm=900, d=500, cd=400, c=100, xc=90, l=50, xl=40, x=10, ix=9, v=5, iv=4, i=1)
_WAITING = "\ufdd9"  # before a number that counts from the list's end; it is no character of any text
_WAITS = re.compile(rf"{_WAITING}([0-9]{{1,8}})")


class Numbering:
    """Count the items of one list."""

    def __init__(self, tag: str, given: dict[str, str]) -> None:
        self._kind = given.get("type", "1") if tag == "ol" else ""
        start = _number(given.get("start", ""))
        self._next = 1 if start is None else start
        self._step = -1 if "reversed" in given else 1
        self._items = 0
        self._waits = self.counts_down = (
            tag == "ol" and "reversed" in given and start is None
        )  # from the number of its items

    def next(self, given: dict[str, str]) -> str:
        """Return the number or mark before the next item."""
        self._items += 1
        value = _number(given.get("value", ""))
        self._waits = self._waits and value is None
        if self._waits:
            return f"{_WAITING}{self._items}. "
        number = self._next if value is None else value
        self._next = number + self._step
        return f"{written(number, self._kind)}. " if self._kind else ""

    def resolved(self, text: str) -> str:
        """Return an item's text with its number, now that all items are counted."""
        return _WAITS.sub(lambda found: written(self._items + 1 - int(found[1]), self._kind), text)


def _number(given: str) -> int | None:
    return int(given) if len(given) < 7 and given.removeprefix("-").isdecimal() else None


def written(number: int, kind: str) -> str:
    """Return the number as letters or in Roman numerals, by the first of the kind (a, A, i, I), else in digits."""
    if kind in "aA" and 1 <= number <= 26:
        return chr(ord(kind) + number - 1)
    if kind not in "iI" or not 1 <= number < 4000:
        return str(number)
    text = ""
    for letters, value in _ROMAN.items():
        text += letters * (number // value)
        number %= value
    return text if kind == "i" else text.upper()
