"""Write a book with numbers in it: `python tools/number_pages.py BOOK OUT`.

Novels have no digits, so that whatever has some is easy to find in them. This sets a running head with the page's
number before every 32 lines, as printed books have, and numbers every paragraph, as editions for scholars do.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

LINES = 32  # of a page


def numbered(lines: list[str], title: str) -> Iterator[str]:
    """Yield the lines, each paragraph's first one behind its number, with a running head for each page."""
    paragraph, follows_blank = 0, True
    for count, line in enumerate(lines):
        if count % LINES == 0:
            yield f"{count // LINES + 1} {title}"
        if line.strip() and follows_blank:
            paragraph += 1
            yield f"{paragraph}. {line}"
        else:
            yield line
        follows_blank = not line.strip()


def main(book: Path, out: Path) -> None:
    lines = book.read_text(encoding="utf-8").splitlines()
    out.write_text("\n".join(numbered(lines, book.stem.upper())) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
