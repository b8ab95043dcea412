"""Compute the numbers that Word shows before paragraphs (ECMA-376 part 1, 17.9): `1.`, `1.2`, `(a)`.

A bullet has no text, as in a page of HTML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.formats.list_numbers import Bounds, Counts, Value, formatted, whole
from gemma10m.documents.formats.xml_events import Attributes

_LEVELS = 9
_DEEPEST = 64  # styles based on one another
_KINDS = {"none": "", "bullet": "", "lowerLetter": "aa", "upperLetter": "AA", "lowerRoman": "i", "upperRoman": "I"}
_KINDS |= {"decimalZero": "01", "ordinal": "1st", "numberInDash": "- 1 -", "decimalEnclosedCircle": "①"}
_KINDS |= {"russianLower": "аа", "russianUpper": "АА", "chicago": "**", "japaneseCounting": "一"}
_PLACEHOLDER = re.compile(r"%([1-9])")
_OFF = {"0", "false", "off"}


@dataclass(slots=True)
class _Level:
    start: int = 0
    kind: str = "decimal"
    text: str = ""
    style: str = ""  # whose paragraphs are on this level
    restart: int | None = None  # it begins anew after this level, counted from 1; 0 for never
    is_legal: bool = False  # all numbers in it are decimal
    is_hidden: bool = False

    def set(self, tag: str, given: Attributes) -> None:
        """Receive a property."""
        value = given.get("val", "")
        if tag == "start":
            self.start = whole(value, 0)
        elif tag == "numFmt":
            self.kind = value[: limits.LABEL]
        elif tag == "lvlText":
            self.text = value[: limits.LABEL]
        elif tag == "lvlRestart":
            self.restart = whole(value, None)
        elif tag == "pStyle":
            self.style = value[: limits.LABEL]
        elif tag == "isLgl":
            self.is_legal = given.get("val", "1") not in _OFF
        elif tag == "vanish":
            self.is_hidden = given.get("val", "1") not in _OFF


@dataclass(slots=True)
class _List:
    levels: dict[int, _Level] = field(default_factory=dict)
    link: str = ""  # the style that another list is the definition of
    counts: Counts = field(default_factory=Counts)


@dataclass(slots=True)
class _Instance:
    """Hold a `w:num`, which paragraphs name: a list, and what is different in it."""

    of: str = ""
    levels: dict[int, _Level] = field(default_factory=dict)
    starts: dict[int, int] = field(default_factory=dict)
    begun: set[int] = field(default_factory=set)  # levels


@dataclass(slots=True)
class _Style:
    base: str = ""
    instance: str = ""
    level: int | None = None


class Numbers:
    """Hold the lists and styles of a document, and how far each list has been counted."""

    def __init__(self, budget: Budget) -> None:
        self._bounds = Bounds(budget)
        self._lists: dict[str, _List] = {}
        self._linked: dict[str, _List] = {}  # by the style that each defines
        self._instances: dict[str, _Instance] = {}
        self._styles: dict[str, _Style] = {}
        self._usual = ""  # style
        self._list, self._instance = _List(), _Instance()  # that are open in the part
        self._levels, self._level, self._at = self._list.levels, _Level(), ""

    def start_style(self, style: str, tag: str, given: Attributes) -> None:
        """Receive an element of the part of styles, in a style of this id."""
        value = given.get("val", "")
        if tag == "style" and given.get("type") == "paragraph" and given.get("default", "0") not in _OFF:
            self._usual = style
        if tag in ("basedOn", "numId", "ilvl"):
            kept = self._styles.get(style) or self._bounds.keep(self._styles, style, _Style())
            if tag == "basedOn":
                kept.base = value
            elif tag == "numId":
                kept.instance = value
            else:
                kept.level = whole(value, None)

    def start(self, tag: str, given: Attributes) -> None:
        """Receive an element of the part of numbering."""
        value, keep = given.get("val", ""), self._bounds.keep
        if tag == "abstractNum":
            self._list = keep(self._lists, given.get("abstractNumId", ""), _List())
            self._levels = self._list.levels
        elif tag == "numStyleLink":
            self._list.link = value
        elif tag == "styleLink":
            keep(self._linked, value, self._list)
        elif tag == "num":
            self._instance = keep(self._instances, given.get("numId", ""), _Instance())
        elif tag == "abstractNumId":
            self._instance.of = value
        elif tag == "lvlOverride":
            self._levels, self._at = self._instance.levels, given.get("ilvl", "")
        elif tag == "startOverride":
            _at_level(self._instance.starts, self._at, whole(value, 0), self._bounds)
        elif tag == "lvl":
            self._level = _Level()
            _at_level(self._levels, given.get("ilvl", ""), self._level, self._bounds)
        else:
            self._level.set(tag, given)

    def next(self, style: str, instance: str, level: int | None) -> str:
        """Count a paragraph and return its number, or "". Its style says what the paragraph leaves open ("", None)."""
        chain = self._chain(style or self._usual)
        named = instance or next((each.instance for _, each in chain if each.instance), "")
        found = self._instances.get(named)
        if not found or named == "0":
            return ""
        level = self._level_of(chain, found) if level is None else level
        of = self._list_of(found)
        if level not in found.levels and level not in of.levels:
            return ""
        _count(of, found, level)
        return self._bounds.number(_text(of, found, level))

    def _chain(self, style: str) -> list[tuple[str, _Style]]:
        chain: list[tuple[str, _Style]] = []
        while style in self._styles and len(chain) < _DEEPEST:
            chain.append((style, self._styles[style]))
            style = self._styles[style].base
        return chain

    def _level_of(self, chain: list[tuple[str, _Style]], instance: _Instance) -> int:
        levels = {**self._list_of(instance).levels, **instance.levels}
        linked = {level.style: number for number, level in levels.items() if level.style}
        for name, style in chain:
            number = linked.get(name, style.level)
            if number is not None:
                return number
        return 0

    def _list_of(self, instance: _Instance) -> _List:
        found = self._lists.get(instance.of, _List())
        return self._linked.get(found.link, found) if found.link else found


def _at_level(where: dict[int, Value], level: str, value: Value, bounds: Bounds) -> None:
    if 0 <= (number := whole(level, -1)) < _LEVELS:
        bounds.keep(where, number, value)


def _level(of: _List, instance: _Instance, number: int) -> _Level:
    return instance.levels.get(number) or of.levels.get(number) or _Level()


def _count(of: _List, instance: _Instance, level: int) -> None:
    """Count the levels as Word does: the lists that share a definition continue one another."""

    def start(number: int) -> int:
        return instance.starts.get(number, _level(of, instance, number).start)

    of.counts.advance(level, start(level), level in instance.starts and level not in instance.begun)
    instance.begun.add(level)
    for above in range(level):
        of.counts.setdefault(above, start(above))
    restarts = [(below, _level(of, instance, below).restart) for below in range(level + 1, _LEVELS)]
    of.counts.forget(below for below, after in restarts if after is None or after > below or level < after)


def _text(of: _List, instance: _Instance, level: int) -> str:
    shown = _level(of, instance, level)
    if shown.kind == "bullet" or shown.is_hidden:
        return ""

    def number(found: re.Match[str]) -> str:
        at = int(found[1]) - 1
        kind = "decimal" if shown.is_legal else _level(of, instance, at).kind
        return formatted(of.counts.get(at, 0), _KINDS.get(kind, "1"))

    return _PLACEHOLDER.sub(number, shown.text)
