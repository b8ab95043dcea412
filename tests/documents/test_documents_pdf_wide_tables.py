"""Tables of a PDF that are as wide as the page, above, between and below two columns of text."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, text_of
from test_documents_pdf_layout import LEFT, RIGHT, at, drawn, lines

ROWS = (("Year", "Grain", "Cattle", "Cloth"), ("1750", "12", "40", "700"), ("1751", "15", "38", "900"))
SHOWN = "\n".join("\t".join(row) for row in ROWS)
PLACES = (80, 180, 330, 450)
CAPTION = "Table 1: what was sold at the market of the town in each of the years, by weight and by length"


def table(top: float) -> str:
    return "".join(at(x, top - 14 * y, cell) for y, row in enumerate(ROWS) for x, cell in zip(PLACES, row, strict=True))


def rules(*heights: float, begin: float = 72, end: float = 540) -> str:
    return "".join(f"{begin} {height} m {end} {height} l S\n" for height in heights)


def columns(top: float) -> str:
    return lines(*LEFT, top=top) + lines(*RIGHT, x=310, top=top)


TEXT = "\n".join((*LEFT, *RIGHT))
PAGES = {
    "ruled, above": (rules(712, 694, 664) + table(700) + columns(640), f"{SHOWN}\n{TEXT}"),
    "ruled, below": (columns(700) + rules(642, 594) + table(630), f"{TEXT}\n{SHOWN}"),
    "ruled, between": (
        columns(700) + rules(642, 594) + table(630) + columns(570),
        f"{TEXT}\n{SHOWN}\n{TEXT}",
    ),
    "with a caption": (at(72, 716, CAPTION) + table(700) + columns(640), f"{CAPTION}\n{SHOWN}\n{TEXT}"),
    "two tables beside each other": (
        rules(712, 664, end=280) + rules(712, 664, begin=310) + table(700) + columns(640),
        "\n".join(("Year\tGrain", "1750\t12", "1751\t15", *LEFT, "Cattle\tCloth", "40\t700", "38\t900", *RIGHT)),
    ),
    "lines above and below a page of columns": (rules(712, 650) + columns(700), TEXT),
}


@pytest.mark.parametrize("case", PAGES)
def test_a_table_as_wide_as_two_columns_of_text(case: str, tmp_path: Path) -> None:
    drawing, text = PAGES[case]
    assert text_of(opened(tmp_path, "a.pdf", drawn(drawing))) == text
