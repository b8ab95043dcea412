"""Append answers to a file, one JSON object a line, so that a killed run resumes after the last whole line."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from gemma10m.atomic_file import disk_error
from gemma10m.errors import UsageError
from gemma10m.strict_json import canonical_json, strict_json

Record = dict[str, Any]

_START = b'{"question":"'  # of every line: how one that was cut short is told from what another program wrote
_KEY = ("question", "id", "read", "sampling", "recall", "checked")


def answers_in(path: Path) -> list[Record]:
    """Return what earlier runs wrote; remove a last line that was cut short, and create a missing file.

    Raises UsageError for a file with any other content, DiskError for one that cannot be written.
    """
    try:
        if path.exists() and not stat.S_ISREG(path.stat().st_mode):
            raise _not_ours(path, "it is not a regular file")
        path.open("ab").close()
        content = path.read_bytes()
    except OSError as error:
        raise disk_error(path, error) from error
    whole, newline, rest = content.rpartition(b"\n")
    records = [_record(line, path, number) for number, line in enumerate(whole.split(b"\n"), start=1) if newline]
    if rest:
        if not _is_cut_short(rest):
            _record(rest, path, len(records) + 1)
        _shorten(path, len(content) - len(rest))
    return records


def matched(wanted: Iterable[Record], answered: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """Return the answers that are there, and the records of `wanted`, in order, that have none.

    A question asked twice needs two.
    """
    there: dict[str, list[Record]] = {}
    for record in answered:
        there.setdefault(_key(record), []).append(record)
    found, left = list[Record](), list[Record]()
    for record in wanted:
        if answers := there.get(_key(record)):
            found.append(answers.pop(0))
        else:
            left.append(record)
    return found, left


def add_answer(path: Path, record: Record) -> None:
    """Append an answer to the file. `record` begins with its question. Raises DiskError."""
    try:
        with path.open("ab") as file:
            file.write(canonical_json(record).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise disk_error(path, error) from error


def _key(record: Record) -> str:
    return canonical_json([record.get(name) for name in _KEY])


def _is_cut_short(line: bytes) -> bool:
    return (line.startswith(_START) or _START.startswith(line)) and _value(line) is None


def _value(line: bytes) -> object:
    """Return the line's value, or None if it is not JSON."""
    try:
        return strict_json(line.decode("utf-8"))
    except ValueError:
        return None


def _record(line: bytes, path: Path, number: int) -> Record:
    value = _value(line)
    if not isinstance(value, dict) or not {"question", "answer", "read", "sampling", "recall"} <= value.keys():
        raise _not_ours(path, f"line {number} is not an answer")
    return value


def _shorten(path: Path, nbytes: int) -> None:
    try:
        os.truncate(path, nbytes)
    except OSError as error:
        raise disk_error(path, error) from error


def _not_ours(path: Path, why: str) -> UsageError:
    return UsageError(f"{path} is not a file of answers: {why}", hint="give --output another name")
