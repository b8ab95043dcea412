"""Dequantise tensors of a GGUF file a few rows at a time, so that some pieces are in memory beside the result.

Blocks of blocks (Q4_K and the like) take many operations of NumPy, which lets other threads run: each has a piece. The
others take few, and threads would wait for one another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
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
BLOCK_DTYPES = frozenset(
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

    def convert(first: int, packed: memoryview) -> None:
        _put(rows, first, numbers(packed).view(-1, width), added, places)

    is_slow, threads, waiting = entry.dtype.endswith("_K"), torch.get_num_threads(), deque[Future[None]]()
    buffer = bytearray(min(piece, len(rows)) * row_bytes)
    with FileIO(entry.shard) as file, ThreadPoolExecutor(threads) as pool:
        file.seek(entry.start)
        for first in range(0, len(rows), piece):
            size = min(piece, len(rows) - first) * row_bytes
            packed = memoryview(bytearray(size) if is_slow else buffer)[:size]
            fill(file, packed, entry)
            if not is_slow:
                convert(first, packed)
                continue
            waiting.append(pool.submit(convert, first, packed))
            if len(waiting) > threads:
                waiting.popleft().result()
        for each in waiting:
            each.result()
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


def fill(file: FileIO, buffer: memoryview, entry: TensorEntry) -> None:
    """Read a part of a tensor's bytes. Raises ModelError for a file that was cut short."""
    while buffer:
        count = file.readinto(buffer)
        if not count:
            raise ModelError(f"{entry.shard} was changed while it was read", hint="run the command again")
        buffer = buffer[count:]


def _reader(entry: TensorEntry) -> Callable[[memoryview], Tensor]:
    """Return what converts packed rows to numbers, which may be views of them."""
    if entry.dtype in PLAIN:
        dtype = PLAIN[entry.dtype]
        return lambda packed: torch.frombuffer(packed, dtype=dtype)
    if entry.dtype not in BLOCK_DTYPES:
        raise ModelError(
            f"{entry.name} in {entry.shard} has the type {entry.dtype}, which is not read",
            hint=f"choose a file in one of {', '.join(sorted(BLOCK_DTYPES | PLAIN.keys()))}, Q4_K_M for example",
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

    def numbers(packed: memoryview) -> Tensor:
        with numpy.errstate(all="ignore"):  # a damaged scale may be infinite
            # as one row: the library goes through rows in Python
            values = gguf.dequantize(numpy.frombuffer(packed, numpy.uint8)[None], kind)
        return torch.from_numpy(values)

    return numbers
