"""Read the controls of forms in an OpenDocument text, which the text names where they are shown."""

from __future__ import annotations

from gemma10m.documents.budget import Budget
from gemma10m.documents.formats.list_numbers import Bounds
from gemma10m.documents.formats.xml_events import Attributes

_TYPED = {"text", "textarea", "formatted-text", "number", "date", "time", "combobox", "file"}
_CHECKED = {"checkbox", "radio"}
_LABELS = {"fixed-text", "frame"}


class OdtForms:
    """Receive the elements of the forms."""

    def __init__(self) -> None:
        self._bounds = Bounds(Budget(0))
        self._shown: dict[str, str] = {}  # by the control's id
        self._list = ""  # the id of the list that is open

    def start(self, tag: str, given: Attributes) -> None:
        key = given.get("id", "")
        if tag in _TYPED:
            self._keep(key, given.get("current-value", given.get("value", "")))
        elif tag in _CHECKED:
            is_on = given.get("current-state") == "checked" or given.get("current-selected") == "true"
            if not {"current-state", "current-selected"} & set(given):
                is_on = given.get("state") == "checked" or given.get("selected") == "true"
            self._keep(key, f"[{'x' if is_on else ' '}] {given.get('label', '')}".rstrip())
        elif tag in _LABELS:
            self._keep(key, given.get("label", ""))
        elif tag == "listbox":
            self._list = key
        elif tag == "option" and given.get("current-selected", given.get("selected")) == "true":
            before = self._shown.get(self._list, "")
            self._keep(self._list, f"{before}, {given.get('label', '')}".removeprefix(", "))

    def shown(self, key: str) -> str:
        """Return what the control of this id shows, or ""."""
        return self._shown.get(key, "")

    def _keep(self, key: str, text: str) -> None:
        if text:
            self._bounds.keep(self._shown, key, text)
