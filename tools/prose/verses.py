"""The King James Bible as Debian's bible-kjv-text holds it.

The file begins with "EC02" and a title; at byte 84 stand, as big-endian 32-bit numbers, the size of a window of text,
the number of windows, and where each begins and the last ends. The text was `compress`ed in one go, with a header in
front and the table cleared after each window. It has one verse a line, such as "Ge1:1 In the beginning ...", after a
line that names the edition.
"""

from __future__ import annotations

import re
import struct
from itertools import groupby, pairwise

from prose.damage import DamagedError, check_size
from prose.lzw import expand

_HEADER = struct.Struct(">II")
_HEADER_AT = 84
_LARGEST_WINDOW = 1 << 16
_VERSE = re.compile(r"(([1-3]?[A-Z][A-Za-z]+\d+):\d+ )(.+)")


def bible_texts(data: bytes) -> tuple[str, str]:
    """Return a verse per line, a blank line between chapters: without its number, and with it (`Ge1:1 In the ...`).

    Raises `DamagedError`.
    """
    try:
        lines = _windows(data).decode("ascii").splitlines()[1:]
    except UnicodeDecodeError as error:
        raise DamagedError("its text is not ASCII") from error
    verses = [match.groups() for line in lines if (match := _VERSE.fullmatch(line))]
    if not verses or len(verses) != len(lines):
        raise DamagedError(f"{len(lines) - len(verses):,} of the {len(lines):,} lines of its text are no verses")
    chapters = [list(chapter) for _, chapter in groupby(verses, key=lambda verse: verse[1])]
    plain = "\n".join("".join(f"{words}\n" for _, _, words in chapter) for chapter in chapters)
    numbered = "\n".join("".join(f"{number}{words}\n" for number, _, words in chapter) for chapter in chapters)
    return plain, numbered


def _windows(data: bytes) -> bytes:
    if not data.startswith(b"EC02"):
        raise DamagedError("its text does not begin with EC02")
    try:
        size, count = _HEADER.unpack_from(data, _HEADER_AT)
        check_size(size * count, "its text")
        bounds = struct.unpack_from(f">{count + 1}I", data, _HEADER_AT + _HEADER.size)
    except struct.error as error:
        raise DamagedError("its text ends early") from error
    if size > _LARGEST_WINDOW or list(bounds) != sorted(bounds) or bounds[-1] > len(data):
        raise DamagedError("the windows of its text do not lie one after the other")
    return b"".join(expand(data[start:stop], size) for start, stop in pairwise(bounds))
