"""Read and check the header of a safetensors file without touching the tensors.

The format (https://huggingface.co/docs/safetensors, "Format"): 8 bytes N (little endian), N bytes of JSON, the data.
Offsets count from the start of the data and cover it without holes or overlaps.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from gemma10m.errors import ModelError
from gemma10m.strict_json import quote
from gemma10m.weights.model_json import parse_json
from gemma10m.weights.sniffing import SNIFFED_BYTES, wrong_file

DTYPE_BYTES = {"F32": 4, "BF16": 2, "F16": 2}
LEVELS, SCALES = (".int4", ".int8"), ".scales"  # how the names of a packed matrix's two tensors end
COUNT = ".prior_count"  # how the names of whole numbers in I64 end: Megalodon's norms have one each

# The format allows 100 MB, which Python would turn into gigabytes of objects; a Gemma checkpoint needs under 100 kB.
MAX_HEADER_BYTES = 16 * 2**20
_MAX_DIMENSIONS = 8
_DAMAGED = "the file is damaged: download it again"


@dataclass(frozen=True)
class TensorEntry:
    """Say where a tensor lies: bytes `start` to `end` of the file `shard`."""

    name: str
    dtype: str  # "F32", "BF16" or "F16"; "I64" for a count; "INT4" and "INT8" for packed matrices
    shape: tuple[int, ...]
    shard: Path
    start: int
    end: int

    @property
    def nbytes(self) -> int:
        return self.end - self.start


def read_header(file: BinaryIO, path: Path) -> dict[str, TensorEntry]:
    """Return a safetensors file's tensors by name. Raises ModelError that says what the file is instead."""
    size = os.fstat(file.fileno()).st_size
    header = _read_header_bytes(file, path, size)
    parsed = parse_json(header, f"the header of {path}")
    if not isinstance(parsed, dict):
        raise ModelError(f"the header of {path} must be a JSON object, found {quote(parsed)}", _DAMAGED)
    _check_metadata(parsed.pop("__metadata__", None), path)
    data_start = 8 + len(header)
    entries = [_entry(name, fields, path, data_start) for name, fields in parsed.items()]
    _check_layout(entries, path, data_start, size)
    return {entry.name: entry for entry in entries}


def _read_header_bytes(file: BinaryIO, path: Path, size: int) -> bytes:
    head = file.read(SNIFFED_BYTES)
    length = int.from_bytes(head[:8], "little")
    looks_right = length <= MAX_HEADER_BYTES and head[8:9] == b"{"
    if not looks_right:
        raise wrong_file(head, size, path) or _not_safetensors(head, size, path, length)
    if size < 8 + length:
        raise ModelError(f"{path} is cut short: found {size:,} bytes, its header alone needs {8 + length:,}", _DAMAGED)
    file.seek(8)
    return file.read(length)


def _not_safetensors(head: bytes, size: int, path: Path, length: int) -> ModelError:
    if len(head) < 9:
        return ModelError(f"{path} is cut short: found {size:,} bytes, a safetensors file has at least 10", _DAMAGED)
    if head[8:9] == b"{":
        found = f"found a header of {length:,} bytes, at most {MAX_HEADER_BYTES:,} expected"
    else:
        found = f"found {size:,} bytes that start with {head[:16]!r}"
    return ModelError(f"{path} is not a safetensors file: {found}", _DAMAGED)


def _check_metadata(metadata: object, path: Path) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ModelError(f"the header of {path} has metadata that is not text: {quote(metadata)}", _DAMAGED)


def _entry(name: str, fields: object, path: Path, data_start: int) -> TensorEntry:
    where = f"tensor {quote(name)} in {path}"
    if not isinstance(fields, dict) or fields.keys() != {"dtype", "shape", "data_offsets"}:
        raise ModelError(f"{where} must have dtype, shape and data_offsets, found {quote(fields)}", _DAMAGED)
    dtype, shape, offsets = fields["dtype"], fields["shape"], fields["data_offsets"]
    sizes = {"I64": 8} if name.endswith(COUNT) else {"U8": 1} if name.endswith(LEVELS) else DTYPE_BYTES
    if not isinstance(dtype, str) or dtype not in sizes:
        raise ModelError(
            f"{where} has the dtype {quote(dtype)}, {', '.join(sizes)} expected",
            hint="quantised checkpoints are not read: use the model's float32 or bfloat16 version",
        )
    if not _is_counts(shape) or len(shape) > _MAX_DIMENSIONS:
        raise ModelError(f"{where} has a shape that is not a list of sizes: {quote(shape)}", _DAMAGED)
    if not _is_counts(offsets) or len(offsets) != 2:
        raise ModelError(f"{where} has offsets that are not two counts of bytes: {quote(offsets)}", _DAMAGED)
    begin, end = offsets
    expected = math.prod(shape) * sizes[dtype]
    if end - begin != expected:
        raise ModelError(
            f"{where} has {end - begin:,} bytes, {expected:,} expected for shape {shape} in {dtype}", _DAMAGED
        )
    return TensorEntry(name, dtype, tuple(shape), path, data_start + begin, data_start + end)


def _is_counts(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and 0 <= item < 2**63 for item in value)


def _check_layout(entries: list[TensorEntry], path: Path, data_start: int, size: int) -> None:
    position = data_start
    for entry in sorted(entries, key=lambda entry: (entry.start, entry.end)):
        if entry.start != position:
            fault = "overlaps the tensor before it" if entry.start < position else "leaves a hole before it"
            raise ModelError(
                f"tensor {quote(entry.name)} in {path} {fault}: "
                f"found at byte {entry.start:,}, expected at {position:,}",
                _DAMAGED,
            )
        position = entry.end
    if size != position:
        fault = "is cut short" if size < position else "has bytes after its last tensor"
        raise ModelError(f"{path} {fault}: found {size:,} bytes, {position:,} expected", _DAMAGED)
