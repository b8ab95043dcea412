"""`prose`: public-domain books for training and for measuring."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gemma10m.prose.fetch import fetch_packages, local_packages, total_bytes
from gemma10m.prose.folder import write_prose
from gemma10m.prose.packages import Unpacked
from gemma10m.terminal import Terminal


def prose(terminal: Terminal, folder: Path, sources: Sequence[Path]) -> None:
    packages = local_packages(sources) if sources else _fetched(terminal)
    for found in packages:
        if not found.is_the_known_one:
            known = found.package
            terminal.warn(
                f"{known.name} {found.version} is not the {known.version} that published measurements used: "
                "its books may differ"
            )
    written = write_prose(folder, packages)
    books = [book for found in packages for book in found.texts]
    terminal.note(f"{len(books)} books in {folder}, {len(written)} files written; SOURCES.md says where they come from")
    for book in books:
        terminal.line(str(folder / book.path))


def _fetched(terminal: Terminal) -> list[Unpacked]:
    with terminal.byte_progress("fetching", total_bytes()) as bar:
        return fetch_packages(lambda done, _: bar.update(done))
