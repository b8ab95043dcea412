"""Compute, inside a kernel, what keys and queries become for memory. float32 in, float32 out."""

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def feature(x):
    """Compute ELU(x) + 1."""
    return tl.where(x > 0, x + 1.0, tl.exp(x))


@triton.jit
def unit(x):
    """Compute SiLU(x) / |SiLU(x)| along the last axis; zeros, such as padding, stay zero."""
    bent = x * tl.sigmoid(x)
    length = tl.sqrt(tl.sum(bent * bent, axis=1, keep_dims=True))
    return bent / tl.maximum(length, 1e-12)


@triton.jit
def reciprocal(n, EMPTY: tl.constexpr):
    return tl.where(n > EMPTY, 1.0 / tl.maximum(n, EMPTY), 0.0)
