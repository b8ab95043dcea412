"""Take matrices of 4 bits out of a GGUF file as they are: levels keep their bits, scales are rounded to bfloat16.

ggml's blocks (https://github.com/ggml-org/ggml/blob/master/src/ggml-common.h) hold two levels to a byte and a step for
32 of them, as `ops.packed_linear` takes them; what changes is their order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import FileIO

import torch
from torch import Tensor

from gemma10m import ops
from gemma10m.weights.finite import check_finite
from gemma10m.weights.headers import TensorEntry
from gemma10m.weights.quantising import pack
from gemma10m.weights.sources.dequantise import fill

PIECE = 2**22  # bytes of blocks at a time


@dataclass(frozen=True)
class _Blocks:
    """Describe ggml's blocks of one type."""

    weights: int
    nbytes: int
    head: int  # bytes before the levels
    run: int  # neighbouring bytes: their low bits are so many columns, their high bits the next ones
    scales: Callable[[Tensor], tuple[Tensor, Tensor]]  # the heads' bytes -> each group's step, and its level 0


def _step(heads: Tensor) -> tuple[Tensor, Tensor]:
    """Read Q4_0: w = d (q - 8)."""
    steps = _halves(heads)
    return steps, -8 * steps


def _step_and_least(heads: Tensor) -> tuple[Tensor, Tensor]:
    """Read Q4_1: w = d q + m."""
    steps, least = _halves(heads).split(1, dim=-1)
    return steps, least


def _scaled_steps(heads: Tensor) -> tuple[Tensor, Tensor]:
    """Read Q4_K: w = d s q - e m, with s and m of 6 bits for each 32 weights, the upper two of four of them apart."""
    step, least = _halves(heads[..., :4]).split(1, dim=-1)
    first, second, third = heads[..., 4:].split(4, dim=-1)
    factors = torch.cat((first & 63, third & 15 | first >> 6 << 4), dim=-1)
    offsets = torch.cat((second & 63, third >> 4 | second >> 6 << 4), dim=-1)
    return step * factors, -least * offsets


def _halves(numbers: Tensor) -> Tensor:
    return numbers.contiguous().view(torch.float16).float()


_BLOCKS = {
    "Q4_0": _Blocks(32, 18, 2, 16, _step),
    "Q4_1": _Blocks(32, 20, 4, 16, _step_and_least),
    "Q4_K": _Blocks(256, 144, 16, 32, _scaled_steps),
}
FOUR_BITS = frozenset(_BLOCKS)


def load_packed(entry: TensorEntry, places: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """Return `packed` and `scales` of a matrix, as `QuantisedLinear` holds them; row i belongs at `places[i]`.

    Raises ModelError for a file that was changed, and for scales that are not finite.
    """
    blocks = _BLOCKS[entry.dtype]
    rows = _read(entry)
    if places is not None:
        rows[places] = rows[: entry.shape[0]].clone()
    packed, scales = [], []
    for part in rows.split(max(1, PIECE // rows.shape[1] // ops.PACKED_ROWS) * ops.PACKED_ROWS):
        cells = part.view(len(part), -1, blocks.nbytes)
        packed.append(pack(_levels(cells[..., blocks.head :], blocks.run)))
        steps, least = (each.flatten(1) for each in blocks.scales(cells[..., : blocks.head]))
        scales.append(torch.stack((steps, least + 8 * steps), dim=-1).transpose(0, 1))  # by group, then row
    return torch.cat(packed), check_finite(entry.name, torch.cat(scales, dim=1).bfloat16())


def _levels(cells: Tensor, run: int) -> Tensor:
    """Return the levels, 0 to 15, of bytes that hold two each: (rows, blocks, bytes) -> (rows, columns)."""
    runs = cells.unflatten(-1, (-1, run))
    return torch.stack((runs & 15, runs >> 4), dim=-2).flatten(1)


def _read(entry: TensorEntry) -> Tensor:
    """Return the blocks of each row as bytes (rows, bytes), with rows of zeros up to a multiple of `PACKED_ROWS`."""
    count = entry.shape[0] + -entry.shape[0] % ops.PACKED_ROWS
    data = bytearray(count * (entry.nbytes // entry.shape[0]))
    with FileIO(entry.shard) as file:
        file.seek(entry.start)
        fill(file, memoryview(data)[: entry.nbytes], entry)
    return torch.frombuffer(data, dtype=torch.uint8).view(count, -1)
