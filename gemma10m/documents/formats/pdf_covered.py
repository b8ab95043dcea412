"""Tell which words of a PDF's page nobody sees, in the process that reads it: under a box, or white on white.

What is drawn in a form of its own, and what more boxes than usual cover, is taken to be shown.
"""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

from pdf_hidden import bounds, clip_box  # type: ignore[import-not-found]  # it is beside this file
from pypdfium2 import raw

_TEXT, _PATH = 1, 2  # kinds of objects
_FILLED, _INVISIBLE = 0, 3  # modes of text; the second is under the picture of a scan
_MOST_OBJECTS = 20_000  # of a page; more are a drawing, whose text is taken to be shown
_MOST_BOXES, _MOST_PAIRS = 500, 500_000  # of a page; of a text and a box
_MOST_SEGMENTS = 6  # of a rectangle
_WHITE, _OPAQUE = 250, 255
_EDGE = 1.0  # points that a covered word may be outside of a box

_Box = tuple[float, float, float, float]  # left, bottom, right, top


class _Ground(NamedTuple):
    order: int
    box: _Box
    hides: bool  # opaque, and as large as its box
    is_white: bool


class Covered:
    """Look at what is drawn on a page, in its order."""

    def __init__(self, page: Any) -> None:
        self._order: dict[int, int] = {}  # of texts, by their address
        self._texts: list[tuple[int, Any]] = []
        self._white: set[int] = set()
        grounds = []
        count = raw.FPDFPage_CountObjects(page)
        for order in range(count if count <= _MOST_OBJECTS else 0):
            each = raw.FPDFPage_GetObject(page, order)
            if raw.FPDFPageObj_GetType(each) == _TEXT:
                self._add(each, order)
            else:
                grounds.append(_Ground(order, bounds(each), _hides(each), _is_white(each)))
        first = min(self._order.values(), default=0)
        self._covers = [each for each in grounds if each.hides and each.order > first]
        self._grounds = [each for each in grounds if not each.is_white]
        if len(self._covers) > _MOST_BOXES or len(self._covers) * len(self._order) > _MOST_PAIRS:
            self._covers = []
        if len(self._grounds) * len(self._white) > _MOST_PAIRS:
            self._white = set()

    def _add(self, text: Any, order: int) -> None:
        mode = raw.FPDFTextObj_GetTextRenderMode(text)
        if mode == _INVISIBLE:
            return
        address = ctypes.addressof(text.contents)
        self._order[address] = order
        self._texts.append((order, text))
        if mode == _FILLED and _is_white(text):
            self._white.add(address)

    def hides(self, drawn_by: Any, word: _Box) -> bool:
        """Tell if a word that this text object draws is not seen."""
        if not drawn_by or not (self._covers or self._white):
            return False
        address = ctypes.addressof(drawn_by.contents)
        order = self._order.get(address)
        if order is None:
            return False
        middle = ((word[0] + word[2]) / 2, (word[1] + word[3]) / 2) * 2
        over = [each.order for each in self._covers if each.order > order and _is_in(word, each.box, _EDGE)]
        if over:  # PDFium tells of the first of two texts that are alike and in one place
            return not any(after > over[-1] and _is_in(middle, bounds(text), 0.0) for after, text in self._texts)
        if address not in self._white:
            return False
        return not any(each.order < order and _is_in(middle, each.box, 0.0) for each in self._grounds)


def _is_in(word: tuple[float, ...], box: _Box, edge: float) -> bool:
    is_across = box[0] - edge <= word[0] and word[2] <= box[2] + edge
    return is_across and box[1] - edge <= word[1] and word[3] <= box[3] + edge


def _is_white(each: Any) -> bool:
    colour = [ctypes.c_uint() for _ in range(4)]
    return bool(raw.FPDFPageObj_GetFillColor(each, *colour)) and min(part.value for part in colour[:3]) >= _WHITE


def _hides(each: Any) -> bool:
    """Tell if an object is a filled rectangle that nothing shines through, and that is not cut off."""
    if raw.FPDFPageObj_GetType(each) != _PATH or raw.FPDFPath_CountSegments(each) > _MOST_SEGMENTS:
        return False
    fill, stroke, colour = ctypes.c_int(), ctypes.c_int(), [ctypes.c_uint() for _ in range(4)]
    raw.FPDFPath_GetDrawMode(each, fill, stroke)
    raw.FPDFPageObj_GetFillColor(each, *colour)
    if not fill.value or colour[3].value < _OPAQUE or raw.FPDFPageObj_HasTransparency(each):
        return False
    return _is_rectangle(each) and _is_whole(each)


def _is_rectangle(path: Any) -> bool:
    """Tell if the corners are at two places across and two up."""
    x, y, corners = ctypes.c_float(), ctypes.c_float(), set()
    for number in range(raw.FPDFPath_CountSegments(path)):
        raw.FPDFPathSegment_GetPoint(raw.FPDFPath_GetPathSegment(path, number), x, y)
        corners.add((round(x.value, 1), round(y.value, 1)))
    across, up = ({corner[side] for corner in corners} for side in (0, 1))
    return len(across) == len(up) == 2 and len(corners) == 4


def _is_whole(path: Any) -> bool:
    """Tell if no clip cuts the path off."""
    clip, box = raw.FPDFPageObj_GetClipPath(path), bounds(path)
    for number in range(max(0, raw.FPDFClipPath_CountPaths(clip))):
        is_simple = raw.FPDFClipPath_CountPathSegments(clip, number) <= _MOST_SEGMENTS
        around = clip_box(clip, number) if is_simple else None
        if around is None or not _is_in(box, around, _EDGE):
            return False
    return True
