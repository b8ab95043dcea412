"""Keep written summaries under all that they were made of, so that a run that stopped can resume.

A file's name is a hash of the model, the sampling, the text and the request.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from gemma10m.answering.map_reduce import Write
from gemma10m.atomic_file import write_bytes
from gemma10m.folders import summaries_folder
from gemma10m.regular_file import read_regular
from gemma10m.strict_json import canonical_json, strict_json


def kept(write: Write, identity: str) -> Write:
    """Wrap `write` to ask the model only for what is not on disk. identity: of the model and its sampling.

    What it gives raises DiskError.
    """

    def write_once(text: str, request: str) -> str:
        name = hashlib.sha256(canonical_json([identity, text, request]).encode()).hexdigest()
        path = summaries_folder() / f"{name}.json"
        found = _load(path)
        if found is not None:
            return found
        summary = write(text, request)
        write_bytes(path, canonical_json({"request": request, "summary": summary}).encode())
        return summary

    return write_once


def _load(path: Path) -> str | None:
    """Return a kept summary, or None for a missing or damaged file."""
    try:
        value = strict_json(read_regular(path).decode())
    except (OSError, ValueError):
        return None
    summary = value.get("summary") if isinstance(value, dict) else None
    return summary if isinstance(summary, str) else None
