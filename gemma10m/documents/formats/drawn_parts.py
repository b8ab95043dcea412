"""Read what is drawn in an Office document and has a part of its own: charts and diagrams. Pictures are counted."""

from __future__ import annotations

from collections import Counter

from gemma10m.documents.budget import BombError
from gemma10m.documents.counts import counted
from gemma10m.documents.formats.chart_text import ChartText
from gemma10m.documents.formats.diagram_text import DiagramText
from gemma10m.documents.formats.drawing_text import DrawingText
from gemma10m.documents.formats.office_package import OfficePackage, OfficePart, related
from gemma10m.documents.formats.xml_events import parse_xml
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.spool import TextWriter

_UNREAD = {
    "image": "picture",
    "oleObject": "embedded object",
    "package": "embedded object",
    "chartEx": "chart",
    "video": "video",
    "audio": "sound",
}


class DrawnParts:
    """Read the drawings of one document, and count what of them is not read.

    has_values: charts show values that are nowhere else in the document.
    """

    def __init__(self, document: OfficePackage, has_values: bool) -> None:
        self._document, self._has_values = document, has_values
        self._left_out = Counter[tuple[str, str]]()  # what, and why
        self._has_margins = False

    def read(self, name: str) -> DrawingText:
        """Return the text of a part as far as it is whole. Raises `UnreadableError` for damage before any text."""
        parts = related(self._document, name)
        self.count(parts)
        return self._read(name, DrawingText(lambda reference: self.drawn(parts.get(reference))))

    def count(self, parts: dict[str, OfficePart]) -> None:
        """Count what is not read of these parts."""
        for what in {part.name: _UNREAD[part.kind] for part in parts.values() if part.kind in _UNREAD}.values():
            self._left_out[what, ""] += 1

    def tell(self, writer: TextWriter) -> None:
        """Note what is not read."""
        if self._has_margins:
            writer.note("its headers and footers are not read")
        for (what, why), number in self._left_out.items():
            writer.note(f"{counted(number, what, why)} not read")

    def _read(self, name: str, text: DrawingText) -> DrawingText:
        try:
            parse_xml(name, self._document.blocks(name), text.start, text.end, text.text)
        except BombError:
            raise
        except UnreadableError:
            if not text.finish() and not text.title:
                raise
            self._left_out["damaged end", " of a slide or drawing"] += 1
        text.finish()
        self._has_margins |= text.has_margins
        for why, number in (+text.left_out).items():
            self._left_out["character", f" of {why} text"] += number
        return text

    def drawn(self, part: OfficePart | None) -> list[str]:
        """Return the lines of a chart or a diagram; a damaged one is counted."""
        try:
            if part and part.kind == "diagramData":
                return self._read(part.name, DiagramText()).lines
            if part and part.kind == "chart":
                chart = ChartText()
                parse_xml(part.name, self._document.blocks(part.name), chart.start, chart.end, chart.text)
                return chart.lines if self._has_values else chart.titles
        except BombError:
            raise
        except UnreadableError:
            self._left_out["damaged chart or diagram", ""] += 1
        return []
