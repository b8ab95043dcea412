"""Read a file into a checked header and tensors. Everything read here is hostile until its check has passed."""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BufferedReader
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from gemma10m.errors import StateError
from gemma10m.regular_file import without_waiting
from gemma10m.state_file.header import FORMAT, FORMAT_NAME, StateHeader, parse_metadata
from gemma10m.state_file.layout import LENGTH_BYTES, MAX_HEADER_BYTES, UNKNOWN_DIGEST, TensorSpec, parse_table
from gemma10m.strict_json import strict_json
from gemma10m.tensor_bytes import all_finite

if TYPE_CHECKING:
    from torch import Tensor

START = b'{"__metadata__":{"format":"' + FORMAT_NAME.encode()
_VERSION = re.compile(rb'[0-9]{1,9}(?=")')
_SEAL = re.compile(rb'(?<="header_sha256":")[0-9a-f]{64}(?=")')
_DAMAGED = "read the document again, or restore the file from a copy"
_WRITTEN_BY = "name the file that `gemma10m read` wrote"


@dataclass(frozen=True)
class Head:
    """Hold a checked header, and where the payload it describes starts."""

    header: StateHeader
    layout: tuple[TensorSpec, ...]
    payload_sha256: str
    payload_start: int


@contextmanager
def opened(path: Path) -> Iterator[tuple[BufferedReader, int]]:
    """Open a regular file; give it and its size in bytes.

    Raises StateError for others, and for OSErrors in the block.
    """
    try:
        with open(path, "rb", opener=without_waiting) as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise StateError(f"{path} is a device or a pipe, not a saved state", _WRITTEN_BY)
            yield file, found.st_size
    except IsADirectoryError:
        raise StateError(f"{path} is a folder, not a saved state", _WRITTEN_BY) from None
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror}", "check the name and the permissions") from error


def read_head(path: Path, file: BufferedReader, size: int) -> Head:
    raw = _read_header_bytes(path, file, size)
    _check_version(path, raw)
    _check_seal(path, raw)
    try:
        table = strict_json(raw.decode())
        metadata = table.pop("__metadata__")
        ids_sha256, payload_sha256, _ = (
            metadata.pop(name) for name in ("open_ids_sha256", "payload_sha256", "header_sha256")
        )
        header = parse_metadata(metadata, ())
    except (KeyError, ValueError) as error:
        raise StateError(f"{path} has a header that no state has: {error}", _DAMAGED) from None
    layout = _check_table(path, table, header)
    start = LENGTH_BYTES + len(raw)
    _check_size(path, size, start + sum(spec.nbytes for spec in layout))
    ids = _read_exactly(path, file, layout[0].nbytes)
    if hashlib.sha256(ids).hexdigest() != ids_sha256:
        _damaged(path, "its open segment")
    header = replace(header, open_ids=tuple(memoryview(ids).cast("i")))
    return Head(header, layout, payload_sha256, start)


def read_tensors(path: Path, file: BufferedReader, head: Head) -> dict[str, Tensor]:
    """Return every tensor of the layout by name, on the CPU."""
    file.seek(head.payload_start)
    digest, tensors = hashlib.sha256(), {}
    for spec in head.layout:
        data = _read_exactly(path, file, spec.nbytes)
        digest.update(data)
        tensors[spec.name] = _tensor(data, spec)
    if digest.hexdigest() != head.payload_sha256:
        _damaged(path, "its payload")
    for name, tensor in tensors.items():
        if not all_finite(tensor):
            raise StateError(f"{path}: its tensor {name} holds values that are not finite", _DAMAGED)
    return tensors


def _read_header_bytes(path: Path, file: BufferedReader, size: int) -> bytes:
    start = file.read(LENGTH_BYTES + len(START))
    if start[LENGTH_BYTES:] != START:
        _not_a_state(path, start)
    length = int.from_bytes(start[:LENGTH_BYTES], "little")
    if not len(START) < length <= MAX_HEADER_BYTES:
        _damaged(path, "its header's length")
    if LENGTH_BYTES + length > size:
        raise StateError(f"{path} is cut short: it has {size} bytes, its header alone takes {length}", _DAMAGED)
    return START + _read_exactly(path, file, length - len(START))


def _not_a_state(path: Path, start: bytes) -> NoReturn:
    if start.startswith(b"version https://git-lfs"):
        raise StateError(f"{path} is a git-lfs pointer, not the state itself", "run `git lfs pull`")
    if start[LENGTH_BYTES : LENGTH_BYTES + 2] == b'{"':
        raise StateError(f"{path} is a .safetensors file, but not a saved state", _WRITTEN_BY)
    raise StateError(f"{path} is not a saved state", _WRITTEN_BY)


def _check_version(path: Path, raw: bytes) -> None:
    version = _VERSION.match(raw, len(START))
    if version is None:
        _damaged(path, "its header")
    if (found := FORMAT_NAME + version[0].decode()) != FORMAT:
        raise StateError(
            f"{path} has the format {found}, this version of gemma10m reads {FORMAT}",
            hint="read the document again, or use the version that wrote it",
        )


def _check_seal(path: Path, raw: bytes) -> None:
    seal = _SEAL.search(raw)
    if seal is None:
        _damaged(path, "its header")
    draft = raw[: seal.start()] + UNKNOWN_DIGEST.encode() + raw[seal.end() :]
    if hashlib.sha256(draft).hexdigest() != seal[0].decode():
        _damaged(path, "its header")


def _check_table(path: Path, table: dict[str, Any], header: StateHeader) -> tuple[TensorSpec, ...]:
    try:
        return parse_table(table, header.reading.open_tokens(header.position))
    except ValueError as error:
        raise StateError(f"{path} is damaged: {error}", _DAMAGED) from None


def _check_size(path: Path, found: int, expected: int) -> None:
    if found < expected:
        raise StateError(f"{path} is cut short: it has {found} bytes, its header promises {expected}", _DAMAGED)
    if found > expected:
        raise StateError(f"{path} has {found - expected} bytes after its end", _DAMAGED)


def _read_exactly(path: Path, file: BufferedReader, nbytes: int) -> bytearray:
    data = bytearray(nbytes)
    if file.readinto(data) != nbytes:
        raise StateError(f"{path} became shorter while it was read", "try again when nothing writes to it")
    return data


def _tensor(data: bytearray, spec: TensorSpec) -> Tensor:
    import torch

    dtype: torch.dtype = getattr(torch, spec.dtype)
    return torch.frombuffer(data, dtype=dtype).view(spec.shape) if data else torch.empty(spec.shape, dtype=dtype)


def _damaged(path: Path, part: str) -> NoReturn:
    raise StateError(f"{path} is damaged: {part} changed after it was saved", _DAMAGED)
