"""Tables of a PDF that are drawn with lines: a row is a line of text, however many lines its cells take."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from formats import opened, text_of
from test_documents_pdf_layout import at, drawn, lines

EDGES = (72, 142, 302, 362)
TEXTS = (  # rows of cells, each with its lines
    (("item",), ("what it is",), ("price",)),
    (("amber",), ("a lantern of old yellow glass,", "made in the work-", "shop at the harbour"), ("48213",)),
    (("",), ("a chest without any name on it", "that nobody has ever opened"), ("90417",)),
)
READ = (
    "item\twhat it is\tprice\n"
    "amber\ta lantern of old yellow glass, made in the workshop at the harbour\t48213\n"
    "\ta chest without any name on it that nobody has ever opened\t90417"
)
TOP, ROW = 700, 45


def written(rows: Sequence[Sequence[Sequence[str]]] = TEXTS, edges: Sequence[float] = EDGES) -> str:
    return "".join(
        at(edges[column] + 4, TOP - ROW * number - 12 * (line + 1), text)
        for number, row in enumerate(rows)
        for column, cell in enumerate(row)
        for line, text in enumerate(cell)
        if text
    )


def boxes(rows: int = 3, edges: Sequence[float] = EDGES) -> str:
    """Draw a box around each cell."""
    return "".join(
        f"{left} {TOP - ROW * (number + 1)} {right - left} {ROW} re S\n"
        for number in range(rows)
        for left, right in pairwise(edges)
    )


def stroked(*drawing: tuple[float, float, float, float]) -> str:
    return "".join(f"{x} {y} m {to_x} {to_y} l S\n" for x, y, to_x, to_y in drawing)


def filled(*boxes: tuple[float, float, float, float]) -> str:
    return "".join(f"{x} {y} {width} {height} re f\n" for x, y, width, height in boxes)


BOTTOM = TOP - 3 * ROW
LEVEL = [(72, TOP - ROW * number, 362, TOP - ROW * number) for number in range(4)]
UPRIGHT = [(x, TOP, x, BOTTOM) for x in EDGES]
THIN = [(72, TOP - ROW * number, 290, 0.7) for number in range(4)] + [(x, BOTTOM, 0.7, 3 * ROW) for x in EDGES]
UNDIVIDED = [(("item",), ("number",)), (("amber glass", "oak", "cedar"), ("48213", "90417", "11852"))]
SPANNING = [(("names",), ("",), ("sum",)), (("Anne",), ("one",), ("1",)), (("",), ("two",), ("2",))]

TABLES = {
    "a box around each cell": (boxes() + written(), READ),
    "lines": (stroked(*LEVEL, *UPRIGHT) + written(), READ),
    "lines inside alone": (stroked(*LEVEL[1:3], *UPRIGHT[1:3]) + written(), READ),
    "lines in pieces": (
        stroked(*((x, y, x + 72.5, y) for _, y, _, _ in LEVEL for x in (72, 144.5, 217, 289.5)), *UPRIGHT) + written(),
        READ,
    ),
    "thin boxes": (filled(*THIN) + written(), READ),
    "between prose": (
        at(72, 740, "Prose before it.") + boxes() + written() + at(72, 500, "Prose after it."),
        f"Prose before it.\n{READ}\nProse after it.",
    ),
    "turned": (f"q 0 1 -1 0 780 0 cm\n{boxes()}{written()}Q\n", READ),
    "rows that no line divides": (
        stroked((72, TOP, 302, TOP), (72, TOP - ROW, 302, TOP - ROW), (72, TOP - 2 * ROW, 302, TOP - 2 * ROW))
        + stroked(*((x, TOP, x, TOP - 2 * ROW) for x in EDGES[:3]))
        + written(UNDIVIDED, EDGES),
        "item\tnumber\namber glass\t48213\noak\t90417\ncedar\t11852",
    ),
    "cells that take several": (
        stroked(*(LEVEL[number] for number in (0, 1, 3)), (142, TOP - 2 * ROW, 362, TOP - 2 * ROW))
        + stroked(*(UPRIGHT[number] for number in (0, 2, 3)), (142, TOP - ROW, 142, BOTTOM))
        + written(SPANNING),
        "names\t\tsum\nAnne\tone\t1\n\ttwo\t2",
    ),
    "cells without a gap": (
        boxes(2, (72, 101, 130)) + written([(("12345",), ("678",)), (("23456",), ("789",))], (68.5, 97.8, 130)),
        "12345\t678\n23456\t789",
    ),
    "a box of text": (
        stroked((72, 720, 400, 720), (72, 600, 400, 600), (72, 720, 72, 600), (400, 720, 400, 600))
        + lines("Text in a box,", "of two lines.", x=80),
        "Text in a box,\nof two lines.",
    ),
    "a chart": (boxes(4) + at(100, 650, "a name"), "a name"),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_row_is_a_line(case: str, tmp_path: Path) -> None:
    drawing, text = TABLES[case]
    assert text_of(opened(tmp_path, "a.pdf", drawn(drawing))) == text


def test_lines_in_a_part_that_is_drawn_by_its_name(tmp_path: Path) -> None:
    form = b"<</Type/XObject/Subtype/Form/BBox[0 0 612 792]/Matrix[1 0 0 1 0 100]/Length %d>>stream\n%s\nendstream"
    drawing = stroked(*((x, y - 100, to_x, to_y - 100) for x, y, to_x, to_y in [*LEVEL, *UPRIGHT])).encode()
    page = drawn("/X Do\n" + written(), more=[form % (len(drawing), drawing)])
    assert text_of(opened(tmp_path, "a.pdf", page)) == READ


def test_a_drawing_of_very_many_lines_is_no_table(tmp_path: Path) -> None:
    mesh = stroked(*((72 + number / 100, 100, 72 + number / 100, 700) for number in range(12_000)))
    assert text_of(opened(tmp_path, "a.pdf", drawn(boxes() + mesh + at(72, 740, "A mesh.")))) == "A mesh."
