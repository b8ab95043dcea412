"""Compute the numbers that programs show before the paragraphs of slides (ECMA-376 part 1, 21.1.2.4.1).

A bullet has no text, as in a page of HTML.
"""

from __future__ import annotations

import re

from gemma10m.documents.formats.list_numbers import Counts, formatted, whole
from gemma10m.documents.formats.xml_events import Attributes

_LEVELS = 9
_BEGINS = ("txBody", "bodyPr")  # the text of a shape or a cell
_MARKS = ("buNone", "buChar", "buBlip", "buAutoNum")
_STYLE = re.compile(r"lvl([1-9])pPr")
_KINDS = {"alphaLc": "a", "alphaUc": "A", "romanLc": "i", "romanUc": "I", "circle": "①", "ea1Ch": "一", "ea1Jpn": "一"}
_KIND = re.compile("|".join(_KINDS))
_AROUND = {"ParenBoth": ("(", ")"), "ParenR": ("", ")"), "Period": ("", "."), "Minus": ("", "-")}
_Mark = tuple[str, int]  # the type of numbers, "" for a bullet or nothing, and the first number


class DrawingNumbers:
    """Count the numbered paragraphs of the open text: those of one level and one kind that no other comes between."""

    def __init__(self) -> None:
        self._counts = Counts()
        self._counted: dict[int, _Mark] = {}  # marks of the last paragraphs, by level
        self._styles: dict[int, _Mark] = {}  # marks that the text's own style gives its levels
        self._styled = -1  # the level of the open style
        self._level, self._mark = 0, ("", 0)  # of the open paragraph

    def start(self, tag: str, given: Attributes) -> None:
        """Receive an element."""
        if tag in _BEGINS:
            self._counts, self._counted, self._styles = Counts(), {}, {}
        elif tag == "p":
            self._set_level(0)
        elif tag == "pPr":
            self._set_level(min(whole(given.get("lvl", ""), 0), _LEVELS - 1))
        elif found := _STYLE.fullmatch(tag):
            self._styled = int(found[1]) - 1
        elif tag in _MARKS:
            mark = (given.get("type", ""), whole(given.get("startAt", ""), 1)) if tag == "buAutoNum" else ("", 0)
            if self._styled < 0:
                self._mark = mark
            else:
                self._styles[self._styled] = mark

    def next(self, has_text: bool) -> str:
        """Count the paragraph that ends and return its number, or ""; one without text has none."""
        level, mark = self._level, self._mark
        if mark[0] and not has_text:
            return ""
        self._counts.forget(range(level + bool(mark[0]), _LEVELS))
        if not mark[0]:
            return ""
        self._counts.advance(level, mark[1], begins=self._counted.get(level) != mark)
        self._counted[level] = mark
        kind = _KIND.match(mark[0])
        number = formatted(self._counts[level], _KINDS[kind[0]] if kind else "1")
        before, after = next((_AROUND[word] for word in _AROUND if mark[0].endswith(word)), ("", ""))
        return f"{before}{number}{after}"

    def _set_level(self, level: int) -> None:
        self._styled, self._level = -1, level
        self._mark = self._styles.get(level, ("", 0))
