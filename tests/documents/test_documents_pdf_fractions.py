"""Small fractions in a line of a PDF, and what looks like one."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, text_of
from test_documents_pdf_layout import at, drawn


def stacked(upper: str, lower: str, bar: tuple[float, float] | None = (89.5, 93.8)) -> str:
    """Return two small texts above each other, with a bar from one place to another between them."""
    rule = f"{bar[0]} 702.2 m {bar[1]} 702.2 l S\n" if bar else ""
    return at(90, 704.3, upper, 6) + at(90, 696.4, lower, 6) + rule


LINES = {
    "a half": (at(72, 700, "and") + stacked("1", "2") + at(94, 700, ", so"), "and 1/2, so"),
    "after a number": (at(84, 700, "3") + stacked("1", "2") + at(97, 700, "of it"), "3 1/2 of it"),
    "before a letter": (at(72, 700, "and") + stacked("1", "2") + at(94, 700, "x"), "and 1/2 x"),
    "at a line's begin": (stacked("1", "2") + at(97, 700, "of it"), "1/2 of it"),
    "terms": (at(72, 700, "and") + stacked("a+b", "n", (89.5, 101)) + at(104, 700, "of it"), "and (a+b)/n of it"),
    "without a bar": (at(78.5, 700, "ab") + stacked("2", "1", None) + at(97, 700, "of it"), "ab^2_1 of it"),
    "a table's line": (at(78.5, 700, "ab") + stacked("2", "1", (72, 300)) + at(97, 700, "of it"), "ab^2_1 of it"),
    "lines of a table": (at(90, 704, "10") + at(90, 692, "20") + "89 702 m 102 702 l S\n", "10\n20"),
}


@pytest.mark.parametrize("case", LINES)
def test_a_fraction_is_written_with_a_slash(case: str, tmp_path: Path) -> None:
    drawing, text = LINES[case]
    assert text_of(opened(tmp_path, "a.pdf", drawn(drawing))) == text


def test_a_drawing_of_very_many_lines_has_no_fractions(tmp_path: Path) -> None:
    mesh = "".join(f"100 {100 + number / 10} m 300 {100 + number / 10} l S\n" for number in range(2_000))
    drawing = at(84, 700, "n") + stacked("1", "2") + at(97, 700, "of it") + mesh
    assert text_of(opened(tmp_path, "a.pdf", drawn(drawing))) == "n^1_2 of it"
