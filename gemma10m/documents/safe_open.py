"""Open and read files that may be anything, without ever waiting or following a link that is not to be followed."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass

from gemma10m.regular_file import reason

BLOCK = 1 << 16  # bytes read at a time
DIGEST = 8  # bytes kept of each block's digest, to notice a file that changes between two readings

_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link, not followed",
    stat.S_IFDIR: "a folder",
}
_DAMAGED = "get an undamaged copy of it"
_OTHER = "name a text file or a folder that you may read"


class UnreadableError(Exception):
    """Say in a few words why a file cannot be read, and what to do about it."""

    def __init__(self, why: str, hint: str = "") -> None:
        super().__init__(why)
        self.hint = hint or (_DAMAGED if "damaged" in why else _OTHER)


def kind_of_file(mode: int) -> str:
    """Name the kind of a file that is not a regular one."""
    return _KINDS.get(stat.S_IFMT(mode), "not a regular file")


def refuse_irregular(mode: int) -> None:
    """Raise `UnreadableError` for anything but a regular file."""
    if not stat.S_ISREG(mode):
        pipe = "name - and give it as standard input: gemma10m ask - QUESTION < PIPE" if stat.S_ISFIFO(mode) else ""
        raise UnreadableError(kind_of_file(mode), pipe)


def open_regular(path: str, follow_links: bool) -> int:
    """Return a descriptor for reading a regular file. Raises `UnreadableError`.

    The kind is looked at before opening, since opening a device can act on it, and again after, since the name may have
    been given to another file meanwhile.
    """
    flags = os.O_RDONLY | os.O_NONBLOCK | (0 if follow_links else os.O_NOFOLLOW)
    try:
        refuse_irregular(os.stat(path, follow_symlinks=follow_links).st_mode)
        descriptor = os.open(path, flags)
    except (OSError, ValueError) as error:
        raise UnreadableError(reason(error)) from error
    try:
        refuse_irregular(os.fstat(descriptor).st_mode)
    except UnreadableError:
        os.close(descriptor)
        raise
    return descriptor


@dataclass(frozen=True, slots=True)
class FileBelow:
    """Open a file below a folder, as `Content.open` does; there may be very many of these."""

    folder: str
    path: str  # from there

    def __call__(self) -> int:
        return open_regular(os.path.join(self.folder, self.path), follow_links=False)


def read_block(descriptor: int, start: int, size: int) -> bytes:
    """Return `size` bytes at `start`, fewer only at the end of the file. Raises `UnreadableError`."""
    chunks: list[bytes] = []
    while size > 0:
        try:
            chunk = os.pread(descriptor, size, start)
        except OSError as error:
            raise UnreadableError(reason(error)) from error
        if not chunk:
            break
        chunks.append(chunk)
        start += len(chunk)
        size -= len(chunk)
    return b"".join(chunks)


def block_digest(block: bytes) -> bytes:
    """Return a short digest of a block."""
    return hashlib.blake2b(block, digest_size=DIGEST).digest()
