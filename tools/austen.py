"""Write the six Austen novels of Debian's r-cran-janeaustenr package as text files (the text is in the public domain).

    apt-get download r-cran-janeaustenr && dpkg-deb -x r-cran-janeaustenr_*.deb unpacked
    python tools/austen.py unpacked/usr/lib/R/site-library/janeaustenr/data/Rdata.rdb prose/

An .rdb is a row of records: a big-endian uncompressed length, then zlib, or '2' and bzip2, or 'Z' and raw LZMA2. A
novel is a serialised character vector: after each CHARSXP tag a length and that many bytes.
"""

from __future__ import annotations

import bz2
import lzma
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

LZMA2 = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 26}]
FIRST_LINES = {
    "SENSE AND SENSIBILITY": "sense-and-sensibility",
    "PRIDE AND PREJUDICE": "pride-and-prejudice",
    "MANSFIELD PARK": "mansfield-park",
    "EMMA": "emma",
    "NORTHANGER ABBEY": "northanger-abbey",
    "Persuasion": "persuasion",
}


def records(data: bytes) -> Iterator[bytes]:
    while data:
        kind, body = data[4:5], data[5:]
        if kind == b"2":
            decoder = bz2.BZ2Decompressor()
        elif kind == b"Z":
            decoder = lzma.LZMADecompressor(lzma.FORMAT_RAW, filters=LZMA2)
        else:
            decoder, body = zlib.decompressobj(), data[4:]
        yield decoder.decompress(body)
        data = decoder.unused_data


def strings(record: bytes) -> Iterator[str]:
    """Lines of a serialised STRSXP (type 16); each CHARSXP has type 9 in the low byte of its flags."""
    at = record.index(b"\x00\x00\x00\x10", 14)
    count = struct.unpack_from(">i", record, at + 4)[0]
    at += 8
    for _ in range(count):
        flags, length = struct.unpack_from(">Ii", record, at)
        if flags & 0xFF != 9:
            raise ValueError(f"expected a CHARSXP at byte {at}")
        at += 8 + max(length, 0)
        yield record[at - max(length, 0) : at].decode("utf-8")


def main(rdb: Path, out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for record in records(rdb.read_bytes()):
        if b"\x00\x00\x00\x10" not in record[:64]:
            continue
        lines = list(strings(record))
        name = FIRST_LINES.get(lines[0].strip()) if lines else None
        if name:
            (out / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
