"""Keep what the styles of a Word document say of text, also by the styles that they are based on."""

from __future__ import annotations

from gemma10m.documents.formats.raised import LOWERED, RAISED
from gemma10m.documents.formats.style_looks import BASE, StyleLooks
from gemma10m.documents.formats.xml_events import Attributes

LEFT_OUT = {"vanish": "hidden", "strike": "struck", "dstrike": "struck"}  # run properties, and why they leave text out
SCRIPTS = {"superscript": RAISED, "subscript": LOWERED}
_HEADINGS = ("title", "heading 1", "heading 2", "heading 3")
_OFF = {"0", "false", "off"}


def is_on(given: Attributes) -> bool:
    return given.get("val", "1") not in _OFF


def font_of(given: Attributes) -> str:
    """Return the name of a run's font, or ""."""
    return given.get("ascii") or given.get("hAnsi") or ""


class Styles:
    """Hold the ids of the styles of headings, and the looks of all styles."""

    def __init__(self) -> None:
        self.headings = {"Title", "Heading1", "Heading2", "Heading3"}
        self._looks = StyleLooks()

    def start(self, style: str, tag: str, given: Attributes) -> None:
        """Receive an element of the part of styles, in a style of this id."""
        value = given.get("val", "")
        if tag == "name" and value.lower() in _HEADINGS:
            self.headings.add(style)
        elif tag == "basedOn":
            self._looks.set(style, BASE, value)
        elif tag in LEFT_OUT:
            self._looks.set(style, LEFT_OUT[tag], "on" if is_on(given) else "")
        elif tag == "vertAlign":
            self._looks.set(style, "script", SCRIPTS.get(value, ""))
        elif tag == "rFonts" and font_of(given):
            self._looks.set(style, "font", font_of(given))

    def left_out(self, style: str) -> set[str]:
        """Return why text of this style is left out."""
        return {why for why in LEFT_OUT.values() if self._looks.get(style, why)}

    def script(self, style: str) -> str:
        return self._looks.get(style, "script") or ""

    def font(self, style: str) -> str:
        return self._looks.get(style, "font") or ""
