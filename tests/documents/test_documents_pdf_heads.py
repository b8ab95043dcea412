"""Numbers at the edges of a PDF's pages: those of pages are left out, and all others are kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from formats import opened, text_of
from test_documents_pdf_layout import at, drawn, lines

PAGES = range(1, 6)
TEXTS: dict[str, Callable[[int], str]] = {
    "an invoice": lambda page: f"Invoice {1000 + page}",
    "a question": lambda page: f"Question {page}",
    "a total": lambda page: f"Total: {500 + page} euros",
    "a heading": lambda page: f"{page}. The law of Anne",
    "a case in words": lambda page: f"The famous case study {page}",
    "a year": lambda page: f"{2018 + page}",
    "a number and a page": lambda page: f"Page {page} of invoice {1000 + page}",
    "a part of a number": lambda page: f"{page}.5",
    "a share of the pages": lambda page: f"{page}/31",
}
PAGE_NUMBERS: dict[str, Callable[[int], str]] = {
    "alone": str,
    "after a cover": lambda page: str(page + 1),
    "between dashes": lambda page: f"- {page + 6} -",
    "of a chapter": lambda page: f"2-{page + 10}",
    "with a full stop": lambda page: f"{page}.",
    "of all": lambda page: f"{page} / 5",
}
CALLED: dict[str, Callable[[int], str]] = {
    "page": lambda page: f"Page {page}",
    "page of pages": lambda page: f"Annual report, page {page + 400} of 405",
    "another language": lambda page: f"Seite {page} von 5",
    "before a title": lambda page: f"{page + 10} The Great Gatsby",
    "behind a title": lambda page: f"The Great Gatsby {page + 10}",
    "after a sign": lambda page: f"Annual report | {page}",
}


def text_with(folder: Path, line: Callable[[int], str], y: float) -> str:
    pages = [
        lines(*(f"Body line {number} of page {page}." for number in range(5)), top=640) + at(72, y, line(page))
        for page in PAGES
    ]
    return text_of(opened(folder, "a.pdf", drawn(*pages)))


@pytest.mark.parametrize("y", [740, 480])
@pytest.mark.parametrize("case", TEXTS)
def test_a_number_that_rises_with_the_pages_is_text(tmp_path: Path, case: str, y: float) -> None:
    text = text_with(tmp_path, TEXTS[case], y).split("\n")
    assert [TEXTS[case](page) in text for page in PAGES] == [True] * 5


@pytest.mark.parametrize("case", PAGE_NUMBERS)
def test_a_page_s_number_is_left_out(tmp_path: Path, case: str) -> None:
    text = text_with(tmp_path, PAGE_NUMBERS[case], 40).split("\n")
    assert [PAGE_NUMBERS[case](page) in text for page in PAGES] == [False] * 5


@pytest.mark.parametrize("case", CALLED)
def test_a_line_with_a_page_s_number_is_read_once(tmp_path: Path, case: str) -> None:
    text = text_with(tmp_path, CALLED[case], 40).split("\n")
    assert [CALLED[case](page) in text for page in PAGES] == [True] + [False] * 4


@pytest.mark.parametrize(
    ("title", "times"), [("Annual report", 1), ("Terms of our order", 1), ("Question", 5), ("Invoice no.", 5)]
)
def test_a_number_in_a_cell_of_its_own_is_the_page_s_if_a_title_is_beside_it(
    tmp_path: Path, title: str, times: int
) -> None:
    pages = [
        at(72, 740, title) + at(500, 740, str(page)) + lines(*(f"{page}{line}" for line in "abcd"), top=640)
        for page in PAGES
    ]
    assert text_of(opened(tmp_path, "a.pdf", drawn(*pages))).count(title) == times


def test_totals_that_agree_with_far_pages_are_text(tmp_path: Path) -> None:
    pages = [
        lines("a", "b", "c", "d", top=640) + at(72, 480, str(page if page % 9 == 0 else 7)) for page in range(1, 28)
    ]
    text = text_of(opened(tmp_path, "a.pdf", drawn(*pages))).split("\n")
    assert [number in text for number in ("9", "18", "27")] == [True] * 3


def test_numbers_at_the_foot_of_a_chapter_s_first_page_belong_to_those_in_heads(tmp_path: Path) -> None:
    pages = [
        lines("a", "b", "c", "d", top=640)
        + (at(72, 480, str(page)) if page % 9 == 0 else at(72, 740, "Annual report") + at(500, 740, str(page)))
        for page in range(1, 28)
    ]
    text = text_of(opened(tmp_path, "a.pdf", drawn(*pages))).split("\n")
    assert [number in text for number in ("9", "18", "27")] == [False] * 3
