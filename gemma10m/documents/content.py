"""Hold bytes that can be read again: a file, a part of one, or what was taken out of one."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from gemma10m.documents import limits
from gemma10m.documents.safe_open import BLOCK, UnreadableError, read_block


@dataclass(frozen=True)
class Content:
    """Hold a place to read bytes from, as often as needed."""

    open: Callable[[], int]  # a new descriptor; raises UnreadableError
    start: int = 0
    nbytes: int | None = None  # from `start`; None: to the end of the file

    def size(self) -> int:
        """Return the number of bytes. Raises `UnreadableError`."""
        with self.descriptor() as descriptor:
            return ContentFile(self, descriptor).nbytes

    def head(self) -> bytes:
        """Return the first block, fewer bytes when there are not so many. Raises `UnreadableError`."""
        with self.descriptor() as descriptor:
            most = BLOCK if self.nbytes is None else min(BLOCK, self.nbytes)
            return read_block(descriptor, self.start, most)

    def blocks(self) -> Iterator[bytes]:
        """Yield all bytes, a block at a time. Raises `UnreadableError`."""
        with self.descriptor() as descriptor:
            file = ContentFile(self, descriptor)
            while block := file.read(BLOCK):
                yield block

    def whole(self, what: str) -> bytes:
        """Return all bytes. Raises `UnreadableError`, also when that is more than may be held in memory."""
        with self.descriptor() as descriptor:
            content = ContentFile(self, descriptor)
            if content.nbytes > limits.LARGEST_WHOLE:
                raise UnreadableError(f"{what} of more than {limits.LARGEST_WHOLE >> 20} MiB", hint="split it")
            return content.read()

    @contextmanager
    def descriptor(self) -> Iterator[int]:
        """Open the content, and close it at the end. Raises `UnreadableError`."""
        descriptor = self.open()
        try:
            yield descriptor
        finally:
            os.close(descriptor)


class ContentFile(io.RawIOBase):
    """Read a content, and bytes that are put behind it, as a file that can be sought in, while `descriptor` is open.

    A read of more than `LARGEST_READ` bytes is refused: only a length that a hostile file states asks for so many.
    """

    def __init__(self, content: Content, descriptor: int, behind: bytes = b"") -> None:
        super().__init__()
        self._descriptor, self._start, self._position, self._behind = descriptor, content.start, 0, behind
        there = max(0, os.fstat(descriptor).st_size - content.start)
        self._own = there if content.nbytes is None else min(there, content.nbytes)
        self.nbytes = self._own + len(behind)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._position, os.SEEK_END: self.nbytes}[whence]
        if base + offset < 0:
            raise OSError("before the beginning")  # as a file does
        self._position = base + offset
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        left = max(0, self.nbytes - self._position)
        size = left if size is None or size < 0 else min(size, left)
        if size > limits.LARGEST_READ:
            raise UnreadableError("damaged: a part of it claims to be larger than any should be")
        found = read_block(
            self._descriptor, self._start + self._position, min(size, max(0, self._own - self._position))
        )
        past = self._position + len(found) - self._own
        found += self._behind[max(0, past) : past + size - len(found)] if past >= 0 else b""
        self._position += len(found)
        return found
