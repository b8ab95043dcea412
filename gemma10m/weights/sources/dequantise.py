"""Dequantise tensors of a GGUF file a few rows at a time, so that one piece is in memory beside the result."""

from __future__ import annotations

from collections.abc import Callable
from io import FileIO

import torch
from torch import Tensor

from gemma10m.errors import ModelError
from gemma10m.weights.headers import TensorEntry

PIECE = 2**18  # weights: beyond some MB a piece leaves the processor's cache and takes twice the time
# PyTorch goes through fewer numbers than this in one thread. Its threads wait for one another, and where other programs
# keep the processors busy the many short waits took 28 s in place of one.
_SERIAL = 2**15 - 1
PLAIN = {"F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}
QUANTISED = frozenset(
    {"Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL"}
)  # fmt: skip


def load_tensor(
    entry: TensorEntry,
    dtype: torch.dtype,
    device: str,
    *,
    added: float = 0.0,
    places: Tensor | None = None,
) -> Tensor:
    """Return the tensor in `dtype` on `device`.

    `added` is added to every number, in float32; row i belongs at `places[i]`. The file is read, not mapped: if it is
    cut short meanwhile, that is an error and no crash, and its pages are not counted twice. Raises ModelError for a
    type that is not read, when gguf is not installed, and for a file that was changed.
    """
    numbers = _reader(entry)
    result = torch.empty(entry.shape, dtype=dtype, device=device)
    width = 1 if places is not None and len(entry.shape) == 1 else entry.shape[-1]
    rows = result.view(-1, width)
    piece = max(1, PIECE // width)  # rows
    row_bytes = entry.nbytes // len(rows)
    buffer = bytearray(min(piece, len(rows)) * row_bytes)
    with FileIO(entry.shard) as file:
        file.seek(entry.start)
        for first in range(0, len(rows), piece):
            count = min(piece, len(rows) - first)
            _fill(file, memoryview(buffer)[: count * row_bytes], entry)
            values = numbers(buffer, count * row_bytes).view(count, width)
            _put(rows, first, values, added, places)
    return result


def _put(rows: Tensor, first: int, values: Tensor, added: float, places: Tensor | None) -> None:
    """Write values into the rows from `first` on, or into their places."""
    count = max(1, _SERIAL // values.shape[1]) if rows.is_cpu else len(values)
    for start in range(0, len(values), count):
        part = values[start : start + count]
        part = part.float() + added if added else part
        there = slice(first + start, first + start + len(part))
        if places is None:
            rows[there] = part
        else:
            rows.index_copy_(0, places[there].to(rows.device), part.to(device=rows.device, dtype=rows.dtype))


def _fill(file: FileIO, buffer: memoryview, entry: TensorEntry) -> None:
    while buffer:
        count = file.readinto(buffer)
        if not count:
            raise ModelError(f"{entry.shard} was changed while it was read", hint="run the command again")
        buffer = buffer[count:]


def _reader(entry: TensorEntry) -> Callable[[bytearray, int], Tensor]:
    """Return what converts the first so many bytes of a buffer to numbers, which may be views of the buffer."""
    if entry.dtype in PLAIN:
        dtype = PLAIN[entry.dtype]
        return lambda buffer, size: torch.frombuffer(buffer, dtype=dtype, count=size // dtype.itemsize)
    if entry.dtype not in QUANTISED:
        raise ModelError(
            f"{entry.name} in {entry.shard} has the type {entry.dtype}, which is not read",
            hint=f"choose a file in one of {', '.join(sorted(QUANTISED | PLAIN.keys()))}, Q4_K_M for example",
        )
    try:
        import gguf
        import numpy
    except ImportError as error:
        raise ModelError(
            f"{entry.shard} is quantised, and the package gguf, which reads it, is not installed",
            hint="pip install 'gemma10m[gguf]'",
        ) from error
    kind = gguf.GGMLQuantizationType[entry.dtype]

    def numbers(buffer: bytearray, size: int) -> Tensor:
        with numpy.errstate(all="ignore"):  # a damaged scale may be infinite
            # as one row: the library goes through rows in Python
            values = gguf.dequantize(numpy.frombuffer(buffer, numpy.uint8, size)[None], kind)
        return torch.from_numpy(values)

    return numbers
