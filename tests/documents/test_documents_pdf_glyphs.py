"""Digits of a PDF that their font draws raised or lowered, at full size and in their line, as OpenType does."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from formats import opened, pdf_file, text_of

NORMAL, HIGH, LOW, OLD = (0, 620), (360, 340), (-110, 320), (-200, 630)  # where a glyph begins, and its height
SIGNS = "0123456789-/m"


def font(boxes: list[tuple[int, int]]) -> bytes:
    """Return a TrueType font whose glyphs are boxes."""
    glyphs = [
        struct.pack(">5hHH4B8hH", 1, 0, low, 400, low + high, 3, 0, 1, 1, 1, 1, 0, 400, 0, -400, low, 0, high, 0, 0)
        for low, high in boxes
    ]
    count = len(boxes)
    tables = {
        b"glyf": b"".join(glyphs),
        b"head": struct.pack(
            ">4I2H2q4h2H3h", 1 << 16, 0, 0, 0x5F0F3CF5, 0, 1000, 0, 0, 0, -300, 500, 900, 0, 8, 2, 1, 0
        ),
        b"hhea": struct.pack(">I3hH11hH", 1 << 16, 900, -300, 0, 500, *[0] * 11, count),
        b"hmtx": struct.pack(">Hh", 500, 0) * count,
        b"loca": b"".join(struct.pack(">I", len(glyphs[0]) * number) for number in range(count + 1)),
        b"maxp": struct.pack(">I14H", 1 << 16, count, 4, 1, 0, 0, 1, *[0] * 8),
    }
    head, body = struct.pack(">I4H", 1 << 16, len(tables), 64, 2, 32), b""
    for name, table in tables.items():
        head += name + struct.pack(">3I", 0, 12 + 16 * len(tables) + len(body), len(table))
        body += table + b"\0" * (-len(table) % 4)
    return head + body


def stream(content: bytes) -> bytes:
    return b"<</Length %d>>stream\n%s\nendstream" % (len(content), content)


def written(text: str, **places: tuple[int, int]) -> bytes:
    """Return a page of text; places: those of digits (d6) that are not where letters are."""
    boxes = [NORMAL, *(places.get(f"d{sign}", NORMAL) for sign in SIGNS)]
    boxes[1 + SIGNS.index("-")] = places.get("minus", (230, 50))
    named = "".join(f"<{number:04X}> <{ord(sign):04X}>\n" for number, sign in enumerate(SIGNS, start=1))
    names = f"1 begincodespacerange <0000> <FFFF> endcodespacerange {len(SIGNS)} beginbfchar\n{named}endbfchar"
    codes = "".join(f"{1 + SIGNS.index(sign):04X}" for sign in text)
    return pdf_file(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Kids[4 0 R]/Count 1>>",
            b"<</Type/Font/Subtype/Type0/BaseFont/B/Encoding/Identity-H/DescendantFonts[6 0 R]/ToUnicode 8 0 R>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 612 792]/Contents 5 0 R/Resources<</Font<</F 3 0 R>>>>>>",
            stream(f"BT /F 10 Tf 1 0 0 1 72 700 Tm <{codes}> Tj ET".encode()),
            b"<</Type/Font/Subtype/CIDFontType2/BaseFont/B/CIDSystemInfo<</Registry(Adobe)/Ordering(Identity)"
            b"/Supplement 0>>/DW 500/CIDToGIDMap/Identity/FontDescriptor 7 0 R>>",
            b"<</Type/FontDescriptor/FontName/B/Flags 4/FontBBox[0 -300 500 900]/FontFile2 9 0 R>>",
            stream(f"begincmap {names} endcmap".encode()),
            stream(font(boxes)),
        ]
    )


CASES = {
    "a power": (written("106", d6=HIGH), "10^6"),
    "a power with a sign": (written("10-6", d6=HIGH, minus=(500, 50)), "10^-6"),
    "a note": (written("mmm12m", d1=HIGH, d2=HIGH), "mmm[12]m"),
    "a base": (written("1012", d2=LOW), "101_2"),
    "old digits": (written("1236", d1=(0, 430), d2=(0, 430), d3=OLD), "1236"),
    "a fraction": (written("1/2", d1=HIGH, d2=LOW), "1/2"),
    "a difference": (written("10-6"), "10-6"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_digit_is_read_as_it_looks(case: str, tmp_path: Path) -> None:
    content, text = CASES[case]
    assert text_of(opened(tmp_path, "a.pdf", content)) == text
