"""Write a file so that a crash at any moment leaves the old one or the new one, never a mix.

Order: temporary file in the same folder, write, flush, fsync, rename over the target, fsync the folder.
The temporary file is locked as long as it is written: one that nobody locks was left by a process that was killed.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import BinaryIO

from gemma10m.errors import DiskError
from gemma10m.folders import cache_folder

TEMPORARY_PREFIX = ".gemma10m-"
TEMPORARY_SUFFIX = ".tmp"

_REASONS = {
    errno.ENOSPC: ("the disk is full", "free some space or choose another disk"),
    errno.EDQUOT: ("the disk quota is used up", "free some space or choose another disk"),
    errno.EFBIG: ("it is larger than the system lets a file grow", "raise `ulimit -f` or choose another disk"),
    errno.EACCES: ("permission denied", "choose a folder you may write to"),
    errno.EPERM: ("permission denied", "choose a folder you may write to"),
    errno.EROFS: ("the disk is read-only", "choose a folder you may write to"),
    errno.ENOTDIR: ("a file is in the place of its folder", "choose another name"),
    errno.EEXIST: ("a file is in the place of its folder", "choose another name"),
    errno.ENAMETOOLONG: ("the name is too long", "choose a shorter name"),
}

_CLOSED = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """Give a temporary file to write into; it replaces `path` (mode 0600) if the block ends without an error.

    A missing folder is made with mode 0700. The block should do nothing but write: any OSError in it is taken for this
    file's. Raises DiskError; whatever stood at `path` is then as it was and no temporary file is left.
    """
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        yield file


def write_bytes(path: Path, data: bytes) -> None:
    """Write the whole file as `atomic_file` does. Raises DiskError."""
    with atomic_file(path) as file:
        file.write(data)


def write_json(path: Path, value: object) -> None:
    """Write a value that JSON can hold as a file of its own, indented. Raises DiskError."""
    write_bytes(path, (json.dumps(value, indent=1) + "\n").encode())


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Do as `atomic_file`, for a library that opens files by name: give an empty file to write and to close again."""
    try:
        _refuse_anything_but_a_file(path)
        _make_folder(path.parent)
        sweep(path.parent)
        descriptor, temporary = _locked_temporary(path.parent)
        try:
            yield Path(temporary)
            os.fsync(descriptor)
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise
        finally:
            os.close(descriptor)
        sync_folder(path.parent)
    except OSError as error:
        raise disk_error(path, error) from error


def _locked_temporary(folder: Path) -> tuple[int, str]:
    """Return the descriptor and the name of a new file that is locked."""
    while True:
        descriptor, name = tempfile.mkstemp(TEMPORARY_SUFFIX, TEMPORARY_PREFIX, folder)
        with suppress(OSError):  # file systems without locks: what a killed process leaves stays there
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor, name
        os.close(descriptor)  # swept between its creation and the lock


@cache
def sweep(folder: Path) -> None:
    """Remove the temporary files that killed processes left in the folder; once a process. Never raises OSError."""
    for path in left_behind(folder):
        with suppress(OSError), _unwritten(path):
            os.unlink(path)


def left_behind(folder: Path) -> list[Path]:
    """Return the folder's temporary files that no process writes any more. Never raises OSError."""
    found = []
    with suppress(OSError):
        for path in folder.glob(f"{TEMPORARY_PREFIX}*{TEMPORARY_SUFFIX}"):
            with suppress(OSError), _unwritten(path):
                found.append(path)
    return sorted(found)


@contextmanager
def _unwritten(path: Path) -> Iterator[None]:
    """Hold the lock of a temporary file for the block. Raises OSError while a process writes it, or for no file."""
    descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _refuse_anything_but_a_file(path: Path) -> None:
    # A rename does not write into a device, it removes it: root would lose /dev/null.
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise DiskError(f"{path} cannot be written: it exists and is not a file", "choose another name")


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # file systems that cannot sync a folder say EINVAL
            raise
    finally:
        os.close(descriptor)


def disk_error(path: Path, error: OSError) -> DiskError:
    """Return what the system said about writing to `path`, as one sentence and a hint."""
    unknown = (error.strerror or str(error), "check the disk and the folder's permissions")
    reason, hint = _REASONS.get(error.errno or 0, unknown)
    if error.errno in _CLOSED and path.is_relative_to(cache_folder()):
        hint = "set XDG_CACHE_HOME to a folder you may write to"
    return DiskError(f"{path} cannot be written: {reason}", hint)
