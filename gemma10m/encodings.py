"""Count the bytes text takes in a file; byte offsets are counted with them."""

from __future__ import annotations

LOSSY = "lossy-utf-8"  # each wrong byte, and each byte of a U+FFFD, is read as a U+FFFD: widths are not those of UTF-8


def nbytes(text: str, encoding: str) -> int:
    """Count the bytes without a byte-order mark."""
    if encoding == LOSSY:
        return len(text.encode()) - 2 * text.count("\ufffd")
    return len(text) if encoding == "cp1252" else len(text.encode(encoding.removesuffix("-sig")))
