"""Rotate by halves (RoFormer, arXiv 2104.09864), from where a product left the heads."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from gemma10m.kernels.launch import dense

TOKENS = 16


@triton.jit(do_not_specialize=["tokens"])
def rotate_kernel(
    x, cos, sin, out, batch_stride, head_stride, token_stride, heads, tokens, half,
    TOKENS: tl.constexpr, HALF: tl.constexpr,
):  # fmt: skip
    batch, head = tl.program_id(1).to(tl.int64) // heads, tl.program_id(1).to(tl.int64) % heads
    token = tl.program_id(0).to(tl.int64) * TOKENS + tl.arange(0, TOKENS)[:, None]
    column = tl.arange(0, HALF)[None, :]
    inside = (token < tokens) & (column < half)
    at = x + batch * batch_stride + head * head_stride + token * token_stride + column
    first = tl.load(at, mask=inside).to(tl.float32)
    second = tl.load(at + half, mask=inside).to(tl.float32)
    # Both halves of a row of cos and sin are the same.
    c = tl.load(cos + token * 2 * half + column, mask=inside)
    s = tl.load(sin + token * 2 * half + column, mask=inside)
    to = out + (tl.program_id(1).to(tl.int64) * tokens + token) * 2 * half + column
    tl.store(to, (first * c - second * s).to(out.dtype.element_ty), mask=inside)
    tl.store(to + half, (second * c + first * s).to(out.dtype.element_ty), mask=inside)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Compute reference.rotate for x (B, heads, S, E) of any strides whose last is 1; the result is contiguous."""
    batch, heads, tokens, size = x.shape
    x = dense(x)
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)  # (B, heads, S, E)
    rotate_kernel[(triton.cdiv(tokens, TOKENS), batch * heads)](
        x, cos, sin, out, x.stride(0), x.stride(1), x.stride(2), heads, tokens, size // 2,
        TOKENS=TOKENS, HALF=triton.next_power_of_2(size // 2),
    )  # fmt: skip
    return out
