"""Compute the numbers of lists that an RTF file defines in tables and leaves to its readers.

A bullet has no text, as in a page of HTML.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.formats.list_numbers import Bounds, Counts, formatted

_TEXT = "leveltext"
LIST_TABLES = {"listtable", "listoverridetable", _TEXT}  # destinations
_LEVELS = 9
_KINDS = {0: "1", 1: "I", 2: "i", 3: "AA", 4: "aa", 5: "1st", 22: "01"}


@dataclass(slots=True)
class _RtfLevel:
    kind: str = ""
    start: int | None = None
    text: str = ""  # its length, and characters of which one below 9 stands for the number of that level


@dataclass(slots=True)
class _RtfList:
    levels: list[_RtfLevel] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)


class RtfLists:
    """Hold the lists of a file, and how far each has been counted."""

    def __init__(self, budget: Budget) -> None:
        self._bounds = Bounds(budget)
        self._open = _RtfList()  # or what is set anew of one, for some of its paragraphs
        self._id = 0
        self._lists: dict[int, _RtfList] = {}
        self._used: dict[int, tuple[int, _RtfList]] = {}  # by what paragraphs call it: the list, what is set anew

    def act(self, word: str, number: int) -> None:
        """Receive a word of the tables."""
        level = self._open.levels[-1] if self._open.levels else _RtfLevel()
        if word in ("list", "listoverride"):
            self._open = _RtfList()
        elif word in ("listlevel", "lfolevel") and len(self._open.levels) < _LEVELS:
            self._open.levels.append(_RtfLevel())
        elif word == "levelnfc":
            level.kind = _KINDS.get(number, "")
        elif word == "levelstartat":
            level.start = number
        elif word == "listid":
            self._id = number
            if number not in self._lists:
                self._bounds.keep(self._lists, number, self._open)
        elif word == "ls":
            self._bounds.keep(self._used, number, (self._id, self._open))

    def add(self, text: str, into: str) -> None:
        """Receive text in one of `LIST_TABLES`."""
        if into == _TEXT and self._open.levels:
            level = self._open.levels[-1]
            level.text = (level.text + text)[: limits.LABEL]

    def next(self, name: int, at: int) -> str:
        """Count a paragraph and return its number, or ""."""
        key, anew = self._used.get(name, (0, _RtfList()))
        levels = self._lists[key].levels if key in self._lists else []
        if not 0 <= at < len(levels):
            return ""
        counts, start = self._lists[key].counts, None
        if at < len(anew.levels):
            start, anew.levels[at].start = anew.levels[at].start, None
        counts.advance(at, _first(levels[at]) if start is None else start, begins=start is not None)
        counts.forget(range(at + 1, _LEVELS))
        if not levels[at].kind:
            return ""
        length, text = ord(levels[at].text[:1] or "\0"), levels[at].text[1:]
        return self._bounds.number("".join(_shown(sign, levels, counts) for sign in text[:length]))


def _first(level: _RtfLevel) -> int:
    return 1 if level.start is None else level.start


def _shown(sign: str, levels: list[_RtfLevel], counts: Counts) -> str:
    """Return a character of a number's text, or the number that it stands for."""
    at = ord(sign)
    if at >= _LEVELS:
        return sign
    level = levels[at] if at < len(levels) else _RtfLevel()
    return formatted(counts.get(at, _first(level)), level.kind)
