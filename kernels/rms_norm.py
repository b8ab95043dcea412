"""Compute RMS norm, and in the same pass the sum of a residual stream with what a block adds to it."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from gemma10m.kernels.launch import rows_of


@triton.jit
def rms_norm_kernel(
    x, added, weight, total, out, x_stride, added_stride, size, eps, offset, ADDS: tl.constexpr, BLOCK: tl.constexpr
):
    row = tl.program_id(0).to(tl.int64)
    column = tl.arange(0, BLOCK)
    inside = column < size
    values = tl.load(x + row * x_stride + column, mask=inside, other=0.0).to(tl.float32)
    if ADDS:
        values += tl.load(added + row * added_stride + column, mask=inside, other=0.0).to(tl.float32)
        # What is normalised is what is kept: the sum as it was rounded.
        rounded = values.to(total.dtype.element_ty)
        tl.store(total + row * size + column, rounded, mask=inside)
        values = rounded.to(tl.float32)
    scale = offset + tl.load(weight + column, mask=inside, other=0.0).to(tl.float32)
    inverse = 1.0 / tl.sqrt(tl.sum(values * values, axis=0) / size + eps)
    tl.store(out + row * size + column, (values * inverse * scale).to(out.dtype.element_ty), mask=inside)


def rms_norm(x: Tensor, weight: Tensor, eps: float, offset: float = 1.0) -> Tensor:
    """Compute reference.rms_norm."""
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)  # (..., D)
    _launch(x, x, weight, out, out, eps, offset, adds=False)
    return out


def add_rms_norm(x: Tensor, added: Tensor, weight: Tensor, eps: float, offset: float = 1.0) -> tuple[Tensor, Tensor]:
    """Compute reference.add_rms_norm."""
    total = torch.empty(x.shape, dtype=x.dtype, device=x.device)  # (..., D)
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)  # (..., D)
    _launch(x, added, weight, total, out, eps, offset, adds=True)
    return total, out


def _launch(
    x: Tensor, added: Tensor, weight: Tensor, total: Tensor, out: Tensor, eps: float, offset: float, *, adds: bool
) -> None:
    xs, x_stride = rows_of(x)
    extra, added_stride = rows_of(added)
    count, size = xs.shape
    rms_norm_kernel[(count,)](
        xs, extra, weight, total, out, x_stride, added_stride, size, eps, offset,
        ADDS=adds, BLOCK=triton.next_power_of_2(size),
    )  # fmt: skip
