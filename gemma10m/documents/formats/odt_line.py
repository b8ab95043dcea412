"""Collect the text of an open paragraph, in which several spaces are one."""

from __future__ import annotations

from gemma10m.documents.formats.raised import Scripts


class Line:
    """Hold the text of an open paragraph or cell, or of what is aside."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._scripts = Scripts()
        self.boxes: list[str] = []  # whose turn comes after the paragraph that they are in

    def write(self, text: str, script: str = "") -> None:
        """Add text. Of several spaces the first one counts. script: RAISED, LOWERED, APART or ""."""
        if not script and text.startswith(" "):
            self.add(self._scripts.end(text))
            text = text.lstrip(" ") if not self._parts or self._parts[-1].endswith(" ") else text
        self.add(self._scripts.write(text, script))

    def add(self, text: str) -> None:
        """Add text as it is."""
        if text:
            self._parts.append(text)

    def white(self, text: str) -> None:
        """Add white space as it is."""
        self.add(self._scripts.end(text))
        self._scripts.begin()
        self.add(text)

    def take(self) -> str:
        """Return the text, which ends here."""
        self.white("")
        text = "".join(self._parts)
        self._parts.clear()
        return text

    def end_paragraph(self) -> None:
        """End a paragraph of a cell, or of what is aside; the boxes in it follow as lines."""
        self.white("\n")
        self.add("".join(f"{box}\n" for box in self.take_boxes()))

    def take_boxes(self) -> list[str]:
        """Return the boxes, which are written now."""
        boxes, self.boxes = self.boxes, []
        return boxes

    def take_all(self) -> str:
        """Return the text of a cell, or of what is aside, with the boxes that no paragraph of it holds."""
        self.end_paragraph()
        return self.take()
