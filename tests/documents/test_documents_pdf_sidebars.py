"""Columns of short lines in a PDF: a sidebar is read by itself, and what belongs together stays on one line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from formats import opened, text_of
from test_documents_pdf_layout import at, drawn

NOTES = ("1 A note on grain:", "see the ledger", "of the mill.", "2 The mill was", "sold in May.")
SKILLS = ("Skills", "Python", "Rust", "French and Danish", "Sailing", "Choir")
STORY = (
    "Anne built the mill beside the weir and ran it for her whole village,",
    "which had none before. She kept its books for three years, and all",
    "that were there say that she never lost a grain of the corn in them.",
    "Before that she was at sea.",
)
WORK = (
    "Experience",
    "Miller, 2019 to 2021",
    *STORY[:2],
    "Sailor, 2015 to 2019",
    STORY[2],
    "Education",
    "School of Arden",
)
HEIGHTS = (700, 680, 668, 656, 636, 624, 602, 590)
DETAILS = (700, 684, 672, 650, 634, 622)
OFFICE = ("Department of parks", "Ms Krause", "Phone 0221 555", "Arden, 3 May")
ADDRESS = ("Mrs Anne Weber", "Lindenweg 3", "Back house", "50999 Arden")
BODY = ("Dear Mrs Weber,", "thank you for your letter about the lime tree before your house, which we have read.")
CELLS = ("Waterproof", "Battery", "Weight", "Price")


def placed(texts: Sequence[str], heights: Sequence[float], x: float = 72) -> str:
    return "".join(at(x, y, text) for y, text in zip(heights, texts, strict=True))


def spaced(texts: Sequence[str], x: float = 72, top: float = 700, step: float = 12) -> str:
    return placed(texts, [top - step * number for number in range(len(texts))], x)


def text(*parts: Sequence[str]) -> str:
    return "\n".join(line for part in parts for line in part)


APART = {
    "a sidebar on the left": (placed(SKILLS, DETAILS) + placed(WORK, HEIGHTS, 200), text(SKILLS, WORK)),
    "a sidebar on the right": (placed(WORK, HEIGHTS) + placed(SKILLS, DETAILS, 450), text(WORK, SKILLS)),
    "drawn by row": (
        "".join(at(72, y, each) for each, y in zip(SKILLS[:4], DETAILS[:4], strict=True))
        + placed(WORK, HEIGHTS, 200)
        + "".join(at(72, y, each) for each, y in zip(SKILLS[4:], DETAILS[4:], strict=True)),
        text(SKILLS, WORK),
    ),
    "small notes beside a text that goes on": (
        spaced(STORY[:3] * 4, step=14)
        + "".join(at(450, 690 - 9 * n - 40 * (n > 2), note, 7) for n, note in enumerate(NOTES)),
        text(STORY[:3] * 4, NOTES),
    ),
    "lines at the same heights": (spaced(SKILLS) + spaced(STORY[:3] * 2, 160), text(SKILLS, STORY[:3] * 2)),
    "an address beside a date": (
        placed(ADDRESS, (700, 688, 676, 664)) + placed(OFFICE, (704, 693, 682, 671), 400) + placed(BODY, (620, 600)),
        text(ADDRESS, OFFICE, BODY),
    ),
}
ROWS = {
    "labels and paragraphs": (
        placed(CELLS, (700, 682, 664, 652)) + placed(STORY, (700, 688, 664, 652), 160),
        f"Waterproof\t{STORY[0]}\n{STORY[1]}\nBattery\nWeight\t{STORY[2]}\nPrice\t{STORY[3]}",
    ),
    "labels of two lines": (
        placed(("Ministry of", "Foreign Affairs", "Ministry of", "the Interior"), (700, 688, 670, 658))
        + placed(STORY, (700, 688, 670, 658), 160),
        f"Ministry of\t{STORY[0]}\nForeign Affairs\t{STORY[1]}\nMinistry of\t{STORY[2]}\nthe Interior\t{STORY[3]}",
    ),
    "labels in the middle": (
        placed(CELLS, (694, 664, 634, 604)) + placed(STORY * 2, (700, 688, 670, 658, 640, 628, 610, 598), 160),
        text(
            *([above, label, below] for label, above, below in zip(CELLS, STORY[::2] * 2, STORY[1::2] * 2, strict=True))
        ),
    ),
    "labels below their values": (
        placed(CELLS, (700, 670, 640, 610))
        + placed(("to 10 m", "three days", "240 g", "49 euros"), (705, 675, 645, 615), 160),
        "to 10 m\nWaterproof\nthree days\nBattery\n240 g\nWeight\n49 euros\nPrice",
    ),
    "times of ferries": (
        "".join(
            spaced([f"{hour}.{minute}" for minute in (10, 22, 31, 45)], x)
            for hour, x in zip(range(6, 14), range(150, 590, 55), strict=True)
        )
        + spaced(("Harbour", "Castle", "Mill", "Island")),
        text(
            "\t".join([name, *(f"{hour}.{minute}" for hour in range(6, 14))])
            for name, minute in zip(("Harbour", "Castle", "Mill", "Island"), (10, 22, 31, 45), strict=True)
        ),
    ),
}


@pytest.mark.parametrize("case", APART | ROWS)
def test_columns_are_read_apart_and_rows_are_not(case: str, tmp_path: Path) -> None:
    drawing, expected = (APART | ROWS)[case]
    assert text_of(opened(tmp_path, "a.pdf", drawn(drawing))) == expected
