"""Read the styles of an OpenDocument text: what they raise and lower, hide and strike, and their fonts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gemma10m.documents.formats.list_numbers import whole
from gemma10m.documents.formats.raised import LOWERED, RAISED
from gemma10m.documents.formats.style_looks import BASE, StyleLooks
from gemma10m.documents.formats.xml_events import Attributes

_LEFT_OUT = ("hidden", "struck")
_FAR = 10  # percent of the size: text that is moved by less is in its line
_MOST_KNOWN = 1000  # looks


class OdtLook(NamedTuple):
    """Say how text looks: why it is left out, how it is raised or lowered, and its font; "" for none of these."""

    left_out: str
    script: str
    font: str


class OdtStyles:
    """Receive the styles, and tell how text in several of them looks."""

    def __init__(self) -> None:
        self._looks, self._fonts = StyleLooks(), StyleLooks()
        self._style = ""  # that is open
        self._known: dict[tuple[str, ...], OdtLook] = {}

    def begin(self, given: Attributes) -> None:
        self._known.clear()
        self._style = given.get("name", "")
        if base := given.get("parent-style-name"):
            self._looks.set(self._style, BASE, base)

    def set(self, given: Attributes) -> None:
        """Receive the properties of text of the open style; those of a list's numbers are in none."""
        if not self._style:
            return
        if "text-position" in given:
            self._looks.set(self._style, "script", _script(given["text-position"]))
        if "display" in given:
            self._looks.set(self._style, "hidden", "hidden" if given["display"] == "none" else "")
        if "text-line-through-style" in given:
            self._looks.set(self._style, "struck", "" if given["text-line-through-style"] == "none" else "struck")
        if "font-name" in given:
            self._looks.set(self._style, "font", given["font-name"])

    def end(self) -> None:
        self._style = ""

    def declare_font(self, given: Attributes) -> None:
        """Receive a font, which styles name by another name than its own."""
        self._fonts.set(given.get("name", ""), "family", given.get("font-family", "").strip("'\""))

    def of(self, styles: Sequence[str]) -> OdtLook:
        """Return the look of text in these styles, the innermost one last."""
        key = tuple(styles)
        if key not in self._known:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            name = self._innermost(styles, "font")
            self._known[key] = OdtLook(
                next((why for why in _LEFT_OUT if any(self._looks.get(style, why) for style in styles)), ""),
                self._innermost(styles, "script"),
                (self._fonts.get(name, "family") or name) if name else "",
            )
        return self._known[key]

    def _innermost(self, styles: Sequence[str], look: str) -> str:
        found = (self._looks.get(style, look) for style in reversed(styles))
        return next((value for value in found if value is not None), "")


def _script(position: str) -> str:
    """Return how a text stands that is raised by so many percent, or `super` or `sub`."""
    where = position.split()[0] if position.strip() else ""
    if where in ("super", "sub"):
        return RAISED if where == "super" else LOWERED
    share = where.rstrip("%").removeprefix("+").removeprefix("-").partition(".")[0]
    if whole(share, 0) < _FAR:
        return ""
    return LOWERED if where.startswith("-") else RAISED
