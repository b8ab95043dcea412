"""The numbers that an OpenDocument text leaves to the program that shows it (ODF 1.3 part 3: 5.3.2, 16.33, 16.34).

A bullet has no text, as in a page of HTML.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.formats.numbering import written
from gemma10m.documents.formats.xml_events import Attributes

Default = TypeVar("Default", int, None)

_LEVELS = 10
_MOST = 100_000  # levels that are kept
_OUTLINE = ""  # the style of headings that are in no list


@dataclass(frozen=True, slots=True)
class _OdtLevel:
    kind: str = ""  # as ODF writes it: 1, a, A, i, I; "" for no number
    before: str = ""
    after: str = ""
    start: int = 1
    shown: int = 1  # levels in a number, this one included


@dataclass(slots=True)
class _OdtList:
    style: str
    is_open: bool = False  # the open item has no number yet
    start: int | None = None  # of the open item


@dataclass(slots=True)
class _OdtStyle:
    levels: dict[int, _OdtLevel] = field(default_factory=dict)
    counts: dict[int, int] = field(default_factory=dict)  # by level, from 1


class OdtNumbers:
    """The list styles of a document, and how far each has been counted."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._styles: dict[str, _OdtStyle] = {}
        self._style = _OUTLINE  # that is open
        self._open: list[_OdtList] = []
        self._left = _MOST

    def begin_style(self, tag: str, given: Attributes) -> None:
        self._style = given.get("name", "") if tag == "list-style" else _OUTLINE

    def set_level(self, given: Attributes) -> None:
        """Receive a level of the open style."""
        self._left -= 1
        number = _whole(given.get("level", ""), 0)
        if 1 <= number <= _LEVELS and self._left >= 0:
            self._styles.setdefault(self._style, _OdtStyle()).levels[number] = _OdtLevel(
                given.get("num-format", ""),
                given.get("num-prefix", "")[: limits.LABEL],
                given.get("num-suffix", "")[: limits.LABEL],
                _whole(given.get("start-value", ""), 1),
                min(max(_whole(given.get("display-levels", ""), 1), 1), number),
            )

    def begin_list(self, given: Attributes) -> None:
        style = given.get("style-name") or (self._open[-1].style if self._open else "")
        self._open.append(_OdtList(style))
        continues = given.get("continue-numbering") == "true" or "continue-list" in given
        if style in self._styles and not continues:
            _forget(self._styles[style], len(self._open))

    def end_list(self) -> None:
        if self._open:
            self._open.pop()

    def begin_item(self, given: Attributes) -> None:
        if self._open:
            self._open[-1].is_open = True
            self._open[-1].start = _whole(given.get("start-value", ""), None)

    def next(self, heading: int | None, given: Attributes) -> str:
        """Count a paragraph and return its number, or "". heading: its level, None for text."""
        if self._open:
            item = self._open[-1]
            if not item.is_open or not item.style:
                return ""
            item.is_open = False
            return self._number(item.style, len(self._open), item.start)
        if heading is None or given.get("is-list-header") == "true":
            return ""
        restarts = given.get("restart-numbering") == "true"
        return self._number(_OUTLINE, heading, _whole(given.get("start-value", ""), None) if restarts else None)

    def _number(self, name: str, at: int, start: int | None) -> str:
        style = self._styles.get(name, _OdtStyle())
        level = style.levels.get(at)
        if level is None:
            return ""
        following = style.counts.get(at, level.start - 1) + 1
        style.counts[at] = following if start is None else start
        _forget(style, at + 1)
        if not level.kind:
            return ""
        shown = [number for number in range(at - level.shown + 1, at + 1) if _level(style, number).kind]
        numbers = (_formatted(style.counts.setdefault(n, _level(style, n).start), _level(style, n).kind) for n in shown)
        text = f"{level.before}{'.'.join(numbers)}{level.after}".strip()[: limits.LABEL]
        self._budget.spend(len(text))  # few bytes can ask for many
        return text


def _level(style: _OdtStyle, number: int) -> _OdtLevel:
    return style.levels.get(number, _OdtLevel())


def _forget(style: _OdtStyle, first: int) -> None:
    """Let the levels from `first` on begin anew."""
    for number in range(first, _LEVELS + 1):
        style.counts.pop(number, None)


def _formatted(number: int, kind: str) -> str:
    if kind in ("a", "A") and 26 < number <= 26 * 27:  # z is followed by aa, ab
        tens, ones = divmod(number - 1, 26)
        return written(tens, kind) + written(ones + 1, kind)
    return written(number, kind[:1])


def _whole(value: str, default: Default) -> int | Default:
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 7 else default
