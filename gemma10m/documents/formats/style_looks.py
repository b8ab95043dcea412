"""Keep what styles say of text, also by the styles that they are based on."""

from __future__ import annotations

from gemma10m.documents.budget import Budget
from gemma10m.documents.formats.list_numbers import Bounds

BASE = "base"  # the look that names the style that another is based on
_DEEPEST = 64  # styles based on one another


class StyleLooks:
    """Hold the looks of styles, by the names of both."""

    def __init__(self) -> None:
        self._bounds = Bounds(Budget(0))
        self._looks: dict[str, dict[str, str]] = {}

    def set(self, style: str, look: str, value: str) -> None:
        """Set a look; an empty value is that of text without a style."""
        looks = self._looks.get(style)
        if looks is None:
            looks = self._bounds.keep(self._looks, style, {})
        looks[look] = value

    def get(self, style: str, look: str) -> str | None:
        """Return the value of the look, or None where neither the style sets it nor one that it is based on."""
        for _ in range(_DEEPEST):
            looks = self._looks.get(style)
            if looks is None:
                return None
            if look in looks:
                return looks[look]
            style = looks.get(BASE, "")
        return None
