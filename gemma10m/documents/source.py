"""What the user names, turned into a document."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import sys
import tempfile
import weakref
from collections.abc import Callable
from functools import partial
from pathlib import Path

from gemma10m.documents.document import Document, SkippedFile, SourceFile
from gemma10m.documents.files import BLOCK, UnreadableError, block_digest, open_regular, read_block, reason
from gemma10m.documents.names import printable
from gemma10m.documents.repository import Walk
from gemma10m.documents.text import EncodingDetector
from gemma10m.errors import DiskError, DocumentError, UsageError

STANDARD_INPUT = "-"
_REASONS_SHOWN = 5


def open_source(*paths: str | Path) -> Document:
    """Open one file, several files or folders, or "-" (standard input), in the order given.

    Each file is read once from end to end to find its encoding and its hash, in constant memory. A path that is named
    may be a link and is followed; links found inside a folder are not. Raises `DocumentError`.
    """
    names = [os.fspath(path) for path in paths]
    if not names:
        raise UsageError("no document was named", hint='name a file or a folder, or "-" for standard input')
    if names.count(STANDARD_INPUT) > 1:
        raise UsageError('"-" was named twice, and standard input can be read only once', hint="name it once")
    gathering = _Gathering(alone=len(names) == 1)
    for name in names:
        gathering.add(name)
    return gathering.document(names)


class _Gathering:
    """The files of a document that is being opened."""

    def __init__(self, alone: bool) -> None:
        self.alone = alone
        self.headed = not alone
        self.files: list[SourceFile] = []
        self.skipped: list[SkippedFile] = []
        self.notices: list[str] = []

    def add(self, name: str) -> None:
        if name == STANDARD_INPUT:
            self._add_named("standard input", _spool_standard_input())
        elif _is_folder(name):
            self._add_folder(name)
        else:
            self._add_named(printable(name), partial(open_regular, name, follow_links=True))

    def _add_named(self, shown: str, opener: Callable[[], int]) -> None:
        try:
            file = inspect(shown, opener)
        except UnreadableError as error:
            raise DocumentError(f"{shown} cannot be read: {error}", hint=_hint(str(error))) from error
        if file.nbytes <= file.mark:
            raise DocumentError(f"{shown} is empty", hint="name a file that holds text")
        self._append(file)

    def _add_folder(self, name: str) -> None:
        self.headed = True
        shown = "" if self.alone else printable(name.rstrip("/")) + "/"
        try:
            walk = Walk(name).run()
        except UnreadableError as error:
            raise DocumentError(f"{printable(name)} cannot be listed: {error}", hint=_hint(str(error))) from error
        self.notices += walk.notices
        self.skipped += (SkippedFile(shown + skipped.path, skipped.reason) for skipped in walk.skipped)
        for path in walk.files:
            try:
                opener = partial(open_regular, os.path.join(name, path), follow_links=False)
                self._append(inspect(shown + printable(path), opener))
            except UnreadableError as error:
                self.skipped.append(SkippedFile(shown + printable(path), str(error)))

    def _append(self, file: SourceFile) -> None:
        self.files.append(file)
        if file.encoding == "cp1252":
            self.notices.append(f"{file.path} is not UTF-8: read as Windows-1252")

    def document(self, names: list[str]) -> Document:
        name = "standard input" if names[0] == STANDARD_INPUT else printable(names[0])
        if len(names) > 1:
            name += f" and {len(names) - 1} more"
        if not any(file.nbytes > file.mark for file in self.files):
            raise DocumentError(
                f"{name} holds no text that can be read ({self._why_nothing()})",
                hint="name a folder that holds text files, or the files themselves",
            )
        return Document(name, tuple(self.files), tuple(self.skipped), tuple(self.notices), self.headed)

    def _why_nothing(self) -> str:
        reasons = [f"{skipped.path}: {skipped.reason}" for skipped in self.skipped]
        reasons += [f"{file.path}: empty" for file in self.files]
        more = len(reasons) - _REASONS_SHOWN
        return "; ".join(reasons[:_REASONS_SHOWN] + [f"{more} more"] * (more > 0)) or "it is empty"


def inspect(shown: str, opener: Callable[[], int]) -> SourceFile:
    """Read a file once: its size, hash and encoding. Raises `UnreadableError`."""
    descriptor = opener()
    try:
        block = read_block(descriptor, 0, BLOCK)
        detector = EncodingDetector(block)
        sha256, digests, nbytes = hashlib.sha256(), bytearray(), 0
        while block:
            following = read_block(descriptor, nbytes + len(block), BLOCK) if len(block) == BLOCK else b""
            detector.feed(block, final=not following)
            sha256.update(block)
            digests += block_digest(block)
            nbytes += len(block)
            block = following
    finally:
        os.close(descriptor)
    encoding, mark = detector.encoding, len(detector.mark)
    return SourceFile(shown, nbytes, sha256.hexdigest(), encoding, mark, bytes(digests), opener)


def _is_folder(name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name).st_mode)
    except FileNotFoundError as error:
        shown = printable(name) or "the empty path"
        raise DocumentError(f"{shown} does not exist", hint="check the spelling of the path") from error
    except (OSError, ValueError) as error:
        raise DocumentError(f"{printable(name)} cannot be read: {reason(error)}", hint=_hint("")) from error


def _hint(why: str) -> str:
    if why.startswith("binary"):
        return "only text is read: convert it to text first (UTF-16 text needs its byte-order mark)"
    if why.startswith("broken"):
        return "save it as UTF-8"
    return "name a text file or a folder that you may read"


def _spool_standard_input() -> Callable[[], int]:
    """Copy standard input to a file without a name, so that it can be read again."""
    if sys.stdin is None or sys.stdin.closed:
        raise DocumentError(
            "standard input is closed", hint='pipe text into the command, or name a file instead of "-"'
        )
    try:
        with tempfile.TemporaryFile() as spool:
            shutil.copyfileobj(sys.stdin.buffer, spool, BLOCK)
            spool.flush()
            return _Spool(os.dup(spool.fileno()))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise DiskError(
                f"no room to keep a copy of standard input in {tempfile.gettempdir()}",
                hint="set TMPDIR to a folder on a larger disk",
            ) from error
        raise DocumentError(f"standard input cannot be read: {reason(error)}", hint="name a file instead") from error


class _Spool:
    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        weakref.finalize(self, os.close, descriptor)

    def __call__(self) -> int:
        return os.dup(self._descriptor)
