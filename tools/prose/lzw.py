"""Expand what Unix `compress` wrote: Welch's algorithm, codes of 9 to 16 bits, the lowest bits first."""

from __future__ import annotations

from prose.damage import DamagedError

_NARROWEST, _WIDEST = 9, 16
_CLEAR = 256
_CODES_READ_TOGETHER = 8  # where the codes become wider, `compress` fills up to a multiple of this many


def expand(data: bytes, largest: int) -> bytes:
    """Return the text up to where the table is cleared or the data ends, from codes without a header.

    Raises `DamagedError`, also for more than `largest` bytes.
    """
    table = [bytes((byte,)) for byte in range(256)] + [b""]
    out, previous = bytearray(), b""
    width, at, group = _NARROWEST, 0, 0  # at, group: in bits
    while at + width <= 8 * len(data):
        code = int.from_bytes(data[at >> 3 : (at >> 3) + 3], "little") >> (at & 7) & ((1 << width) - 1)
        at += width
        if code == _CLEAR:
            break
        entry = table[code] if code < len(table) else previous + previous[:1]
        if not entry or code > len(table):
            raise DamagedError(f"its compressed text has the impossible code {code}")
        out += entry
        if len(out) > largest:
            raise DamagedError(f"its compressed text is longer than the {largest:,} bytes it says")
        if previous and len(table) < 1 << _WIDEST:
            table.append(previous + entry[:1])
        previous = entry
        if len(table) == 1 << width and width < _WIDEST:
            at = group = group + _rounded_up(at - group, _CODES_READ_TOGETHER * width)
            width += 1
    return bytes(out)


def _rounded_up(number: int, unit: int) -> int:
    return -(-number // unit) * unit
