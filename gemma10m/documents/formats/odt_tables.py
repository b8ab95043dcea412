"""Hold the open tables of an OpenDocument text, whose rows and cells may say that they come several times."""

from __future__ import annotations

from gemma10m.documents.budget import Budget
from gemma10m.documents.formats.xml_events import Attributes

_MOST_REPEATED = 1000  # rows and cells with something in them, and spaces
_MOST_COLUMNS, _USUAL_COLUMNS = 256, 64


class OdtTables:
    """Receive rows and cells, also of tables in cells of others."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._rows: list[list[tuple[str, int]]] = []  # that are open: cells, and how often they come
        self._row_repeats: list[int] = []
        self._repeats: list[int] = []  # of open cells

    @property
    def in_cell(self) -> bool:
        return bool(self._rows and self._repeats)

    def begin_row(self, given: Attributes) -> None:
        self._rows.append([])
        self._row_repeats.append(repeats(given, "number-rows-repeated"))

    def begin_cell(self, given: Attributes) -> bool:
        """Begin a cell; return False where no row is open."""
        if self._rows:
            self._repeats.append(repeats(given, "number-columns-repeated"))
        return bool(self._rows)

    def end_cell(self, text: str) -> None:
        """End the open cell, whose lines would be taken for rows."""
        self._rows[-1].append((" ".join(text.split()), self._repeats.pop()))

    def end_row(self) -> list[str]:
        """Return the open row as lines: one for each time that it comes."""
        if not self._rows:
            return []
        cells, times = self._rows.pop(), self._row_repeats.pop()
        while cells and not cells[-1][0] and sum(columns for _, columns in cells) > _USUAL_COLUMNS:
            cells.pop()  # which reach to the edge of a sheet
        self._budget.spend(times * sum(columns * len(text) for text, columns in cells))  # few bytes can ask for many
        texts = [text for text, columns in cells for _ in range(columns)][:_MOST_COLUMNS]
        return ["\t".join(texts)] * (times if any(texts) else 1)


def repeats(given: Attributes, name: str, most: int = _MOST_REPEATED) -> int:
    """Return how often something comes; it comes once where the file says nothing, or nonsense."""
    value = given.get(name, "1")
    return min(int(value), most) if value.isdecimal() and len(value) < 10 else 1
