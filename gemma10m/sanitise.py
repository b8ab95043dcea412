"""Make text from documents, file names and models harmless for a terminal."""

from __future__ import annotations

import re
import unicodedata

_FORBIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_JOINERS = "\u200c\u200d"  # ZWNJ and ZWJ: scripts and emoji need them
_NOT_PLAIN_ASCII = re.compile(r"[^\x20-\x7e\n\t]")


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    if unicodedata.category(character) not in _FORBIDDEN_CATEGORIES or character in _JOINERS:
        return character
    if 0xDC80 <= ord(character) <= 0xDCFF:  # a byte of a file name
        return f"\\x{ord(character) & 0xFF:02x}"
    return character.encode("unicode_escape").decode("ascii")


def sanitise(text: str) -> str:
    r"""Turn every control, format, surrogate, private and unassigned code point into a visible escape such as `\x1b`.

    Newline, tab, ZWJ and ZWNJ stay. Each code point is judged alone, so an escape sequence that is split over two
    streamed pieces is caught all the same: sanitise(a) + sanitise(b) == sanitise(a + b).
    """
    if text.isprintable():
        return text
    return _NOT_PLAIN_ASCII.sub(_escaped, text)


def sanitise_line(text: str) -> str:
    r"""Do as `sanitise` does and show a newline as `\n`: a file name cannot forge a second line."""
    return sanitise(text).replace("\n", "\\n")
