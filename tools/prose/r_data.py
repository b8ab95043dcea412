"""Character vectors out of an R package's data file.

An .rdb is a row of records: a big-endian uncompressed length, then zlib. A record is R's serialisation (R Internals,
section 1.8) in the XDR form; a character vector is a STRSXP: its length, then for each string a CHARSXP's flags, a
length and that many bytes.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from prose.damage import DamagedError, check_size

_CHARSXP, _STRSXP = 9, 16
_MISSING = -1  # the length of NA


def character_vectors(rdb: bytes) -> Iterator[list[str]]:
    """Yield every character vector of the file, one per record; skip records of other kinds.

    Raises `DamagedError`.
    """
    while rdb:
        if len(rdb) < 4:
            raise DamagedError("its R data ends early")
        size = int.from_bytes(rdb[:4], "big")
        check_size(size, "a record of its R data")
        decoder = zlib.decompressobj()
        try:
            record = decoder.decompress(rdb[4:], size + 1)
        except zlib.error as error:
            raise DamagedError(f"its R data is broken ({error})") from error
        if len(record) != size or not decoder.eof:
            raise DamagedError("a record of its R data has not the length it says")
        rdb = decoder.unused_data
        try:
            yield from _strings(record)
        except (struct.error, UnicodeDecodeError) as error:
            raise DamagedError(f"its R data is broken ({error})") from error


def _strings(record: bytes) -> Iterator[list[str]]:
    """Return the record's vector, or nothing for another object."""
    if record[:2] != b"X\n":
        raise DamagedError("its R data is not in the XDR form")
    version = struct.unpack_from(">i", record, 2)[0]
    at = 14  # after the format's version, the writer's and the oldest reader's
    if version == 3:
        at += 4 + int(struct.unpack_from(">I", record, at)[0])  # the name of the encoding
    kind, count = struct.unpack_from(">II", record, at)
    if kind & 0xFF != _STRSXP:
        return
    at += 8
    lines = []
    for _ in range(count):
        flags, length = struct.unpack_from(">Ii", record, at)
        at += 8 + max(length, 0)
        if flags & 0xFF != _CHARSXP or length < _MISSING or at > len(record):
            raise DamagedError(f"its R data has no string that ends at byte {at}")
        lines.append(record[at - max(length, 0) : at].decode("utf-8"))
    yield lines
