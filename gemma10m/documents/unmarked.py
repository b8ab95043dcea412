"""Recognise UTF-16 and UTF-32 without a byte-order mark: all that it begins with are characters of texts."""

from __future__ import annotations

import codecs
import unicodedata

_WIDE = ("utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")
_SPACES = "\t\n\f\r"
_LETTERS = _SPACES + "".join(map(chr, range(32, 127)))
_LEAST = 8  # characters: less may be anything
_PAIRS = 0.75  # of characters, at most, are two bytes of ASCII: more are ASCII with a NUL, less than half Chinese
_NO_TEXT = ("Cc", "Cn", "Co")  # controls, unassigned and private characters


def unmarked_encoding(head: bytes) -> str:
    """Return the encoding of a text that begins so, or "".

    Chinese may be text in both orders of its bytes; the right one has more of ASCII, line ends at least. A text without
    any ASCII has no NUL byte, and is not recognised.
    """
    found = {encoding: _ascii_inside(head, encoding) for encoding in _WIDE} if b"\0" in head else {}
    best = max(found, key=lambda encoding: found[encoding], default="")
    return best if found.get(best) else ""


def _ascii_inside(head: bytes, encoding: str) -> int:
    """Count the characters of ASCII; 0 where the bytes are not text in the encoding, or are rather ASCII themselves."""
    try:
        text = codecs.getincrementaldecoder(encoding)("strict").decode(head)
    except UnicodeDecodeError:
        return 0
    if len(text) < _LEAST or any(
        unicodedata.category(character) in _NO_TEXT and character not in _SPACES for character in set(text)
    ):
        return 0
    pairs = sum(" " <= chr(ord(each) >> 8) <= "~" and chr(ord(each) & 255) in _LETTERS for each in text)
    return sum(map(str.isascii, text)) if pairs <= _PAIRS * len(text) else 0
