"""Write names of files as text: on one line, without control characters, never the same for two names."""

from __future__ import annotations

import re
import unicodedata

# Control, format (bidi overrides among them), surrogate, private, unassigned; line and paragraph separators.
_ESCAPE = re.compile(r"\\(?:\\|x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))")
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
    if code < 0x80 or 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code & 0xFF:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def original(shown: str) -> str:
    """Return the name that `printable` shows so, as Python and JSON hold it."""
    return _ESCAPE.sub(_meant, shown)


def _meant(escape: re.Match[str]) -> str:
    byte, *wide = escape.groups()
    if byte:
        code = int(byte, 16)
        return chr(code if code < 0x80 else 0xDC00 + code)
    return next((chr(int(code, 16)) for code in wide if code), "\\")
