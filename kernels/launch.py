"""Every launch shares block sizes, the type products are taken in, and Triton's interpreter."""

from __future__ import annotations

import os

import torch
import triton.language as tl
from torch import Tensor

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
TYPES = {torch.float32: tl.float32, torch.bfloat16: tl.bfloat16, torch.float16: tl.float16}
LEAST_PRODUCT = 16  # the shortest side tl.dot takes


def product_dtype(dtype: torch.dtype) -> tl.dtype:
    """Return the dtype of tl.dot's operands: the tensors' own, but float32 in the interpreter.

    The interpreter's products of bfloat16 are garbage, without a word.
    """
    return tl.float32 if INTERPRETED else TYPES[dtype]


def padded(size: int) -> int:
    """Return the least power of two that a product can take and that holds `size`."""
    return max(LEAST_PRODUCT, 1 << (size - 1).bit_length())


def dense(x: Tensor) -> Tensor:
    """Return x with its last axis dense, as every kernel takes it; the other strides are free."""
    return x if x.stride(-1) == 1 else x.contiguous()


def rows_of(x: Tensor) -> tuple[Tensor, int]:
    """Return x (..., size) as evenly spaced rows, and their distance, without a copy of parts of wider rows."""
    flat = x.reshape(-1, x.shape[-1])  # (rows, width)
    return (flat, flat.stride(0)) if flat.stride(1) == 1 else (flat.contiguous(), x.shape[-1])
