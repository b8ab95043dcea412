"""The numbers of a list's items, which a page leaves to the browser. A bullet has no text."""

from __future__ import annotations

_ROMAN = dict(m=1000, cm=900, d=500, cd=400, c=100, xc=90, l=50, xl=40, x=10, ix=9, v=5, iv=4, i=1)


class Numbering:
    def __init__(self, tag: str, given: dict[str, str]) -> None:
        self._kind = given.get("type", "1") if tag == "ol" else ""
        self._next = _number(given.get("start", ""), 1)
        self._step = -1 if "reversed" in given else 1
        if "reversed" in given and "start" not in given:
            self._kind = ""  # it counts from the number of its items, which come later

    def next(self, given: dict[str, str]) -> str:
        """Return the number or mark before the next item."""
        number = _number(given.get("value", ""), self._next)
        self._next = number + self._step
        return f"{written(number, self._kind)}. " if self._kind else ""


def _number(given: str, default: int) -> int:
    return int(given) if len(given) < 7 and given.removeprefix("-").isdecimal() else default


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
