"""Compute what a segment writes to `gated` memory: (I + L)^-1 per chunk of tokens, then the chunks in turn."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from gemma10m.kernels.features import unit
from gemma10m.kernels.launch import dense, padded

CHUNK, COLUMNS, INNER = 16, 16, 32


# Gates follow on the open segment's: their strides are multiples of 16 or not as it happens, and a kernel for each of
# both cases would be built in the middle of a read.
@triton.jit(do_not_specialize=["segments", "gate_b", "gate_k", "gate_g"])
def chunk_kernel(
    keys, values, gates, units, erased, written,
    key_b, key_k, key_g, key_n, value_b, value_k, value_g, value_n, gate_b, gate_k, gate_g, gate_n,
    heads, segments, size, LENGTH: tl.constexpr, CHUNK: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """Compute a chunk's unit keys K and (I + L)^-1 diag(b) [K | V], L the part of diag(b) K K^T below the diagonal."""
    lane = tl.program_id(0).to(tl.int64)
    segment, head, batch = lane % segments, lane // segments % heads, lane // segments // heads
    place, inner = tl.arange(0, CHUNK), tl.arange(0, SIZE)
    token = tl.program_id(1) * CHUNK + place
    inside = (token[:, None] < LENGTH) & (inner[None, :] < size)
    keys += batch * key_b + head * key_k + segment * key_g
    k = unit(tl.load(keys + token[:, None] * key_n + inner[None, :], mask=inside, other=0.0).to(tl.float32))
    gates += batch * gate_b + head * gate_k + segment * gate_g
    b = tl.load(gates + token * gate_n, mask=token < LENGTH, other=0.0)[:, None]
    below = tl.where(place[:, None] > place[None, :], tl.dot(b * k, tl.trans(k), input_precision="tf32x3"), 0.0)
    solved = tl.where(place[:, None] == place[None, :], 1.0, 0.0)
    # Row after row, as the powers of L of a Neumann series can be huge where tokens repeat.
    for row in range(1, CHUNK):
        left = tl.sum(tl.where(place[:, None] == row, below, 0.0), axis=0)
        found = tl.sum(left[:, None] * solved, axis=0)
        solved = tl.where(place[:, None] == row, solved - found[None, :], solved)
    at = (lane * LENGTH + token[:, None]) * size + inner[None, :]
    tl.store(units + at, k, mask=inside)
    tl.store(erased + at, tl.dot(solved, b * k, input_precision="tf32x3"), mask=inside)
    values += batch * value_b + head * value_k + segment * value_g
    v = tl.load(values + token[:, None] * value_n + inner[None, :], mask=inside, other=0.0).to(tl.float32)
    tl.store(written + at, tl.dot(solved, b * v, input_precision="tf32x3"), mask=inside)


@triton.jit
def compose_kernel(
    units, erased, written, decay, gain, size,
    LENGTH: tl.constexpr, CHUNK: tl.constexpr, COLUMNS: tl.constexpr, INNER: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    """Compute columns of the segment's map, X <- X + K^T (U - W X) over its chunks: B from 0, A from I without U."""
    lane = tl.program_id(0).to(tl.int64)
    blocks = tl.num_programs(1) // 2
    erases = tl.program_id(1) < blocks
    inner, place = tl.arange(0, SIZE), tl.arange(0, CHUNK)
    block = tl.reshape(inner, SIZE // INNER, INNER)
    column = tl.program_id(1) % blocks * COLUMNS + tl.arange(0, COLUMNS)
    x = tl.where((inner[:, None] == column[None, :]) & erases, 1.0, 0.0)
    for start in range(0, LENGTH, CHUNK):
        token = start + place
        at = (lane * LENGTH + token) * size
        # In blocks of E: a product that sums over all of it would hold all of x in every warp's registers.
        w_inside = (token[None, :, None] < LENGTH) & (block[:, None, :] < size)
        w = tl.load(erased + at[None, :, None] + block[:, None, :], mask=w_inside, other=0.0)
        parts = tl.dot(w, tl.reshape(x, SIZE // INNER, INNER, COLUMNS), input_precision="tf32x3")
        u_inside = (token[:, None] < LENGTH) & (column[None, :] < size)
        u = tl.load(written + at[:, None] + column[None, :], mask=u_inside & (not erases), other=0.0)
        new = u - tl.sum(parts, axis=0)
        k_inside = (token[None, :] < LENGTH) & (inner[:, None] < size)
        k = tl.load(units + at[None, :] + inner[:, None], mask=k_inside, other=0.0)
        x = tl.dot(k, new, x, input_precision="tf32x3")
    to = lane * size * size + inner[:, None] * size + column[None, :]
    inside = (inner[:, None] < size) & (column[None, :] < size)
    tl.store(decay + to, x, mask=inside & erases)
    tl.store(gain + to, x, mask=inside & (not erases))


def gated_update(keys: Tensor, values: Tensor, write_gates: Tensor) -> tuple[Tensor, Tensor]:
    """Compute reference.gated_update for keys and values (B, K, G, N, E) and write_gates (B, K, G, N)."""
    keys, values = dense(keys), dense(values)
    batch, heads, segments, length, size = keys.shape
    lanes, wide = batch * heads * segments, padded(size)
    units, erased, written = (torch.empty(keys.shape, dtype=torch.float32, device=keys.device) for _ in range(3))
    chunk_kernel[(lanes, triton.cdiv(length, CHUNK))](
        keys, values, write_gates, units, erased, written,
        *keys.stride()[:4], *values.stride()[:4], *write_gates.stride(),
        heads, segments, size, LENGTH=length, CHUNK=CHUNK, SIZE=wide, num_warps=8,
    )  # fmt: skip
    shape = (batch, heads, segments, size, size)
    decay, gain = (torch.empty(shape, dtype=torch.float32, device=keys.device) for _ in range(2))
    compose_kernel[(lanes, 2 * triton.cdiv(size, COLUMNS))](
        units, erased, written, decay, gain, size,
        LENGTH=length, CHUNK=CHUNK, COLUMNS=COLUMNS, INNER=min(INNER, wide), SIZE=wide,
        num_warps=8, num_stages=1,
    )  # fmt: skip
    return decay, gain
