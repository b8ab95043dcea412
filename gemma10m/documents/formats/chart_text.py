"""Read the titles of a chart (ECMA-376 part 1, 21.2) and the values that it shows, as rows of a table."""

from __future__ import annotations

from itertools import chain

from gemma10m.documents.formats.cell_formats import GENERAL, CellFormat, parsed
from gemma10m.documents.formats.sheet_rows import CellText
from gemma10m.documents.formats.xml_events import Attributes, XmlReceiver

_PARTS = {"tx": "name", "cat": "category", "xVal": "category", "val": "value", "yVal": "value", "bubbleSize": "size"}
_MOST_VALUES, _MOST_CELLS = 20_000, 100_000  # of a chart, and of the table that it makes


class ChartText(XmlReceiver):
    """Receive a chart's part."""

    def __init__(self) -> None:
        self.titles: list[str] = []
        self._series: list[tuple[str, dict[str, str]]] = []  # names, and values by the numbers of their categories
        self._categories: dict[str, str] = {}
        self._cell = CellText()
        self._format: CellFormat = GENERAL
        self._open: list[str] = []
        self._part = self._point = ""
        self._count = 0

    def start(self, tag: str, given: Attributes) -> None:
        self._open.append(tag)
        if tag == "ser" and len(self._series) < _MOST_VALUES:
            self._series.append(("", {}))
        elif tag in _PARTS and self._open[-2:-1] == ["ser"]:
            self._part, self._format = _PARTS[tag], GENERAL
        elif tag == "pt":
            self._point = given.get("idx", "")

    def text(self, text: str) -> None:
        if self._open[-1:] in (["v"], ["t"], ["formatCode"]):
            self._cell.add(text)

    def end(self, tag: str) -> None:
        self._open.pop()
        if tag == "formatCode":
            self._format = parsed(self._cell.take()[:255])
        elif tag == "v" and self._part and self._count < _MOST_VALUES:
            self._count += 1
            self._add(self._cell.take())
        elif tag == "p" and "ser" not in self._open:
            self.titles += filter(None, [self._cell.take()])
        elif tag in _PARTS and self._open[-1:] == ["ser"]:
            self._part = ""

    @property
    def lines(self) -> list[str]:
        """Return the titles, a row of the series' names, and a row for each category."""
        names = [name for name, _ in self._series]
        numbers = dict.fromkeys(chain(self._categories, *(values for _, values in self._series)))
        if len(names) * len(numbers) > _MOST_CELLS:
            return self.titles
        rows = [["", *names]] if any(names) else []
        rows += [
            [self._categories.get(number, "")] + [values.get(number, "") for _, values in self._series]
            for number in numbers
        ]
        return [*self.titles, *("\t".join(row).rstrip("\t") for row in rows)]

    def _add(self, text: str) -> None:
        values = self._series[-1][1]
        if self._part == "name":
            self._series[-1] = (text, values)
        elif self._part == "category":
            self._categories[self._point] = self._format.text(text, False)
        elif self._part == "value":
            values[self._point] = self._format.text(text, False)
