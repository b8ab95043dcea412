"""Single files that are compressed: what is in them, block by block, in memory that does not depend on them."""

from __future__ import annotations

import bz2
import gzip
import lzma
import zlib
from collections.abc import Callable, Iterator

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content, ContentFile
from gemma10m.documents.safe_open import BLOCK, UnreadableError

_PADDING = b"\0"  # may follow a frame of xz


def unpacked(kind: str, content: Content, budget: Budget) -> Iterator[bytes]:
    """What a file of one of `READERS`'s kinds holds. Raises `UnreadableError`, `BombError` among them."""
    with content.descriptor() as descriptor:
        try:
            for block in READERS[kind](ContentFile(content, descriptor)):
                budget.spend(len(block))
                yield block
        except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
            raise UnreadableError("damaged: it does not unpack, or ends too early") from error


def _gzip(file: ContentFile) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=file) as reader:
        yield from iter(lambda: reader.read(BLOCK), b"")


def _bzip2(file: ContentFile) -> Iterator[bytes]:
    return _frames(file, bz2.BZ2Decompressor)


def _xz(file: ContentFile) -> Iterator[bytes]:
    return _frames(file, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.WINDOW))


def _frames(file: ContentFile, new: Callable[[], bz2.BZ2Decompressor | lzma.LZMADecompressor]) -> Iterator[bytes]:
    """`lzma.LZMAFile` lets the file choose how much memory it takes; `bz2.BZ2File` overlooks what follows the text."""
    data = file.read(BLOCK)
    while data:
        decompressor = new()
        while not decompressor.eof:
            if decompressor.needs_input and not data:
                raise EOFError
            yield decompressor.decompress(data, BLOCK)
            data = file.read(BLOCK) if decompressor.needs_input else b""
        data = decompressor.unused_data.lstrip(_PADDING) or file.read(BLOCK).lstrip(_PADDING)


def _zstd(file: ContentFile) -> Iterator[bytes]:
    """Its stream reader takes a file that ends too early for a whole one. 1 KiB makes at most 32 MiB of text."""
    try:
        import zstandard
    except ImportError as error:
        raise UnreadableError("a zstd file, which needs zstandard", hint="pip install 'gemma10m[zstd]'") from error
    decompressor = zstandard.ZstdDecompressor(max_window_size=limits.WINDOW)
    data = file.read(1024)
    try:
        while data:
            frame = decompressor.decompressobj()
            while not frame.eof:
                if not data:
                    raise EOFError
                yield frame.decompress(data)
                data = file.read(1024) if not frame.eof else frame.unused_data or file.read(1024)
    except zstandard.ZstdError as error:
        raise ValueError from error


READERS: dict[str, Callable[[ContentFile], Iterator[bytes]]] = {
    "gzip": _gzip,
    "bzip2": _bzip2,
    "xz": _xz,
    "zstd": _zstd,
}
