"""Count the bytes text takes in a file; byte offsets are counted with them."""

from __future__ import annotations


def nbytes(text: str, encoding: str) -> int:
    """Count the bytes without a byte-order mark."""
    return len(text) if encoding == "cp1252" else len(text.encode(encoding.removesuffix("-sig")))
