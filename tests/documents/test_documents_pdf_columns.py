"""Tables of a PDF without lines: columns carry over rows with one cell, and text between tables stays text."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from formats import opened, text_of
from test_documents_pdf_layout import at, drawn

PLACES = (72, 200, 290)


def table(*rows: Sequence[str], places: Sequence[float] = PLACES, top: float = 700, step: float = 15) -> str:
    return "".join(
        at(place, top - step * number, cell)
        for number, row in enumerate(rows)
        for place, cell in zip(places, row, strict=False)
        if cell
    )


HEADING = ("item", "2019", "2020")
NARROW = (72, 100, 114)

TABLES = {
    "sections": (
        table(HEADING, ("glass",), ("amber", "5", "7"), ("wood",), ("oak", "", "9"), ("none",), ("elm", "3", "")),
        "item\t2019\t2020\nglass\namber\t5\t7\nwood\noak\t\t9\nnone\nelm\t3\t",
    ),
    "rows with one number": (
        table(HEADING, ("oak", "1", "3"), ("", "5"), ("elm", "", "9"), ("", "", "7")),
        "item\t2019\t2020\noak\t1\t3\n\t5\t\nelm\t\t9\n\t\t7",
    ),
    "cells of several lines": (
        table(HEADING, ("oak from", "1", "3"), ("the north",), ("elm", "", "9")),
        "item\t2019\t2020\noak from\t1\t3\nthe north\nelm\t\t9",
    ),
    "a long cell's lines": (
        table(("--file", "show the file and"), ("", "all folders"), ("--size", "show the size")),
        "--file\tshow the file and\nall folders\n--size\tshow the size",
    ),
    "a sentence between": (
        table(HEADING, ("oak", "1", "3"), ("The other mills of the whole village had",), ("elm", "", "9")),
        "item\t2019\t2020\noak\t1\t3\nThe other mills of the whole village had\nelm\t9",
    ),
    "a caption between": (
        table(HEADING, ("oak", "1", "3")) + at(205, 670, "Table 2") + table(HEADING, ("elm", "4", "9"), top=655),
        "item\t2019\t2020\noak\t1\t3\nTable 2\nitem\t2019\t2020\nelm\t4\t9",
    ),
    "a heading between": (
        table(HEADING, ("oak", "1", "3")) + at(72, 670, "Prices", 14) + table(("elm", "", "9"), top=655),
        "item\t2019\t2020\noak\t1\t3\nPrices\nelm\t9",
    ),
    "far below": (table(HEADING, ("oak",), ("elm", "", "9"), step=30), "item\t2019\t2020\noak\nelm\t9"),
    "other columns": (
        table(HEADING, ("oak", "1", "3")) + at(72, 670, "glass") + at(72, 655, "amber") + at(283, 655, "48213"),
        "item\t2019\t2020\noak\t1\t3\nglass\namber\t48213",
    ),
    "text after it": (
        table(HEADING, ("oak", "1", "3"), ("Sum of all",), ("", "and so on")),
        "item\t2019\t2020\noak\t1\t3\nSum of all\nand so on",
    ),
    "a narrow heading": (
        table(("item", "a", "b"), ("oak", "", "5"), ("elm", "6"), places=NARROW),
        "item\ta\tb\noak\t\t5\nelm\t6\t",
    ),
    "a narrow row": (
        table(("item", "a", "b"), ("oak", "", "5"), ("elm", "6"), ("birch", "7", "8"), places=NARROW),
        "item\ta\tb\noak\t\t5\nelm\t6\t\nbirch\t7\t8",
    ),
    "a sentence above": (
        at(72, 715, "Prices in") + at(119, 715, "euros") + table(("oak", "", "5"), ("elm", "6"), places=NARROW),
        "Prices in euros\noak\t\t5\nelm\t6\t",
    ),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_cell_is_in_its_column(case: str, tmp_path: Path) -> None:
    drawing, text = TABLES[case]
    assert text_of(opened(tmp_path, "a.pdf", drawn(drawing))) == text
