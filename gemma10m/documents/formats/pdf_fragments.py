"""Hold what is drawn on a page of a PDF in fragments; join raised and lowered ones, and see which way lines run."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from gemma10m.documents.formats.raised import SLASH, lowered, raised

SPACE = 0.18  # of the size: the gap between words
WIDE = 0.6  # of the size: what may be a gap between columns
SMALL = 0.87  # of the size around it: what is raised or lowered
_HARDLY_SMALLER, _LONGEST_SIGN = 0.95, 3  # of the size, too, where it has so few characters
_BESIDE = 0.5  # of the size: what belongs to the text before it
_LONGEST = 20_000  # characters that are put together one by one
_LOWEST, SMALLEST = -0.5, 0.45  # of the size: a subscript, and not a line beside a large letter
_LONGEST_SUBSCRIPT = 12  # characters
_NOTE, _WORD = re.compile(r"\d{1,3}"), re.compile(r"[\"\u201c(]?[^\W\d_]{3}")
_LEFTWARDS = ("R", "AL")  # classes of letters that are written from right to left


class Gap(NamedTuple):
    """Hold a wide gap between words: where in the text the next word begins, and what is before and after it."""

    place: int
    end: float
    start: float


class Fragment(NamedTuple):
    angle: float
    start: float
    end: float
    baseline: float
    size: float
    pitch: float  # the width of each of its characters, if all have the same; else 0
    gaps: tuple[Gap, ...]
    text: str

    def followed_by(self, other: Fragment, space: str) -> Fragment:
        """Return the two as one, with this space between their texts."""
        place = len(self.text) + len(space)
        gaps = [Gap(place, self.end, other.start)] if other.start - self.end > WIDE * other.size else []
        gaps += [gap._replace(place=gap.place + place) for gap in other.gaps]
        text = self.text + space + other.text
        return self._replace(end=max(self.end, other.end), gaps=(*self.gaps, *gaps), text=text)

    def divided(self) -> list[Fragment]:
        """Return the pieces between gaps."""
        if not self.gaps:
            return [self]
        first = Gap(0, self.start, self.start)
        last = Gap(len(self.text), self.end, self.end)
        return [
            self._replace(
                start=gap.start, end=following.end, gaps=(), text=self.text[gap.place : following.place].strip()
            )
            for gap, following in pairwise([first, *self.gaps, last])
        ]


def with_scripts(fragments: Sequence[Fragment]) -> list[Fragment]:
    """Join raised and lowered fragments to the ones before them."""
    found: list[Fragment] = []
    is_script = False
    for each, following in pairwise([*fragments, None]):
        assert each is not None
        last = found[-1] if found else None
        if last and len(last.text) < _LONGEST and (height := _height(last, each)):
            is_near = following and abs(following.start - each.end) < SPACE * last.size
            after = following.text if following and is_near else ""
            is_raised = height > 0
            text = raised(last.text, each.text, after, after in SLASH) if is_raised else _lowered(last, each)
            found[-1] = last._replace(end=each.end, text=last.text + text)
            is_script = True
            continue
        if following and _marks_a_note(last, each, following):
            each = each._replace(text=f"[{each.text.strip()}] ", baseline=following.baseline)
        if last and is_script and joins_numbers(last, each) and each.start - last.end <= SPACE * each.size:
            found[-1] = last._replace(text=f"{last.text} ")
        found.append(each)
        is_script = False
    return found


def _marks_a_note(last: Fragment | None, each: Fragment, following: Fragment) -> bool:
    """Tell if a line begins with a raised number right before a word, as a note at the foot of a page does."""
    if not _NOTE.fullmatch(each.text.strip()) or not _WORD.match(following.text):
        return False
    if last and abs(last.baseline - following.baseline) < following.size and last.end <= each.start:
        return False
    is_near = -0.1 < (following.start - each.end) / each.size < 0.6
    return is_near and _height(following._replace(end=each.start), each) > 0


def joins_numbers(left: Fragment, right: Fragment) -> bool:
    """Tell if two numbers would become one."""
    return left.text[-1:].isdecimal() and right.text[:1].isdecimal()


def _height(last: Fragment, each: Fragment) -> float:
    """Return how far a small fragment is raised, in sizes of the one before it; 0 if it does not belong to that."""
    smaller = SMALL if len(each.text) > _LONGEST_SIGN else _HARDLY_SMALLER
    if each.size >= smaller * last.size or abs(each.start - last.end) >= _BESIDE * last.size:
        return 0.0
    height = (each.baseline - last.baseline) / last.size
    return height if 0.1 < abs(height) < 0.8 else 0.0


def _lowered(last: Fragment, each: Fragment) -> str:
    is_low = each.baseline - last.baseline > _LOWEST * last.size and each.size > SMALLEST * last.size
    is_subscript = is_low and len(each.text) <= _LONGEST_SUBSCRIPT
    return lowered(last.text, each.text) if is_subscript else each.text


def from_the_right(rows: list[list[Fragment]]) -> list[list[Fragment]]:
    """Mirror the places of rows that are read from the right, so that what is read first has the smallest place.

    On a page of which most letters run to the left, these are all rows but those of one piece that holds none; on
    another page, those of which each piece holds one.
    """
    ways = [[_way(each.text) for each in row] for row in rows]
    if not any(way > 0 for row in ways for way in row):
        return rows
    is_leftwards = sum(way for row in ways for way in row) > 0
    edges = min(row[0].start for row in rows) + max(each.end for row in rows for each in row)
    found = []
    for row, way in zip(rows, ways, strict=True):
        if min(way) > 0 or (is_leftwards and (len(row) > 1 or way[0] > 0)):
            row = [each._replace(start=edges - each.end, end=edges - each.start, gaps=()) for each in reversed(row)]
            row.sort(key=lambda each: each.start)
        found.append(row)
    return found


def is_leftwards(fragments: Sequence[Fragment]) -> bool:
    """Tell if most of the letters run to the left."""
    return sum(_way(each.text) for each in fragments) > 0


def _way(text: str) -> int:
    """Return by how many there are more letters that run to the left than others."""
    if text.isascii():
        return -sum(map(str.isalpha, text))
    classes = [unicodedata.bidirectional(character) for character in text]
    return sum(each in _LEFTWARDS for each in classes) - classes.count("L")
