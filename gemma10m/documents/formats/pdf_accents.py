"""Join accents that a PDF draws over letters as glyphs of their own, as TeX does with its oldest fonts.

It runs in the process that reads PDFs, and imports nothing of this package.
"""

from __future__ import annotations

import ctypes
import unicodedata
from typing import Any

from pypdfium2 import raw

_MARKS = {  # a spacing accent: the mark that is written behind a letter
    0x5E: "\u0302",
    0x60: "\u0300",
    0x7E: "\u0303",
    0xA8: "\u0308",
    0xAF: "\u0304",
    0xB4: "\u0301",
    0xB8: "\u0327",
    0x2C6: "\u0302",
    0x2C7: "\u030c",
    0x2C9: "\u0304",
    0x2D8: "\u0306",
    0x2D9: "\u0307",
    0x2DA: "\u030a",
    0x2DB: "\u0328",
    0x2DC: "\u0303",
    0x2DD: "\u030b",
}
_DOTLESS = {"\u0131": "i", "\u0237": "j"}
_FAR = 100  # characters before and after an accent: PDFium puts a line's pieces in an order of its own
_NEAR = 2  # before and after what is in ASCII, and mostly no accent


def accented(handle: Any, text: str) -> dict[int, str]:
    """Return letters with the accents that are drawn over or below them, by their places, and "" for the accents'.

    text: of the page, as PDFium gives it at once.
    """
    if not any(chr(code) in text for code in _MARKS):
        return {}
    codes = [raw.FPDFText_GetUnicode(handle, index) for index in range(raw.FPDFText_CountChars(handle))]
    found: dict[int, str] = {}
    for accent, mark in ((index, _MARKS[code]) for index, code in enumerate(codes) if code in _MARKS):
        far, box = _NEAR if codes[accent] < 0x80 else _FAR, glyph_box(handle, accent)
        places = (accent + way * steps for steps in range(1, far + 1) for way in (1, -1))
        for letter in (index for index in places if 0 <= index < len(codes) and index not in found):
            whole = _joined(codes[letter], mark)
            if whole and _is_over(box, glyph_box(handle, letter)):
                found |= {letter: whole, accent: ""}
                break
    return found


def _joined(code: int, mark: str) -> str:
    """Return the letter with a mark, if Unicode has it in one; else ""."""
    base = chr(code) if code < 0x110000 else ""
    whole = unicodedata.normalize("NFC", _DOTLESS.get(base, base) + mark)
    return whole if len(whole) == 1 and base.isalpha() else ""


def _is_over(accent: tuple[float, ...], letter: tuple[float, ...]) -> bool:
    """Tell if the middle of the accent is between the sides of the letter, and the accent not in another line."""
    left, right, bottom, top = letter
    is_between = left < (accent[0] + accent[1]) / 2 < right
    return is_between and abs(accent[2] + accent[3] - bottom - top) < 2 * (top - bottom)


def glyph_box(handle: Any, index: int) -> tuple[float, ...]:
    """Return the left, right, lower and upper edge of a glyph."""
    edges = [ctypes.c_double() for _ in range(4)]
    raw.FPDFText_GetCharBox(handle, index, *edges)
    return tuple(edge.value for edge in edges)
