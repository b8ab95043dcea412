"""Tables of a PDF with level lines between rows alone: a row is one line of text, wherever in it its cells are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from formats import opened, text_of
from test_documents_pdf_layout import at, drawn, lines
from test_documents_pdf_tables import filled, stroked

ROWS = (
    (("name",), ("what it is",), ("price",)),
    (("amber",), ("a lantern of old yellow glass", "that was made at the harbour"), ("48213",)),
    (("oak",), ("a chest without any name on it", "that nobody has ever opened, and", "that is very old"), ("90417",)),
    (("tar",), ("black",), ("7",)),
)
READ = (
    "name\twhat it is\tprice\n"
    "amber\ta lantern of old yellow glass that was made at the harbour\t48213\n"
    "oak\ta chest without any name on it that nobody has ever opened, and that is very old\t90417\n"
    "tar\tblack\t7"
)
PLACES, TOP, ROW = (76, 146, 330), 700, 45
RULES = [(72, TOP - ROW * number, 380, TOP - ROW * number) for number in range(5)]


def written(middle: bool, rows: Sequence[Sequence[Sequence[str]]] = ROWS) -> str:
    """Draw cells in the middle of their rows, or at the bottom."""
    return "".join(
        at(place, TOP - ROW * number - (26 - 6 * len(cell) if middle else 52 - 12 * len(cell)) - 12 * line, text)
        for number, row in enumerate(rows)
        for place, cell in zip(PLACES, row, strict=True)
        for line, text in enumerate(cell)
    )


@pytest.mark.parametrize("middle", [True, False], ids=["middle", "bottom"])
@pytest.mark.parametrize(
    "rules",
    [stroked(*RULES), stroked(*RULES[1:4]), filled(*((x, y, to_x - x, 0.7) for x, y, to_x, _ in RULES))],
    ids=["around", "between", "thin boxes"],
)
def test_a_row_is_what_is_between_two_lines(middle: bool, rules: str, tmp_path: Path) -> None:
    assert text_of(opened(tmp_path, "a.pdf", drawn(written(middle) + rules))) == READ


def test_what_is_between_two_tables_is_text_by_itself(tmp_path: Path) -> None:
    below = [(x, y - 300, to_x, to_y - 300) for x, y, to_x, to_y in RULES]
    between = "The lantern and the chest were sold in spring, as told below."
    page = written(True) + stroked(*RULES, *below) + at(76, 480, between) + f"1 0 0 1 0 -300 cm\n{written(True)}"
    assert text_of(opened(tmp_path, "a.pdf", drawn(page))) == f"{READ}\n{between}\n{READ}"


def test_lines_around_prose_make_no_table(tmp_path: Path) -> None:
    prose = lines(
        "The lantern and the chest", "were sold in spring, and", "nobody knows who has them", "today.", top=690
    )
    rules = stroked((72, 710, 380, 710), (72, 640, 380, 640), (72, 600, 380, 600))
    text = "The lantern and the chest\nwere sold in spring, and\nnobody knows who has them\ntoday."
    assert text_of(opened(tmp_path, "a.pdf", drawn(prose + rules))) == text
