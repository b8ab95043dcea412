"""Return the headings that a passage is found by: the one it stands under, and those inside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from gemma10m.passages.code_files import is_code
from gemma10m.passages.cutting import Passage

HEADING = re.compile(r"^#{1,6}[ \t]+(\S.*)", re.MULTILINE)  # in code it is a comment


def titled(files: Sequence[str], passages: Iterable[Passage]) -> Iterator[tuple[Passage, str]]:
    """Yield each passage with its headings, a line each. files: their paths."""
    file, above = -1, ""
    for passage in passages:
        if passage.file != file:
            file, above = passage.file, ""
        inside = [] if is_code(files[file]) else HEADING.findall(passage.text)
        begins = inside and passage.text.lstrip().startswith("#")
        yield passage, "\n".join(inside if begins or not above else [above, *inside])
        above = inside[-1] if inside else above
