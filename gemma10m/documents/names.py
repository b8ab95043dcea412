"""Write names of files as text: on one line, without control characters, never the same for two names."""

from __future__ import annotations

import unicodedata

# Control, format (bidi overrides among them), surrogate, private, unassigned; line and paragraph separators.
_UNPRINTABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def printable(name: str) -> str:
    r"""Return `name` with unprintable characters written as `\x1b` or `\u2028`, and a backslash as `\\`.

    Bytes that are not UTF-8, which Python keeps in file names as lone surrogates, come out as themselves: `\xff`.
    """
    if name.isprintable() and "\\" not in name:
        return name
    return "".join(_shown(character) for character in name)


def _shown(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if unicodedata.category(character) not in _UNPRINTABLE:
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        code -= 0xDC00
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
