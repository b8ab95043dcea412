"""Read files that a user names: opening a FIFO would wait for its writer, so anything but a file is refused first."""

from __future__ import annotations

import errno
import os
import stat
from io import BufferedReader
from pathlib import Path

# What a shell passes in place of a file, as `--questions <(...)`: open already, and a pipe that has a writer.
_OPEN_ALREADY = ("/dev/fd/", "/proc/self/fd/", "/dev/stdin")


def read_regular(path: Path, most: int = -1) -> bytes:
    """Return the file's bytes, at most `most`. Raises OSError, for a folder, a FIFO or a device, too."""
    if str(path).startswith(_OPEN_ALREADY):
        with path.open("rb") as pipe:
            return pipe.read(most)
    with open_regular_file(path) as file:
        return file.read(most)


def open_regular_file(path: Path) -> BufferedReader:
    """Open the file to read bytes. Raises OSError, for a folder, a FIFO or a device, too."""
    file = open(path, "rb", opener=without_waiting)  # noqa: SIM115
    try:
        _refuse(os.fstat(file.fileno()).st_mode, path)
    except OSError:
        file.close()
        raise
    return file


def refuse_irregular(path: Path) -> None:
    """Refuse what is no regular file, before a library opens it by its name. Raises OSError, for no file, too."""
    _refuse(path.stat().st_mode, path)


def is_closed(path: Path) -> bool:
    """Tell if the path is a folder that may not be looked into, or lies in one."""
    try:
        (path / "any").lstat()
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False  # what is wrong with it is said when it is read
    return False


def reason(error: OSError | ValueError) -> str:
    """Return what the system said, without the path, which the sentence around it names."""
    return (error.strerror or str(error)) if isinstance(error, OSError) else str(error)


def _refuse(mode: int, path: Path) -> None:
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))


def without_waiting(path: str, flags: int) -> int:
    """Open a file as `open` lets its opener do; a FIFO that nobody writes to is not waited for."""
    return os.open(path, flags | os.O_NONBLOCK)
