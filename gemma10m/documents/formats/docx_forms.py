"""Read the fields of Word that are filled in: boxes to check, and lists to choose from."""

from __future__ import annotations

from gemma10m.documents.formats.docx_styles import is_on
from gemma10m.documents.formats.list_numbers import whole
from gemma10m.documents.formats.xml_events import Attributes


class WordForm:
    """Hold the form field that is open."""

    def __init__(self) -> None:
        self._entries: list[str] = []
        self._chosen = 0

    def check(self, given: Attributes) -> None:
        """Receive the state of a box, which follows its default."""
        self._chosen = is_on(given)

    def choose(self, given: Attributes) -> None:
        """Receive which entry of a list is chosen."""
        self._chosen = whole(given.get("val", ""), 0)

    def add(self, given: Attributes) -> None:
        """Receive an entry of a list."""
        self._entries.append(given.get("val", ""))

    def box(self) -> str:
        return "[x]" if self._chosen else "[ ]"

    def entry(self) -> str:
        return "".join(self._entries[self._chosen :][:1])

    def end(self) -> None:
        """Forget the form field, which ends."""
        self._entries, self._chosen = [], 0
