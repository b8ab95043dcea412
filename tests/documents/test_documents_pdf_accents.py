"""Accents that are drawn over letters in a PDF as glyphs of their own, as TeX does with its oldest fonts."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, text_of
from test_documents_pdf_layout import at, drawn

ACUTE, DIERESIS, CEDILLA = r"\264", r"\250", r"\270"  # in Helvetica's WinAnsiEncoding
WIN = "/Encoding/WinAnsiEncoding"


def written(pieces: str) -> str:
    return f"BT /F 10 Tf 1 0 0 1 72 700 Tm [{pieces}] TJ ET\n"


DRAWINGS = {
    "before its letter": (
        written(f"(Schr) -110 ({DIERESIS}) 445 (odinger and G) -110 ({DIERESIS}) 445 (odel)"),
        "Schrödinger and Gödel",
    ),
    "first in a word": (written(f"(the ) -110 ({DIERESIS}) 445 (over)"), "the över"),
    "behind its letter": (written(f"(caf) (e) 445 ({ACUTE}) -110 ( here)"), "café here"),
    "below": (written(f"(gar) (c) 415 ({CEDILLA}) -80 (on)"), "garçon"),
    "higher, over a capital": (at(73.5, 702, ACUTE) + at(72, 700, "Etude"), "Étude"),
    "beside a letter": (written(f"(a{ACUTE}b `c` x~y)"), "a´b `c` x~y"),
}


@pytest.mark.parametrize("case", DRAWINGS)
def test_accents_are_joined_with_their_letters(case: str, tmp_path: Path) -> None:
    drawing, text = DRAWINGS[case]
    data = drawn(drawing).replace(b"/BaseFont/Helvetica>>", b"/BaseFont/Helvetica" + WIN.encode() + b">>")
    assert text_of(opened(tmp_path, "a.pdf", data)) == text
