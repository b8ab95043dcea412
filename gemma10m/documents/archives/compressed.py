"""Unpack single files that are compressed, block by block, in memory that does not depend on them."""

from __future__ import annotations

import bz2
import lzma
import re
import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from gemma10m.documents import limits
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content, ContentFile
from gemma10m.documents.counts import counted
from gemma10m.documents.detect import COMPRESSED
from gemma10m.documents.safe_open import BLOCK, UnreadableError

_PADDING = b"\0"  # may follow a frame
_WRONG_END = re.compile(r"incorrect (data|length) check")  # zlib's words for a wrong sum, and for a wrong size
_SIZE = 4  # bytes of the size that follows the sum
_MOST_WRONG = 100  # frames
_LONGEST_MAGIC = max(map(len, COMPRESSED.values()))


class _Decompressor(Protocol):
    """Unpack one frame, as the decompressors of bz2 and lzma do."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, most: int, /) -> bytes: ...


class _Gzip:
    """Use zlib's own decompressor under the names that bz2 and lzma use.

    It checks the sum and the size that end a frame, and throws away its last output where they are wrong.
    """

    def __init__(self) -> None:
        self._zlib = zlib.decompressobj(31)
        self.needs_input, self.is_wrong = True, False
        self._rest, self._missing = b"", 0  # the bytes behind a wrong end, and how many of its own have not come yet

    eof = property(lambda self: (self.is_wrong and not self._missing) or self._zlib.eof)
    unused_data = property(lambda self: self._rest or self._zlib.unused_data)

    def decompress(self, data: bytes, most: int) -> bytes:
        if self.is_wrong:
            self._rest, self._missing = data[self._missing :], max(0, self._missing - len(data))
            return b""
        data, before = self._zlib.unconsumed_tail + data, self._zlib.copy()
        try:
            found = self._zlib.decompress(data, most)
        except zlib.error as error:
            if not (end := _WRONG_END.search(str(error))):
                raise
            self.is_wrong = self.needs_input = True
            size = bisect_left(range(len(data)), True, key=lambda size: _fails(before.copy(), data[: size + 1], most))
            stop = size + 1 + (_SIZE if end[1] == "data" else 0)
            self._rest, self._missing = data[stop:], max(0, stop - len(data))
            return before.decompress(data[:size], most)
        self.needs_input = not self._zlib.unconsumed_tail and len(found) < most
        return found


def _fails(decompressor: zlib._Decompress, data: bytes, most: int) -> bool:
    try:
        decompressor.decompress(data, most)
    except zlib.error:
        return True
    return False


class _Zstd:
    """Unpack all that a piece of a frame holds at once: 1 KiB makes at most 32 MiB of text."""

    needs_input = True

    def __init__(self) -> None:
        try:
            import zstandard
        except ImportError as error:
            raise UnreadableError("a zstd file, which needs zstandard", hint="pip install 'gemma10m[zstd]'") from error
        self._frame: Any = zstandard.ZstdDecompressor(max_window_size=limits.WINDOW).decompressobj()
        self._broken = zstandard.ZstdError

    eof = property(lambda self: self._frame.eof)
    unused_data = property(lambda self: self._frame.unused_data)

    def decompress(self, data: bytes, most: int) -> bytes:
        try:
            found: bytes = self._frame.decompress(data)
        except self._broken as error:
            raise ValueError from error
        return found


def _xz() -> lzma.LZMADecompressor:
    """Unpack xz with bounded memory; `lzma.LZMAFile` lets the file choose how much it takes."""
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=limits.WINDOW)


READERS: dict[str, Callable[[], _Decompressor]] = {
    "gzip": _Gzip,
    "bzip2": bz2.BZ2Decompressor,
    "xz": _xz,
    "zstd": _Zstd,
}


def unpacked(kind: str, content: Content, budget: Budget, note: Callable[[str], object]) -> Iterator[bytes]:
    """Yield the content of a file of one of `READERS`'s kinds; `note` is called with each notice on what is not read.

    Raises `UnreadableError`, `BombError` among them, where nothing of it can be trusted.
    """
    found = frames = 0  # bytes, and frames that are whole
    with content.descriptor() as descriptor:
        file = ContentFile(content, descriptor)
        try:
            for block in _frames(kind, file, note):
                if block is None:
                    frames += 1
                    continue
                budget.spend(len(block))
                found += len(block)
                yield block
        except (OSError, EOFError, zlib.error, lzma.LZMAError, ValueError) as error:
            if not frames and not (found and isinstance(error, EOFError)):
                raise UnreadableError("damaged: it does not unpack, or ends too early") from error
            why = "ends too early" if isinstance(error, EOFError) else "is damaged"
            note(f"it {why}: only what comes before is read")


def _frames(kind: str, file: ContentFile, note: Callable[[str], object]) -> Iterator[bytes | None]:
    """Yield the bytes of one frame after another, and None where a frame is complete."""
    size = 1024 if kind == "zstd" else BLOCK
    data, ended, wrong = file.read(size), False, 0
    while data:
        if ended and not data.startswith(COMPRESSED[kind]):
            note(f"the {counted(len(data) + file.nbytes - file.tell(), 'byte', ' after its end')} not read")
            return
        frame = READERS[kind]()
        while not frame.eof:
            if frame.needs_input and not data:
                raise EOFError
            yield frame.decompress(data, BLOCK)
            data = file.read(size) if frame.needs_input and not frame.eof else b""
        if getattr(frame, "is_wrong", False):
            wrong += 1
            if wrong > _MOST_WRONG:
                raise ValueError("nothing in it can be trusted")
            if wrong == 1:
                note("its checksum does not match")
        yield None
        data, ended = frame.unused_data.lstrip(_PADDING), True
        while len(data) < _LONGEST_MAGIC and file.tell() < file.nbytes:
            data = (data + file.read(size)).lstrip(_PADDING)
