"""Texts that are cut into passages and indexed."""

from __future__ import annotations

from pathlib import Path

from gemma10m.documents import Document, open_source

FILLER = "The quick brown fox jumps over the lazy dog, and nobody minds.  It was a day like any other.\n\n" * 60


def written(path: Path, text: str, encoding: str = "utf-8") -> Document:
    path.write_bytes(text.encode(encoding))
    return open_source(path)
