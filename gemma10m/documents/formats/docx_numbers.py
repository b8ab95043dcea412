"""The numbers that Word computes for paragraphs (ECMA-376 part 1, 17.9): `1.`, `1.2`, `(a)`.

A bullet has no text, as in a page of HTML.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.formats.numbering import written
from gemma10m.documents.formats.xml_events import Attributes

_LEVELS = 9
_MOST = 100_000  # lists, levels and styles that are kept
_DEEPEST = 64  # styles based on one another
_MOST_REPEATED = 30  # letters of one number: z is followed by aa, bb
_KINDS = {"lowerLetter": "a", "upperLetter": "A", "lowerRoman": "i", "upperRoman": "I"}
_ORDINALS = {1: "st", 2: "nd", 3: "rd"}
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


@dataclass(slots=True)
class _List:
    levels: dict[int, _Level] = field(default_factory=dict)
    link: str = ""  # the style that another list is the definition of
    counts: list[int | None] = field(default_factory=lambda: [None] * _LEVELS)


@dataclass(slots=True)
class _Instance:
    """A `w:num`, which paragraphs name: a list, and what is different in it."""

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
    """The lists and styles of a document, and how far each list has been counted."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._lists: dict[str, _List] = {}
        self._linked: dict[str, _List] = {}  # by the style that each defines
        self._instances: dict[str, _Instance] = {}
        self._styles: dict[str, _Style] = {}
        self._usual = ""  # style
        self._left = _MOST
        self._list, self._instance = _List(), _Instance()  # that are open in the part
        self._levels, self._level, self._at = self._list.levels, _Level(), 0

    def start_style(self, style: str, tag: str, given: Attributes) -> None:
        """Receive an element of the part of styles, in a style of this id."""
        value = given.get("val", "")
        if tag == "style" and given.get("type") == "paragraph" and given.get("default", "0") not in _OFF:
            self._usual = style
        if tag in ("basedOn", "numId", "ilvl"):
            if style not in self._styles and not self._may_keep():
                return
            kept = self._styles.setdefault(style, _Style())
            if tag == "basedOn":
                kept.base = value
            elif tag == "numId":
                kept.instance = value
            else:
                kept.level = _whole(value)

    def start(self, tag: str, given: Attributes) -> None:
        """Receive an element of the part of numbering."""
        if tag in _STARTS:
            _STARTS[tag](self, given)
        else:
            self._set(tag, given)

    def next(self, style: str, instance: str, level: int | None) -> str:
        """Count a paragraph and return its number, or "". What the paragraph leaves open ("", None) its style says."""
        chain = self._chain(style or self._usual)
        named = instance or next((each.instance for _, each in chain if each.instance), "")
        found = self._instances.get(named)
        if not found or named == "0":
            return ""
        level = self._level_of(chain, found) if level is None else level
        of = self._list_of(found)
        if level not in found.levels and level not in of.levels:
            return ""
        self._count(of, found, level)
        text = self._text(of, found, level)
        self._budget.spend(len(text))  # few bytes can ask for many
        return text

    def _may_keep(self) -> bool:
        self._left -= 1
        return self._left >= 0

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

    def _count(self, of: _List, instance: _Instance, level: int) -> None:
        """Count the levels as Word does: the lists that share a definition continue one another."""

        def start(number: int) -> int:
            return instance.starts.get(number, _level(of, instance, number).start)

        count = of.counts[level]
        begins = count is None or (level in instance.starts and level not in instance.begun)
        of.counts[level] = start(level) if begins or count is None else count + 1
        instance.begun.add(level)
        for above in range(level):
            if of.counts[above] is None:
                of.counts[above] = start(above)
        for below in range(level + 1, _LEVELS):
            restart = _level(of, instance, below).restart
            if restart is None or restart > below or level < restart:
                of.counts[below] = None

    def _text(self, of: _List, instance: _Instance, level: int) -> str:
        shown = _level(of, instance, level)
        if shown.kind == "bullet" or shown.is_hidden:
            return ""

        def number(found: re.Match[str]) -> str:
            at = int(found[1]) - 1
            kind = "decimal" if shown.is_legal else _level(of, instance, at).kind
            return _formatted(of.counts[at] or 0, kind)

        return " ".join(_PLACEHOLDER.sub(number, shown.text).split())[: limits.LABEL]

    def _begin_list(self, given: Attributes) -> None:
        self._list = _List()
        self._levels = self._list.levels
        if self._may_keep():
            self._lists[given.get("abstractNumId", "")] = self._list

    def _begin_instance(self, given: Attributes) -> None:
        self._instance = _Instance()
        if self._may_keep():
            self._instances[given.get("numId", "")] = self._instance

    def _begin_override(self, given: Attributes) -> None:
        self._levels, self._at = self._instance.levels, _whole(given.get("ilvl", ""))

    def _set_start(self, given: Attributes) -> None:
        if 0 <= self._at < _LEVELS and self._may_keep():
            self._instance.starts[self._at] = max(_whole(given.get("val", "")), 0)

    def _begin_level(self, given: Attributes) -> None:
        self._level, at = _Level(), _whole(given.get("ilvl", ""))
        if 0 <= at < _LEVELS and self._may_keep():
            self._levels[at] = self._level

    def _set(self, tag: str, given: Attributes) -> None:
        """Receive a property of the open level."""
        level, value = self._level, given.get("val", "")
        if tag == "start":
            level.start = max(_whole(value), 0)
        elif tag == "numFmt":
            level.kind = value[: limits.LABEL]
        elif tag == "lvlText":
            level.text = value[: limits.LABEL]
        elif tag == "lvlRestart":
            level.restart = _whole(value)
        elif tag == "pStyle":
            level.style = value[: limits.LABEL]
        elif tag == "isLgl":
            level.is_legal = given.get("val", "1") not in _OFF
        elif tag == "vanish":
            level.is_hidden = given.get("val", "1") not in _OFF

    def _set_list(self, given: Attributes) -> None:
        self._instance.of = given.get("val", "")

    def _link(self, given: Attributes) -> None:
        self._list.link = given.get("val", "")

    def _define(self, given: Attributes) -> None:
        if self._may_keep():
            self._linked[given.get("val", "")] = self._list


def _level(of: _List, instance: _Instance, number: int) -> _Level:
    return instance.levels.get(number) or of.levels.get(number) or _Level()


def _whole(value: str) -> int:
    """Return the number, or -1 for other text and for large numbers."""
    return int(value) if value.isascii() and value.isdecimal() and len(value) < 7 else -1


def _formatted(number: int, kind: str) -> str:
    if kind in ("none", "bullet"):
        return ""
    if kind == "decimalZero":
        return f"{number:02}"
    if kind == "ordinal":
        return f"{number}{'th' if number % 100 in (11, 12, 13) else _ORDINALS.get(number % 10, 'th')}"
    times, letter = divmod(number - 1, 26)
    if kind.endswith("Letter") and 0 <= times < _MOST_REPEATED:
        return written(letter + 1, _KINDS.get(kind, "a")) * (times + 1)
    return written(number, _KINDS.get(kind, "1"))


_STARTS: dict[str, Callable[[Numbers, Attributes], None]] = {
    "abstractNum": Numbers._begin_list,
    "num": Numbers._begin_instance,
    "abstractNumId": Numbers._set_list,
    "lvlOverride": Numbers._begin_override,
    "startOverride": Numbers._set_start,
    "lvl": Numbers._begin_level,
    "numStyleLink": Numbers._link,
    "styleLink": Numbers._define,
}
