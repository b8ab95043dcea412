"""Keep what is measured: rows of finished cells, and beside them the parts of an unfinished cell.

The parts, documents or questions, are in a file of their own, named after the results and the cell, until its row is
written.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from gemma10m.bench.rows import append_lines, append_rows, whole_lines
from gemma10m.errors import DiskError, UsageError
from gemma10m.regular_file import read_regular, reason
from gemma10m.strict_json import canonical_json, strict_json

ResultRow = dict[str, Any]
Measured = TypeVar("Measured")


@dataclass(frozen=True)
class BatchResult:
    """Hold the results of documents that were read together. `read` in tokens that went through the model."""

    first: int
    right: tuple[bool, ...]
    seconds: float
    read: int
    state_bytes: int
    peak_memory_bytes: int


class Journal:
    """Keep rows of finished cells, and the batches of those that are not finished."""

    def __init__(self, results: Path, command: str) -> None:
        """Open the journal.

        Raises UsageError for a file not of JSON objects, DiskError for one that cannot be written.
        """
        self.results, self.command = results, command
        self._rows = _read_lines(results)
        _check_writable(results)

    def finished(self, kind: str, key: Mapping[str, object]) -> list[ResultRow]:
        """Return the rows of this kind and key, oldest first."""
        wanted = {"kind": kind, **key}
        return [row for row in self._rows if all(name in row and row[name] == wanted[name] for name in wanted)]

    def batches(self, key: Mapping[str, object]) -> list[BatchResult]:
        return self.parts(key, _batch)

    def add(self, key: Mapping[str, object], batch: BatchResult) -> None:
        self.keep(key, asdict(batch))

    def parts(self, key: Mapping[str, object], parse: Callable[[ResultRow], Measured | None]) -> list[Measured]:
        """Return what was kept of an unfinished measurement.

        parse: returns None for a line that the measurement did not write. Raises UsageError for such a line.
        """
        path = self._partial(key)
        parts = [parse(line) for line in _read_lines(path)]
        if None in parts:
            number = parts.index(None) + 1
            raise UsageError(
                f"{path}, line {number}, is not what an unfinished measurement leaves", hint="remove that file"
            )
        return [part for part in parts if part is not None]

    def keep(self, key: Mapping[str, object], part: Mapping[str, object]) -> None:
        """Keep a part of an unfinished measurement. Raises DiskError."""
        append_lines(self._partial(key), [part])

    def finish(self, kind: str, key: Mapping[str, object], rows: Iterable[ResultRow]) -> None:
        append_rows(self.results, kind, self.command, rows)
        self._partial(key).unlink(missing_ok=True)

    def _partial(self, key: Mapping[str, object]) -> Path:
        digest = hashlib.sha256(canonical_json(dict(sorted(key.items()))).encode()).hexdigest()
        return self.results.with_name(f"{self.results.name}.{digest[:16]}.partial.jsonl")


def _read_lines(path: Path) -> list[ResultRow]:
    try:
        lines = whole_lines(read_regular(path)).decode().removesuffix("\n").split("\n")
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {reason(error)}", hint="give --results another name") from error
    return [_object(line, number, path) for number, line in enumerate(lines, start=1) if lines != [""]]


def _object(line: str, number: int, path: Path) -> ResultRow:
    hint = "repair or remove that line, or give --results another name"
    try:
        value = strict_json(line)
    except ValueError as error:
        raise UsageError(f"{path}, line {number}, is not JSON: {error}", hint) from error
    if not isinstance(value, dict):
        raise UsageError(f"{path}, line {number}, is not a JSON object", hint)
    return value


def _batch(line: ResultRow) -> BatchResult | None:
    counts = ("first", "read", "state_bytes", "peak_memory_bytes")
    well_formed = (
        set(line) == {field.name for field in fields(BatchResult)}
        and all(type(line[name]) is int and line[name] >= 0 for name in counts)
        and isinstance(line["seconds"], float)
        and isinstance(line["right"], list)
        and all(type(each) is bool for each in line["right"])
    )
    return BatchResult(**{**line, "right": tuple(line["right"])}) if well_formed else None


def _check_writable(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("a", encoding="utf-8").close()
    except OSError as error:
        hint = "give --results a name in a folder you may write to"
        raise DiskError(f"{path} cannot be written: {error.strerror}", hint) from error
