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
_LATIN, _RUSSIAN = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "АБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЫЭЮЯ"
_LETTERS = {"A": _LATIN, "AA": _LATIN, "a": _LATIN.lower(), "aa": _LATIN.lower()}
_LETTERS |= {"АА": _RUSSIAN, "аа": _RUSSIAN.lower(), "**": "*†‡§"}
_HAN = "〇一二三四五六七八九十"
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
    """Return the number. kind: 1, 01, 1st, - 1 -, ①, 一, i, I or "", or letters.

    Letters are a, A, aa, AA, and in Russian or as signs аа, АА, **. Two are for what follows z, aa: bb and not ab.
    """
    if kind == "01":
        return f"{number:02}"
    if kind == "- 1 -":
        return f"- {number} -"
    if kind == "1st":
        return f"{number}{'th' if number % 100 in (11, 12, 13) else _ORDINALS.get(number % 10, 'th')}"
    if kind == "①" and 1 <= number <= 20:
        return chr(ord(kind) + number - 1)
    if kind == "一" and 1 <= number < 100:
        tens, ones = divmod(number, 10)
        return (_HAN[tens] if tens > 1 else "") + ("十" if tens else "") + (_HAN[ones] if ones else "")
    if kind in _LETTERS:
        return _lettered(number, _LETTERS[kind], is_repeated=len(kind) > 1)
    return written(number, kind[:1]) if kind else ""


def _lettered(number: int, letters: str, is_repeated: bool) -> str:
    times, letter = divmod(number - 1, len(letters))
    if is_repeated and 0 <= times < _MOST_REPEATED:
        return letters[letter] * (times + 1)
    if 0 <= times <= len(letters) and not is_repeated:
        return (letters[times - 1] if times else "") + letters[letter]
    return str(number)
