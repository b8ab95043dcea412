"""Compute gelu_tanh(gate) * up in one pass (GLU variants, arXiv 2002.05202)."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from gemma10m.kernels.launch import rows_of

BLOCK = 1024


@triton.jit
def geglu_kernel(gate, up, out, gate_stride, up_stride, size, BLOCK: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    column = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = column < size
    g = tl.load(gate + row * gate_stride + column, mask=inside).to(tl.float32)
    u = tl.load(up + row * up_stride + column, mask=inside).to(tl.float32)
    # gelu_tanh(g) = g (1 + tanh(t)) / 2 = g sigmoid(2t) with t = sqrt(2 / pi) (g + 0.044715 g^3)
    twice = 1.5957691216057308 * (g + 0.044715 * g * g * g)
    tl.store(out + row * size + column, (g * tl.sigmoid(twice) * u).to(out.dtype.element_ty), mask=inside)


def geglu(gate: Tensor, up: Tensor) -> Tensor:
    """Compute reference.geglu; rounded once, at the end."""
    gates, gate_stride = rows_of(gate)
    ups, up_stride = rows_of(up)
    count, size = gates.shape
    out = torch.empty(gate.shape, dtype=gate.dtype, device=gate.device)  # (..., F)
    geglu_kernel[(count, triton.cdiv(size, BLOCK))](gates, ups, out, gate_stride, up_stride, size, BLOCK=BLOCK)
    return out
