"""Compute what a segment writes to `linear` and `delta` memory: its keys' features times values or themselves."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from gemma10m.kernels.features import feature, reciprocal
from gemma10m.kernels.launch import dense, padded
from gemma10m.kernels.reference import EMPTY

TOKENS, ROWS, COLUMNS = 32, 64, 64


@triton.jit(do_not_specialize=["segments"])
def product_kernel(
    keys, right, inverse, out, total,
    key_b, key_k, key_g, key_n, right_b, right_k, right_g, right_n,  # strides; the last axes lie dense
    heads, segments, size,
    LENGTH: tl.constexpr, ERASES: tl.constexpr,
    TOKENS: tl.constexpr, ROWS: tl.constexpr, COLUMNS: tl.constexpr,
):  # fmt: skip
    """Compute phi(K)^T V and the sum of phi(K); or, if it erases, I - phi(K)^T diag(inverse) phi(K)."""
    lane = tl.program_id(0).to(tl.int64)
    segment, head, batch = lane % segments, lane // segments % heads, lane // segments // heads
    row, column = tl.program_id(1) * ROWS + tl.arange(0, ROWS), tl.program_id(2) * COLUMNS + tl.arange(0, COLUMNS)
    keys += batch * key_b + head * key_k + segment * key_g
    right += batch * right_b + head * right_k + segment * right_g
    product = tl.zeros((ROWS, COLUMNS), tl.float32)
    summed = tl.zeros((ROWS,), tl.float32)
    for start in range(0, LENGTH, TOKENS):
        token = start + tl.arange(0, TOKENS)
        read = token < LENGTH
        k_inside = read[None, :] & (row[:, None] < size)
        k = tl.load(keys + token[None, :] * key_n + row[:, None], mask=k_inside, other=0.0).to(tl.float32)
        phi = tl.where(k_inside, feature(k), 0.0)  # one row a column of K
        r_inside = read[:, None] & (column[None, :] < size)
        r = tl.load(right + token[:, None] * right_n + column[None, :], mask=r_inside, other=0.0).to(tl.float32)
        if ERASES:
            weight = tl.load(inverse + lane * LENGTH + token, mask=read, other=0.0)
            r = tl.where(r_inside, feature(r), 0.0) * weight[:, None]
        product = tl.dot(phi, r, product, input_precision="tf32x3")
        summed += tl.sum(phi, axis=1)
    if ERASES:
        product = tl.where(row[:, None] == column[None, :], 1.0, 0.0) - product
    at = lane * size * size + row[:, None] * size + column[None, :]
    tl.store(out + at, product, mask=(row[:, None] < size) & (column[None, :] < size))
    if not ERASES:
        # Every block of columns finds the same sums.
        tl.store(total + lane * size + row, summed, mask=row < size)


@triton.jit(do_not_specialize=["segments"])
def inverse_kernel(
    keys, normaliser, out, key_b, key_k, key_g, key_n, z_b, z_k, z_g, heads, segments, size,
    EMPTY: tl.constexpr, LENGTH: tl.constexpr, TOKENS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """Compute 1 / (phi(K) z), or 0 where nothing was written."""
    lane = tl.program_id(0).to(tl.int64)
    segment, head, batch = lane % segments, lane // segments % heads, lane // segments // heads
    token, inner = tl.program_id(1) * TOKENS + tl.arange(0, TOKENS), tl.arange(0, SIZE)
    inside = (token[:, None] < LENGTH) & (inner[None, :] < size)
    at = keys + batch * key_b + head * key_k + segment * key_g + token[:, None] * key_n + inner[None, :]
    phi = tl.where(inside, feature(tl.load(at, mask=inside, other=0.0).to(tl.float32)), 0.0)
    z = tl.load(normaliser + batch * z_b + head * z_k + segment * z_g + inner, mask=inner < size, other=0.0)
    found = reciprocal(tl.sum(phi * z[None, :], axis=1), EMPTY)
    tl.store(out + lane * LENGTH + token, found, mask=token < LENGTH)


def linear_update(keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """Compute reference.linear_update for keys and values (B, K, G, N, E)."""
    keys, values = dense(keys), dense(values)
    lanes, size = keys.shape[:3], keys.shape[4]
    gain = torch.empty(*lanes, size, size, dtype=torch.float32, device=keys.device)  # (B, K, G, E, E)
    total = torch.empty(*lanes, size, dtype=torch.float32, device=keys.device)  # (B, K, G, E)
    _product(keys, values, total, gain, total, erases=False)
    return gain, total


def delta_decay(keys: Tensor, normaliser: Tensor) -> Tensor:
    """Compute reference.delta_decay for keys (B, K, G, N, E) and normaliser (B, K, G, E)."""
    keys, normaliser = dense(keys), dense(normaliser)
    (batch, heads, segments, length, size), strides = keys.shape, keys.stride()
    inverse = torch.empty(batch, heads, segments, length, dtype=torch.float32, device=keys.device)  # (B, K, G, N)
    inverse_kernel[(batch * heads * segments, triton.cdiv(length, TOKENS))](
        keys, normaliser, inverse, *strides[:4], *normaliser.stride()[:3], heads, segments, size,
        EMPTY=EMPTY, LENGTH=length, TOKENS=TOKENS, SIZE=padded(size),
    )  # fmt: skip
    decay = torch.empty(batch, heads, segments, size, size, dtype=torch.float32, device=keys.device)
    _product(keys, keys, inverse, decay, decay, erases=True)
    return decay


def _product(keys: Tensor, right: Tensor, inverse: Tensor, out: Tensor, total: Tensor, *, erases: bool) -> None:
    batch, heads, segments, length, size = keys.shape
    rows, columns = triton.cdiv(size, ROWS), triton.cdiv(size, COLUMNS)
    product_kernel[(batch * heads * segments, rows, columns)](
        keys, right, inverse, out, total, *keys.stride()[:4], *right.stride()[:4], heads, segments, size,
        LENGTH=length, ERASES=erases, TOKENS=TOKENS, ROWS=ROWS, COLUMNS=COLUMNS,
    )  # fmt: skip
