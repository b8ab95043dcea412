"""Keep text in one file without a name: standard input, members of archives, extracted text."""

from __future__ import annotations

import errno
import os
import tempfile
import weakref
from collections.abc import Iterable

from gemma10m.documents import limits
from gemma10m.documents.content import Content
from gemma10m.documents.names import printable
from gemma10m.documents.safe_open import BLOCK, UnreadableError
from gemma10m.documents.text import nul_bytes
from gemma10m.errors import DiskError
from gemma10m.regular_file import reason

Places = tuple[tuple[int, str], ...]  # byte offset in a text and what begins there, in ascending order

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Spool:
    """Append to a file that is created with the first byte, and deleted with the last document that uses it."""

    def __init__(self) -> None:
        self._descriptor: int | None = None
        self.position = 0

    def __call__(self) -> int:
        """Return a new descriptor, as `Content.open` wants it."""
        return os.dup(self._file())

    def write(self, data: bytes) -> None:
        """Append the bytes. Raises `DiskError`."""
        left = memoryview(data)
        try:
            while left:
                written = os.pwrite(self._file(), left, self.position)
                self.position += written
                left = left[written:]
        except OSError as error:
            if error.errno in _FULL:
                raise DiskError(
                    f"no room to keep a copy of the text in {tempfile.gettempdir()}",
                    hint="set TMPDIR to a folder on a larger disk",
                ) from error
            raise UnreadableError(reason(error)) from error

    def keep(self, blocks: Iterable[bytes]) -> Content:
        """Write the blocks and return where they can be read again. Raises `DiskError`."""
        start = self.position
        for block in blocks:
            self.write(block)
        return self.content(start)

    def content(self, start: int) -> Content:
        """Return what was written since the position was `start`."""
        return Content(self, start, self.position - start)

    def take_back(self, position: int) -> None:
        """Forget what was written after `position`, so that files which are refused leave nothing on the disk."""
        if position < self.position:
            os.ftruncate(self._file(), position)
            self.position = position

    def _file(self) -> int:
        if self._descriptor is None:
            with tempfile.TemporaryFile() as file:
                self._descriptor = os.dup(file.fileno())
            weakref.finalize(self, os.close, self._descriptor)
        return self._descriptor


class TextWriter:
    """Write extracted text into a spool, and keep the places in it."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._start = spool.position
        self._waiting = bytearray()
        self._places: list[tuple[int, str]] = []
        self.nbytes = 0
        self._nuls = 0
        self.blank = True  # nothing but white space so far
        self.notice = ""  # what the text's reader should know

    def write(self, text: str) -> None:
        """Append the text. Raises `DiskError`. NUL would make the text binary; it and lone surrogates are replaced."""
        self._nuls += text.count("\0")
        self.blank = self.blank and not text.strip()
        encoded = text.replace("\0", "\ufffd").encode("utf-8", "replace")
        self.nbytes += len(encoded)
        self._waiting += encoded
        if len(self._waiting) >= BLOCK:
            self._flush()

    def place(self, label: str, offset: int | None = None) -> None:
        """Name what begins at `offset`, or here."""
        if len(self._places) < limits.PLACES:
            label = printable(" ".join(label.split()))[: limits.LABEL]
            self._places.append((self.nbytes if offset is None else offset, label))

    def note(self, notice: str) -> None:
        """Add a notice; a notice is given once."""
        if notice not in self.notice.split("; "):
            self.notice = f"{self.notice}; {notice}" if self.notice else notice

    def finish(self) -> tuple[Content, Places, str]:
        """Return the text, its places and its notices. Raises `DiskError`."""
        if self._nuls:
            self.note(nul_bytes(self._nuls))
        self._flush()
        return self._spool.content(self._start), tuple(self._places), self.notice

    def _flush(self) -> None:
        self._spool.write(bytes(self._waiting))
        self._waiting.clear()
