"""Decode ISO-2022-JP as it is used: with the signs of Windows, such as 1 in a circle, which Python's codec lacks."""

from __future__ import annotations

import re

_SEGMENT = re.compile(rb"\x1b(\$[@B]|\([BJI])([^\x1b]*)")
_ASCII, _KANA = b"(B", b"(I"
_PAIR = re.compile(rb"[\x21-\x7e]{2}")
_PAIRS = re.compile(rb"\x1b\$[@B](?:[\x21-\x7e]{2})+\x1b\([BJ]")
_FOREIGN = re.compile(rb"\x1b(?!\$[@B]|\([BJI])")  # a set of characters that is not one of these


def is_iso2022jp(data: bytes) -> bool:
    """Tell if a text of ASCII holds pairs of bytes between sequences of ISO-2022-JP, and no other sequence."""
    return bool(_PAIRS.search(data)) and data.isascii() and not _FOREIGN.search(data)


def decode_iso2022jp(data: bytes) -> str:
    """Return the text; a wrong byte becomes a U+FFFD."""
    if _FOREIGN.search(data):
        return data.decode("iso2022_jp_ext", "replace")
    return "".join(_segment(*found) for found in _SEGMENT.findall(b"\x1b" + _ASCII + data))


def _segment(kind: bytes, segment: bytes) -> str:
    if kind.startswith(b"$"):
        return _PAIR.sub(_shifted, segment).decode("cp932", "replace")
    if kind == _KANA:
        return bytes(byte | 0x80 if 0x21 <= byte < 0x60 else byte for byte in segment).decode("cp932", "replace")
    return segment.decode("ascii", "replace")


def _shifted(pair: re.Match[bytes]) -> bytes:
    """Return a character of JIS X 0208 as Shift_JIS has it."""
    row, cell = pair[0]
    first = (row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)
    return bytes((first, cell + (0x7E if row % 2 == 0 else 0x1F if cell < 0x60 else 0x20)))
