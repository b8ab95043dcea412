"""Leave out a text for eyes beside the same text for screen readers, or the other way round."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gemma10m.documents.formats.xml_events import Attributes

_EYES, _EARS = "eyes", "ears"
_FOR_EARS = frozenset("a-offscreen screen-reader-text sr-only u-visually-hidden visually-hidden visuallyhidden".split())


class _Piece(NamedTuple):
    reader: str  # who gets the text
    depth: int  # of its element
    text: str  # without white space
    last: str  # part of it
    end: int  # parts of the block up to its end
    block: int  # the number of the block that the element is


class Twins:
    """Hold the last text that only some readers get."""

    def __init__(self) -> None:
        self._last = _Piece("", 0, "", "", 0, -1)

    def begin(self, given: Attributes, depth: int, parts: list[str], block: int) -> Callable[[], None] | None:
        """Return what is to be done where an element ends, None for an element that all readers get.

        parts: those of the open block. An element that holds blocks is left as it is.
        block: the number of the block that the element is, -1 for an element in a block.
        """
        if not (reader := _reader(given)):
            return None
        start, before = len(parts), parts[-1] if parts else ""
        twin = self._last.text if self._is_beside(reader, depth, parts, block) else ""

        def end() -> None:
            is_whole = len(parts) >= start and (not start or parts[start - 1] is before)
            text = "".join("".join(parts[start:]).split()) if is_whole else ""
            if text and text == twin:
                del parts[start:]
            elif text:
                if reader == _EARS:
                    _set_apart(text, before, start, parts)
                self._last = _Piece(reader, depth, text, parts[-1], len(parts), block)

        return end

    def _is_beside(self, reader: str, depth: int, parts: list[str], block: int) -> bool:
        """Tell if nothing is between the last text, which the other readers get, and the end of what is written."""
        last = self._last
        if reader == last.reader or depth != last.depth:
            return False
        if block >= 0:
            return block == last.block + 1 > 0
        if len(parts) < last.end or parts[last.end - 1] is not last.last:
            return False
        return not "".join(parts[last.end :]).strip()


def _set_apart(text: str, before: str, start: int, parts: list[str]) -> None:
    """Part the words that only screen readers get from those around them, which a style keeps at a distance."""
    if (text[0].isalnum() or text[0] == "(") and before[-1:].isalnum():
        parts[start] = " " + parts[start]
    if text[-1].isalnum() or text[-1] in "):":
        parts[-1] += " "


def _reader(given: Attributes) -> str:
    if given.get("aria-hidden") == "true":
        return _EYES
    return _EARS if "class" in given and not _FOR_EARS.isdisjoint(given["class"].split()) else ""
