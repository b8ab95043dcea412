"""Text of a PDF that nobody sees is not read: under a box, or white on white; what a box does not hide is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, text_of
from test_documents_pdf_layout import at, drawn

SEEN, SECRET = at(72, 700, "seen"), at(72, 680, "secret")
BOX = "60 670 100 24 re f\n"
WHITE = "1 g\n"
CASES = {
    "a black box over it": (SEEN + SECRET + BOX, "seen"),
    "a white box over it": (SEEN + SECRET + WHITE + BOX, "seen"),
    "white on white": (SEEN + WHITE + SECRET, "seen"),
    "white on a white box": (SEEN + WHITE + BOX + SECRET, "seen"),
    "a box over a word": (at(72, 700, "this is secret here") + "99 696 30 14 re f\n", "this is\there"),
    "white on black": (SEEN + BOX + WHITE + SECRET, "seen\nsecret"),
    "white with black edges": (SEEN + WHITE + SECRET.replace("BT", "BT 2 Tr"), "seen\nsecret"),
    "a box under it": (SEEN + "0.9 g\n" + BOX + "0 g\n" + SECRET, "seen\nsecret"),
    "a box beside it": (SEEN + SECRET + "60 640 100 24 re f\n", "seen\nsecret"),
    "a box that is cut off": (f"{SEEN}{SECRET}q 60 640 100 30 re W n\n{BOX}Q\n", "seen\nsecret"),
    "a frame": (SEEN + SECRET + BOX.replace(" f", " S"), "seen\nsecret"),
    "another shape": (SEEN + SECRET + "60 670 m 160 670 l 60 694 l f\n", "seen\nsecret"),
    "a frame with a hole": (SEEN + SECRET + "60 670 100 24 re 62 672 96 20 re f*\n", "seen\nsecret"),
    "what shines through": (SEEN + SECRET + "/Half gs\n" + BOX, "seen\nsecret"),
    "written again": (SEEN + SECRET + BOX + WHITE + SECRET, "seen\nsecret"),
}


@pytest.mark.parametrize("case", CASES)
def test_what_nobody_sees_is_not_read(case: str, tmp_path: Path) -> None:
    drawing, text = CASES[case]
    states = b"/ExtGState<</Half<</ca 0.5>>>>/XObject<<"
    document = opened(tmp_path, "a.pdf", drawn(drawing).replace(b"/XObject<<", states, 1))
    assert text_of(document) == text
    counted = (f"{tmp_path}/a.pdf: 6 hidden characters are not read",)
    assert document.notices == (() if "secret" in text else counted)
