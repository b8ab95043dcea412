"""Files of Excel 97 to 2003: records (BIFF8) in a stream of an OLE compound file."""

from __future__ import annotations

import struct

_SECTOR = 512
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_FILLED = 4096  # bytes; shorter streams are kept elsewhere


def record(kind: int, data: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(data)) + data


def number(row: int, column: int, value: float, style: int = 0) -> bytes:
    return record(0x0203, struct.pack("<HHHd", row, column, style, value))


def label(row: int, column: int, text: str) -> bytes:
    return record(0x0204, struct.pack("<HHHHB", row, column, 0, len(text), 1) + text.encode("utf-16-le"))


def truth(row: int, column: int, value: int, is_error: bool = False) -> bytes:
    return record(0x0205, struct.pack("<HHHBB", row, column, 0, value, is_error))


def hidden_row(row: int) -> bytes:
    return record(0x0208, struct.pack("<HHHHHHI", row, 0, 9, 255, 0, 0, 0x20))


def hidden_column(column: int) -> bytes:
    return record(0x007D, struct.pack("<HHHHHH", column, column, 2048, 0, 1, 0))


def xls(*sheets: bytes, formats: tuple[str, ...] = (), hidden: tuple[int, ...] = (), more: bytes = b"") -> bytes:
    """Make a workbook of sheets called S1, S2 ..., given by their records. formats: of styles, from 1 on."""
    named = b"".join(
        record(0x041E, struct.pack("<HHB", 164 + at, len(code), 1) + code.encode("utf-16-le"))
        for at, code in enumerate(formats)
    )
    styles = b"".join(
        record(0x00E0, struct.pack("<HH", 0, key) + bytes(16)) for key in (0, *range(164, 164 + len(formats)))
    )
    font = record(0x0031, struct.pack("<HHHHHBBBBBB", 200, 0, 0x7FFF, 400, 0, 0, 0, 0, 0, 1, 0) + b"A")
    head, begin = more + font + named + styles, record(0x0809, struct.pack("<HHHHII", 0x600, 5, 0, 0, 0, 0))
    bodies = [record(0x0809, struct.pack("<HHHHII", 0x600, 16, 0, 0, 0, 0)) + sheet + record(0x0A) for sheet in sheets]
    at, listed = len(begin + head) + len(sheets) * (4 + 10) + 4, b""
    for place, body in enumerate(bodies):
        name = f"S{place + 1}".encode()
        listed += record(0x0085, struct.pack("<IBBBB", at, place in hidden, 0, len(name), 0) + name)
        at += len(body)
    return compound("Workbook", begin + head + listed + record(0x0A) + b"".join(bodies))


def compound(name: str, stream: bytes) -> bytes:
    """Make an OLE compound file with one stream."""
    stream = stream.ljust(_FILLED, b"\0")
    stream += bytes(-len(stream) % _SECTOR)
    sectors = len(stream) // _SECTOR
    chain = [_FAT, _END, *range(3, 2 + sectors), _END]
    head = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    head += struct.pack("<IIIIIIIII", 0, 1, 1, 0, _FILLED, _END, 0, _END, 0) + struct.pack("<109I", 0, *[_FREE] * 108)
    table = struct.pack("<128I", *chain, *[_FREE] * (128 - len(chain)))
    entries = _entry("Root Entry", 5, 1, _END, 0) + _entry(name, 2, _FREE, 2, len(stream)) + bytes(2 * 128)
    return head + table + entries + stream


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    encoded = name.encode("utf-16-le") + b"\0\0"
    head = encoded.ljust(64, b"\0") + struct.pack("<HBBIII", len(encoded), kind, 1, _FREE, _FREE, child)
    return head + bytes(36) + struct.pack("<III", start, size, 0)
