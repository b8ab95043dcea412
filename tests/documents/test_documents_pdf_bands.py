"""Tables of a PDF whose rows are shaded and that no lines divide: a row is a line of text, as in a ruled table."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from formats import opened, text_of
from test_documents_pdf_layout import at, drawn
from test_documents_pdf_tables import filled

PLACES, HEIGHT, TOP = (76, 146, 306, 366), 30, 700
ROWS = (
    (("tool",), ("what it is for",), ("count",), ("price",)),
    (("spade",), ("holes for the roots of trees,", "and the edges of lawns"), ("",), ("48213",)),
    (("rake",), ("leaves",), ("7",), ("",)),
    (("barrow with", "two wheels"), ("earth",), ("1",), ("90417",)),
    (("can",), ("",), ("2",), ("11852",)),
)
READ = (
    "tool\twhat it is for\tcount\tprice\n"
    "spade\tholes for the roots of trees, and the edges of lawns\t\t48213\n"
    "rake\tleaves\t7\t\n"
    "barrow with two wheels\tearth\t1\t90417\n"
    "can\t\t2\t11852"
)
CARDS = [(x, y, 140, 80) for y in (600, 500) for x in (72, 222)]


def written(is_centred: bool = False, rows: Sequence[Sequence[Sequence[str]]] = ROWS, font: str = "F") -> str:
    return "".join(
        at(
            place,
            TOP - HEIGHT * number - (18 if is_centred else 11) + 6 * is_centred * (len(cell) - 1) - 12 * line,
            text,
            font=font,
        )
        for number, row in enumerate(rows)
        for place, cell in zip(PLACES, row, strict=True)
        for line, text in enumerate(cell)
        if text
    )


def shaded(*rows: int, edges: Sequence[float] = (72, 420)) -> str:
    boxes = [(left, TOP - HEIGHT * (row + 1), right - left, HEIGHT) for row in rows for left, right in pairwise(edges)]
    return f".9 g\n{filled(*boxes)}0 g\n"


TABLES = {
    "every second row": (shaded(1, 3) + written(), READ),
    "the first and the last": (shaded(0, 2, 4) + written(), READ),
    "all rows": (shaded(*range(5)) + written(), READ),
    "each cell": (shaded(1, 3, edges=(72, 142, 302, 362, 420)) + written(), READ),
    "a table in a box": (f".95 g\n{filled((72, TOP - 5 * HEIGHT, 348, 5 * HEIGHT))}" + shaded(1, 3) + written(), READ),
    "cells that are centred": (shaded(0, 2, 4) + written(is_centred=True), READ),
    "between prose": (
        at(72, 740, "Prose before it that is longer than the first of the columns.")
        + shaded(1, 3)
        + written()
        + at(72, 535, "Prose after it that is longer than the first of the columns."),
        f"Prose before it that is longer than the first of the columns.\n{READ}\n"
        "Prose after it that is longer than the first of the columns.",
    ),
    "turned": (f"q 0 1 -1 0 780 0 cm\n{shaded(1, 3)}{written()}Q\n", READ),
    "cards": (
        ".9 g\n"
        + filled(*CARDS)
        + "0 g\n"
        + "".join(at(x + 8, y + 60, "Card") + at(x + 8, y + 40, "Text of it.") for x, y, *_ in CARDS),
        "Card\tCard\nText of it.\tText of it.\nCard\tCard\nText of it.\tText of it.",
    ),
    "headings far apart": (
        ".9 g\n"
        + filled((72, 700, 348, 16), (72, 560, 348, 16))
        + "0 g\n"
        + at(76, 704, "Work")
        + at(76, 564, "School")
        + "".join(at(76, y, "2019") + at(146, y, "The mill of") + at(146, y - 12, "Arden") for y in (680, 640, 600)),
        "Work\n" + "2019\tThe mill of\nArden\n" * 3 + "School",
    ),
    "a program": (
        shaded(*range(4))
        + "".join(
            at(76 + 24 * depth, TOP - HEIGHT * number - 11, text, font="C")
            + at(300, TOP - HEIGHT * number - 11, "# it", font="C")
            for number, (depth, text) in enumerate([(0, "def f(x):"), (1, "if x:"), (2, "return 1"), (1, "return 2")])
        ),
        "def f(x): # it\n    if x: # it\n        return 1\t# it\n    return 2\t# it",
    ),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_shaded_row_is_a_line(case: str, tmp_path: Path) -> None:
    drawing, text = TABLES[case]
    assert text_of(opened(tmp_path, "a.pdf", drawn(drawing))) == text
