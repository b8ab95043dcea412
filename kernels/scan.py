"""Compute M_s = A_s M_(s-1) + B_s over a stretch's segments. Columns of M are independent: one block each."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from gemma10m.kernels import reference
from gemma10m.kernels.launch import padded

COLUMNS, INNER = 16, 16


@triton.jit(do_not_specialize=["segments"])
def scan_kernel(decay, gain, out, segments, size, COLUMNS: tl.constexpr, INNER: tl.constexpr, SIZE: tl.constexpr):
    matrix = size * size
    lane = tl.program_id(0).to(tl.int64)
    row, column = tl.arange(0, SIZE)[:, None], tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    inside = (row < size) & (column < size)
    for segment in range(segments):
        at = lane * segments + segment
        before = out + (at + lane) * matrix
        total = tl.load(gain + at * matrix + row * size + column, mask=inside, other=0.0)
        for start in range(0, size, INNER):
            across = start + tl.arange(0, INNER)
            a_inside = (row < size) & (across[None, :] < size)
            a = tl.load(decay + at * matrix + row * size + across[None, :], mask=a_inside, other=0.0)
            m_inside = (across[:, None] < size) & (column < size)
            m = tl.load(before + across[:, None] * size + column, mask=m_inside, other=0.0)
            total = tl.dot(a, m, total, input_precision="tf32x3")
        tl.store(before + matrix + row * size + column, total, mask=inside)
        # The next segment reads what other threads of this block have just stored.
        tl.debug_barrier()


def scan(memory: Tensor, decay: Tensor | None, gain: Tensor) -> Tensor:
    """Compute reference.scan."""
    if decay is None:
        return reference.scan(memory, None, gain)
    batch, heads, segments, size, _ = gain.shape
    out = torch.empty(batch, heads, segments + 1, size, size, dtype=memory.dtype, device=memory.device)
    out[:, :, 0] = memory  # (B, K, E, E)
    scan_kernel[(batch * heads, triton.cdiv(size, COLUMNS))](
        decay.contiguous(), gain.contiguous(), out, segments, size,
        COLUMNS=COLUMNS, INNER=INNER, SIZE=padded(size), num_warps=8, num_stages=1,
    )  # fmt: skip
    return out
