"""Read the fields of RTF that are filled in: boxes to check, and lists to choose from."""

from __future__ import annotations

FORM = {"fftype", "ffres", "ffdefres"}
_CHECKBOX, _LIST, _UNDEFINED = 1, 2, 25  # kinds of form fields; a value that is not set


class RtfForm:
    """Hold the form field that is open."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._entries: list[str] = []

    def set(self, word: str, number: int) -> None:
        """Receive a word of `FORM`."""
        self._numbers[word] = number

    def add(self, entry: str) -> None:
        """Add an entry of a list."""
        self._entries.append(entry)

    def end(self) -> str:
        """Return what is chosen in the form field, which ends."""
        form, entries, self._numbers, self._entries = self._numbers, self._entries, {}, []
        value = form.get("ffres", _UNDEFINED)
        value = form.get("ffdefres", 0) if value == _UNDEFINED else value
        if form.get("fftype") == _CHECKBOX:
            return "[x]" if value else "[ ]"
        return entries[value] if form.get("fftype") == _LIST and 0 <= value < len(entries) else ""
