"""Read a diagram's data (SmartArt, ECMA-376 part 1, 21.4): points in any order, and connections that order them."""

from __future__ import annotations

from gemma10m.documents.formats.drawing_text import DrawingText
from gemma10m.documents.formats.list_numbers import whole
from gemma10m.documents.formats.xml_events import Attributes

_CHILD = "parOf"  # the kind of a connection to a point below


class DiagramText(DrawingText):
    """Receive a part's elements; hold a line for each paragraph, each point's before those of the points below it."""

    def __init__(self) -> None:
        super().__init__()
        self._points: dict[str, list[str]] = {}
        self._below: dict[str, list[tuple[int, str]]] = {}  # a point: places and ids of those below it
        self._point, self._begun = "", 0  # the open point, and lines before it

    def start(self, tag: str, given: Attributes) -> None:
        super().start(tag, given)
        if tag == "pt":
            self._point, self._begun = given.get("modelId", ""), len(self.lines)
        elif tag == "cxn" and given.get("type", _CHILD) == _CHILD:
            child = whole(given.get("srcOrd", ""), 0), given.get("destId", "")
            self._below.setdefault(given.get("srcId", ""), []).append(child)

    def end(self, tag: str) -> None:
        super().end(tag)
        if tag == "pt":
            self._points.setdefault(self._point, []).extend(self.lines[self._begun :])

    def finish(self) -> list[str]:
        """Return the lines in the order in which they are shown; those of points without a connection come last."""
        super().finish()
        below = {child for children in self._below.values() for _, child in children}
        tops = [point for point in self._points if point not in below]  # the whole diagram, and what is unconnected
        left = sorted(tops, key=lambda point: point in self._below)  # the next one is the last
        ordered, seen = list[str](), set[str]()
        while left:
            if (point := left.pop()) not in seen:
                seen.add(point)
                ordered += self._points.get(point, [])
                left += [child for _, child in sorted(self._below.get(point, []), reverse=True)]
        unseen = (lines for point, lines in self._points.items() if point not in seen)
        self.lines = [*ordered, *(line for lines in unseen for line in lines)]
        return self.lines
