"""Measure this machine's best in the run whose figures are compared with it."""

from __future__ import annotations

import torch

from gemma10m.bench.timing import device_seconds

PRODUCTS = {"cuda": ((8192, 8192, 8192), (2048, 13312, 2048), (16384, 2048, 16384)), "cpu": ((2048, 2048, 16384),)}
COPIED = {"cuda": 1 << 30, "cpu": 1 << 28}  # bytes: beyond every cache


def matrix_peak(device: str, dtype: torch.dtype) -> float:
    """Return the FLOP/s of the fastest of a few large products of random numbers."""
    return max(_product_rate(device, dtype, *shape) for shape in PRODUCTS[device])


def _product_rate(device: str, dtype: torch.dtype, rows: int, inner: int, columns: int) -> float:
    a = torch.randn(rows, inner, device=device).to(dtype)
    b = torch.randn(columns, inner, device=device).to(dtype)
    return 2 * rows * inner * columns / min(device_seconds(lambda: a @ b.mT, device, 5))


def copy_rate(device: str) -> float:
    """Return the bytes/s read and written by copying a large tensor."""
    source = torch.ones(COPIED[device] // 4, device=device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / min(device_seconds(lambda: target.copy_(source), device, 5))
