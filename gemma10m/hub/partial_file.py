"""Hash files on their way to disk: the bytes so far lie in `<name>.part`, and every one of them is hashed."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import Self

from gemma10m.atomic_file import sync_folder
from gemma10m.hub.hub_errors import disk_errors
from gemma10m.weights.downloads import StoredFile

MIB = 1 << 20


@dataclass(frozen=True)
class RemoteFile:
    """Describe a file as the hub lists it: large ones with a sha256, small ones with git's sha1 of the blob."""

    path: str
    bytes: int
    sha256: str | None
    git_sha1: str | None

    @property
    def digest(self) -> str | None:
        return self.sha256 or self.git_sha1


class Meter:
    """Add bytes up and report (bytes done, bytes total) about once a MiB."""

    def __init__(self, total: int, on_progress: Callable[[int, int], None]) -> None:
        self.done = 0
        self._total = total
        self._reported = 0
        self._on_progress = on_progress

    def add(self, count: int) -> None:
        self.done += count
        if abs(self.done - self._reported) >= MIB:
            self.report()

    def report(self) -> None:
        self._reported = self.done
        self._on_progress(self.done, self._total)


class _Digest:
    def __init__(self, file: RemoteFile) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._git_sha1 = hashlib.sha1(b"blob %d\0" % file.bytes, usedforsecurity=False)

    def update(self, chunk: bytes) -> None:
        self._sha256.update(chunk)
        if self._file.sha256 is None:
            self._git_sha1.update(chunk)

    @property
    def sha256(self) -> str:
        return self._sha256.hexdigest()

    @property
    def as_listed(self) -> str:
        """Return the digest of the kind that the hub lists for this file."""
        return self.sha256 if self._file.sha256 else self._git_sha1.hexdigest()

    def matches(self) -> bool:
        return self.as_listed == self._file.digest


class Part:
    """Hold one file's bytes so far, in `path`, and their running hash."""

    def __init__(self, path: Path, file: RemoteFile, meter: Meter) -> None:
        self.file = file
        self._path = path
        self._meter = meter
        with disk_errors(path):
            # Unbuffered: a byte reported as done is the system's, even if this process is killed.
            self._stream = FileIO(path, "a+")
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stream.close()

    def resume(self) -> None:
        """Count and hash what an earlier attempt left."""
        with disk_errors(self._path):
            if self._path.stat().st_size > self.file.bytes:
                self._stream.truncate(0)
            self._stream.seek(0)
        while chunk := _read(self._stream, self._path):
            self._count(chunk)

    def _begin(self) -> None:
        self.size = 0
        self.digest = _Digest(self.file)

    def _count(self, chunk: bytes) -> None:
        self.digest.update(chunk)
        self.size += len(chunk)
        self._meter.add(len(chunk))

    def is_complete(self) -> bool:
        return self.size == self.file.bytes

    def append(self, chunk: bytes) -> None:
        """Take no more than the file's listed size."""
        chunk = chunk[: self.file.bytes - self.size]
        rest = memoryview(chunk)
        with disk_errors(self._path):
            while rest:
                rest = rest[self._stream.write(rest) :]
        self._count(chunk)

    def restart(self) -> None:
        with disk_errors(self._path):
            self._stream.truncate(0)
        self._meter.add(-self.size)
        self._begin()

    def keep(self, final: Path) -> StoredFile:
        with disk_errors(final):
            os.fsync(self._stream.fileno())
            os.replace(self._path, final)
            sync_folder(final.parent)
        return StoredFile(self.file.path, self.file.bytes, self.digest.sha256)

    def discard(self) -> None:
        self.restart()
        with disk_errors(self._path):
            self._path.unlink()


def part_path(folder: Path, file: RemoteFile) -> Path:
    return folder / f"{file.path}.part"


def verify(folder: Path, file: RemoteFile, meter: Meter) -> StoredFile | None:
    """Return the file in `folder`, or None if it is missing or differs from the hub's listing."""
    path = folder / file.path
    digest = _Digest(file)
    with disk_errors(path):
        if not path.is_file() or path.stat().st_size != file.bytes:
            return None
        stream = FileIO(path)
    with stream:
        while chunk := _read(stream, path):
            digest.update(chunk)
            meter.add(len(chunk))
    if digest.matches():
        return StoredFile(file.path, file.bytes, digest.sha256)
    meter.add(-file.bytes)
    return None


def _read(stream: FileIO, path: Path) -> bytes:
    with disk_errors(path):
        return stream.read(MIB)
