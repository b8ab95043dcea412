"""A folder of small documents, each with a sentence that only it has."""

from __future__ import annotations

from pathlib import Path

NAMES = ("amber-lantern", "quiet-harbor", "loud-mountain", "red-river")
PROSE = "They walked on along the shore, and it was late before they came home. " * 12


def write_documents(folder: Path, names: tuple[str, ...] = NAMES) -> Path:
    """Write a document for each name, every second one in a folder below."""
    for number, name in enumerate(names):
        path = folder / ("below" if number % 2 else "") / f"{name}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{PROSE}\nOne of the special magic numbers for {name} is: {30000 + number}. {PROSE}\n")
    return folder
