"""Multiply few rows by a packed matrix: each byte is read once, and no number of the matrix is ever in memory."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from gemma10m.kernels.launch import rows_of


@triton.jit
def packed_kernel(
    x, packed, scales, out, x_stride, size, columns, rows, HALF: tl.constexpr, GROUP: tl.constexpr
):  # fmt: skip
    block, row = tl.program_id(0).to(tl.int64), tl.program_id(1).to(tl.int64)
    lanes = tl.arange(0, HALF)
    low_sum = tl.zeros((HALF,), tl.float32)
    high_sum = tl.zeros((HALF,), tl.float32)
    for first in range(0, columns, GROUP):
        column = first + tl.arange(0, GROUP)
        both = tl.load(packed + (block * columns + column[:, None]) * HALF + lanes[None, :]).to(tl.int32)
        # Eight bits are two columns of four, which the same number is multiplied with.
        number = tl.load(x + row * x_stride + column % size).to(tl.float32)
        own = scales + 2 * (block * 2 * HALF + lanes + first // GROUP * rows)
        low = tl.sum(number[:, None] * ((both & 15) - 8).to(tl.float32), axis=0)
        high = tl.sum(number[:, None] * ((both >> 4) - 8).to(tl.float32), axis=0)
        total = tl.sum(number, axis=0)
        low_sum += tl.load(own).to(tl.float32) * low + tl.load(own + 1).to(tl.float32) * total
        high_sum += tl.load(own + 2 * HALF).to(tl.float32) * high + tl.load(own + 2 * HALF + 1).to(tl.float32) * total
    there = out + row * rows + block * 2 * HALF + lanes
    tl.store(there, low_sum.to(out.dtype.element_ty))
    tl.store(there + HALF, high_sum.to(out.dtype.element_ty))


def packed_linear(x: Tensor, packed: Tensor, scales: Tensor) -> Tensor:
    """Compute reference.packed_linear with float32 sums; every row of x reads the matrix again."""
    flat, stride = rows_of(x)
    blocks, columns, half = packed.shape
    groups, rows = scales.shape[:2]
    out = torch.empty(*x.shape[:-1], rows, dtype=x.dtype, device=x.device)  # (..., rows)
    packed_kernel[(blocks, flat.shape[0])](
        flat, packed, scales, out, stride, x.shape[-1], columns, rows, HALF=half, GROUP=columns // groups
    )
    return out
