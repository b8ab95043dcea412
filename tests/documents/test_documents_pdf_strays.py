"""Raised and lowered text of a PDF that is drawn after its line, or as large as it, belongs where it looks to be."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, text_of
from test_documents_pdf_layout import at, drawn, lines

# Courier: each character is 0.6 of the size wide
PAGES = {
    "drawn last": (
        at(72, 700, "25 m", font="C") + at(104, 700, "of", font="C") + at(96, 704, "2", 7, font="C"),
        "25 m^2 of",
    ),
    "drawn last in a word": (
        at(72, 700, "H", font="C")
        + at(82.5, 700, "O is", font="C")
        + at(72, 680, "Next", font="C")
        + at(78, 698, "2", 7, font="C"),
        "H2O is\nNext",
    ),
    "behind the line": (
        at(72, 700, "an area", font="C") + at(72, 680, "Next", font="C") + at(114, 704, "12", 6, font="C"),
        "an area[12]\nNext",
    ),
    "hardly smaller": (
        at(72, 700, "CO", font="C") + at(84, 697, "2", 8.9, font="C") + at(89.5, 700, "today", font="C"),
        "CO2today",
    ),
    "a smaller word is none": (
        at(72, 700, "PRICE", font="C") + at(104, 698, "reduced", 8.9, font="C"),
        "PRICE reduced",
    ),
}


@pytest.mark.parametrize("case", PAGES)
def test_it_is_read_where_it_looks_to_be(case: str, tmp_path: Path) -> None:
    drawing, text = PAGES[case]
    assert text_of(opened(tmp_path, "a.pdf", drawn(drawing))) == text


def test_a_raised_number_before_a_line_marks_a_note(tmp_path: Path) -> None:
    note = at(72, 304, "7", 6) + at(76, 300, "Alpha note about money.", 8)
    page = lines("Money is told of below.") + note + at(72, 278, "14", 6) + at(79, 276, "C decays.", 8)
    text = "Money is told of below.\n[7] Alpha note about money.\n14C decays."
    assert text_of(opened(tmp_path, "a.pdf", drawn(page))) == text


@pytest.mark.parametrize("number", ["7", "- 12 -", "xiv"])
def test_a_page_number_between_two_columns_is_in_neither(number: str, tmp_path: Path) -> None:
    left = [f"the left column goes on in line {place}" for place in range(6)]
    right = [f"on the right this is the line {place}" for place in range(6)]
    page = lines(*left) + lines(*right, x=300) + at(276, 100, number)
    assert text_of(opened(tmp_path, "a.pdf", drawn(page))) == "\n".join([*left, *right, number])
