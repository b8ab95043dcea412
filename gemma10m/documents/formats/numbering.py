"""Count the items of a list, which a page leaves to the browser. A bullet has no text."""

from __future__ import annotations

import re

_ROMAN = dict(m=1000, cm=900, d=500, cd=400, c=100, xc=90, l=50, xl=40, x=10, ix=9, v=5, iv=4, i=1)
_WAITING = "\ufdd9"  # before a number that counts from the list's end; it is no character of any text
_WAITS = re.compile(rf"{_WAITING}([0-9]{{1,8}})")


_STYLES = {
    **dict.fromkeys(("none", "disc", "circle", "square", "disclosure-open", "disclosure-closed"), ""),
    **dict.fromkeys(("lower-alpha", "lower-latin"), "a"),
    **dict.fromkeys(("upper-alpha", "upper-latin"), "A"),
    "decimal": "1",
    "decimal-leading-zero": "01",
    "lower-roman": "i",
    "upper-roman": "I",
}
_TYPES = {kind: kind for kind in "1aAiI"}
_STYLE = re.compile(r"list-style(?:-type)?\s*:([^;]*)")


class Numbering:
    """Count the items of one list."""

    def __init__(self, tag: str, given: dict[str, str]) -> None:
        self._kind = _kind(given, _TYPES.get(given.get("type", ""), "1") if tag == "ol" else "")
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
        kind = _item_kind(given, self._kind) if given else self._kind
        if self._waits:
            return f"{_WAITING}{self._items}. " if kind else ""
        number = self._next if value is None else value
        self._next = number + self._step
        return f"{_shown(number, kind)}. " if kind else ""

    def resolved(self, text: str) -> str:
        """Return an item's text with its number, now that all items are counted."""
        return _WAITS.sub(lambda found: _shown(self._items + 1 - int(found[1]), self._kind or "1"), text)


def _number(given: str) -> int | None:
    return int(given) if len(given) < 7 and given.removeprefix("-").isdecimal() else None


def _kind(given: dict[str, str], otherwise: str) -> str:
    """Return the kind of numbers that a style asks for, "" for none; a style that is not known changes nothing."""
    for found in reversed(_STYLE.findall(given["style"].lower()) if "style" in given else []):
        kinds = [_STYLES[word] for word in found.replace("!", " ").split() if word in _STYLES]
        if kinds:
            return kinds[0]
    return otherwise


def _item_kind(given: dict[str, str], otherwise: str) -> str:
    """Return the kind of one item's number."""
    kind = given.get("type", "")
    return _kind(given, _TYPES.get(kind, _STYLES.get(kind.lower(), otherwise)))


def _shown(number: int, kind: str) -> str:
    """Return the number as browsers show it: aa and ab follow z."""
    if kind == "01":
        return f"{number:02}"
    letters = ""
    while kind in ("a", "A") and number > 26:
        number, last = divmod(number - 1, 26)
        letters = written(last + 1, kind) + letters
    return written(number, kind) + letters


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
