"""Write log.jsonl, one object per step."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from io import FileIO
from pathlib import Path

from gemma10m.atomic_file import atomic_file
from gemma10m.errors import DiskError
from gemma10m.training.lora_trainer import LoraReport
from gemma10m.training.trainer import StepReport

LOG = "log.jsonl"


class Log:
    def __init__(self, path: Path, file: FileIO) -> None:
        self._path, self._file = path, file

    def add(self, report: StepReport | LoraReport) -> None:
        """Append a step. Raises DiskError."""
        line = f"{json.dumps(asdict(report))}\n".encode()
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError as error:
            raise _disk_error(self._path, error) from error


@contextmanager
def open_log(folder: Path, steps: int) -> Iterator[Log]:
    """Open the log to add to it after the first `steps` steps; lines about later ones are dropped."""
    path = folder / LOG
    kept = [line for line in _lines(path) if _step(line) <= steps]
    with atomic_file(path) as whole:
        whole.write(b"".join(kept))
    try:
        # Without a buffer: closing one writes again what a full disk refused, and says so in its own words.
        file = path.open("ab", buffering=0)
    except OSError as error:
        raise _disk_error(path, error) from error
    try:
        yield Log(path, file)
    finally:
        file.close()


def _lines(path: Path) -> list[bytes]:
    if not path.is_file():
        return []
    # A line without its end was cut off by a crash.
    return [line for line in path.read_bytes().splitlines(keepends=True) if line.endswith(b"\n")]


def _step(line: bytes) -> float:
    """Return a line's step; lines that no run wrote count as later than any."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return float("inf")


def _disk_error(path: Path, error: OSError) -> DiskError:
    return DiskError(f"{path} cannot be written: {error.strerror}", hint="make room on that disk")
