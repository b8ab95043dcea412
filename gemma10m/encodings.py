"""How many bytes text takes in a file: what byte offsets are counted with."""

from __future__ import annotations


def nbytes(text: str, encoding: str) -> int:
    """Without a byte-order mark."""
    return len(text) if encoding == "cp1252" else len(text.encode(encoding.removesuffix("-sig")))
