"""Compute the numbers that an OpenDocument text leaves to its readers (ODF 1.3 part 3: 5.3.2, 16.33, 16.34).

A bullet has no text, as in a page of HTML.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.formats.list_numbers import Bounds, Counts, formatted, whole
from gemma10m.documents.formats.xml_events import Attributes

_LEVELS = 10
NUMBERED = (
    *("list-style", "outline-style", "list", "list-item"),
    *("list-level-style-number", "list-level-style-bullet", "list-level-style-image", "outline-level-style"),
)
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
    levels: dict[int, _OdtLevel] = field(default_factory=dict)  # from 1
    counts: Counts = field(default_factory=Counts)


class OdtNumbers:
    """Hold the list styles of a document, and how far each has been counted."""

    def __init__(self, budget: Budget) -> None:
        self._bounds = Bounds(budget)
        self._styles: dict[str, _OdtStyle] = {}
        self._style = _OUTLINE  # that is open
        self._open: list[_OdtList] = []

    def start(self, tag: str, given: Attributes) -> None:
        """Receive an element, one of `NUMBERED`."""
        if tag in ("list-style", "outline-style"):
            self._style = given.get("name", "") if tag == "list-style" else _OUTLINE
        elif tag == "list":
            self._begin_list(given)
        elif tag == "list-item":
            self._begin_item(given)
        else:
            self._set_level(given)

    def end_list(self) -> None:
        if self._open:
            self._open.pop()

    def _set_level(self, given: Attributes) -> None:
        """Receive a level of the open style."""
        number = whole(given.get("level", ""), 0)
        if 1 <= number <= _LEVELS:
            style = self._styles.get(self._style) or self._bounds.keep(self._styles, self._style, _OdtStyle())
            level = _OdtLevel(
                given.get("num-format", ""),
                given.get("num-prefix", "")[: limits.LABEL],
                given.get("num-suffix", "")[: limits.LABEL],
                whole(given.get("start-value", ""), 1),
                min(max(whole(given.get("display-levels", ""), 1), 1), number),
            )
            self._bounds.keep(style.levels, number, level)

    def _begin_list(self, given: Attributes) -> None:
        style = given.get("style-name") or (self._open[-1].style if self._open else "")
        self._open.append(_OdtList(style))
        continues = given.get("continue-numbering") == "true" or "continue-list" in given
        if style in self._styles and not continues:
            self._styles[style].counts.forget(range(len(self._open), _LEVELS + 1))

    def _begin_item(self, given: Attributes) -> None:
        if self._open:
            self._open[-1].is_open = True
            self._open[-1].start = whole(given.get("start-value", ""), None)

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
        return self._number(_OUTLINE, heading, whole(given.get("start-value", ""), None) if restarts else None)

    def _number(self, name: str, at: int, start: int | None) -> str:
        style = self._styles.get(name, _OdtStyle())
        level = style.levels.get(at)
        if level is None:
            return ""
        style.counts.advance(at, level.start if start is None else start, begins=start is not None)
        style.counts.forget(range(at + 1, _LEVELS + 1))
        if not level.kind:
            return ""
        levels = [(n, style.levels.get(n, _OdtLevel())) for n in range(at - level.shown + 1, at + 1)]
        numbers = (formatted(style.counts.setdefault(n, each.start), each.kind) for n, each in levels if each.kind)
        return self._bounds.number(f"{level.before}{'.'.join(numbers)}{level.after}")
