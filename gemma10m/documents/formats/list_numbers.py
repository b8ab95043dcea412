"""Count the levels of lists, and write their numbers as letters, in Roman numerals or in digits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.formats.numbering import written

Key = TypeVar("Key")
Value = TypeVar("Value")
Default = TypeVar("Default", int, None)

_MOST = 100_000  # lists, levels and styles that are kept
_MOST_REPEATED = 30  # letters of one number
_ORDINALS = {1: "st", 2: "nd", 3: "rd"}


class Counts(dict[int, int]):
    """Hold how far each level of a list has been counted."""

    def advance(self, level: int, start: int, begins: bool) -> None:
        """Count an item. start: the level's first number, which comes again where the level `begins` anew."""
        self[level] = start if begins or level not in self else self[level] + 1

    def forget(self, levels: Iterable[int]) -> None:
        """Let the levels begin anew."""
        for level in levels:
            self.pop(level, None)


class Bounds:
    """Keep what hostile files can ask for within limits."""

    def __init__(self, budget: Budget) -> None:
        self._budget, self._left = budget, _MOST

    def keep(self, where: dict[Key, Value], key: Key, value: Value) -> Value:
        """Return the value, which is kept unless too many are."""
        self._left -= 1
        if self._left >= 0:
            where[key] = value
        return value

    def number(self, text: str) -> str:
        """Return a number as it is shown: few bytes can ask for many long ones."""
        text = " ".join(text.split())[: limits.LABEL]
        self._budget.spend(len(text))
        return text


def whole(value: str, default: Default) -> int | Default:
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 7 else default


def formatted(number: int, kind: str) -> str:
    """Return the number. kind: 1, 01, 1st, a, aa, A, AA, i, I or "", by what follows 9 and z: 10, 010, aa or ab."""
    if kind == "01":
        return f"{number:02}"
    if kind == "1st":
        return f"{number}{'th' if number % 100 in (11, 12, 13) else _ORDINALS.get(number % 10, 'th')}"
    times, letter = divmod(number - 1, 26)
    if kind in ("aa", "AA") and 0 <= times < _MOST_REPEATED:
        return written(letter + 1, kind[0]) * (times + 1)
    if kind in ("a", "A") and 0 < times <= 26:
        return written(times, kind) + written(letter + 1, kind)
    return written(number, kind[:1]) if kind else ""
