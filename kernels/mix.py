"""Normalise memory's answer to a segment's queries and mix it with local attention, in the output's layout."""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from gemma10m.kernels.features import feature, reciprocal, unit
from gemma10m.kernels.launch import dense, padded, product_dtype
from gemma10m.kernels.reference import EMPTY

QUERIES, COLUMNS = 32, 32


@triton.jit(do_not_specialize=["segments", "tokens"])
def mix_kernel(
    local, queries, memory, normaliser, gate, out,
    local_b, local_h, local_g, local_q,  # strides; the last axis of every tensor lies dense
    query_b, query_h, query_g, query_q,
    memory_b, memory_k, memory_g,
    normaliser_b, normaliser_k, normaliser_g,
    segments, heads, group, tokens, size,
    NORMALISED: tl.constexpr, EMPTY: tl.constexpr, PRODUCT: tl.constexpr,
    QUERIES: tl.constexpr, COLUMNS: tl.constexpr, SIZE: tl.constexpr,
):  # fmt: skip
    batch, segment = tl.program_id(1).to(tl.int64) // segments, tl.program_id(1).to(tl.int64) % segments
    head = tl.program_id(2).to(tl.int64)
    token = tl.program_id(0) * QUERIES + tl.arange(0, QUERIES)[:, None]
    inner = tl.arange(0, SIZE)
    asked = queries + batch * query_b + head * query_h + segment * query_g + token * query_q + inner[None, :]
    q = tl.load(asked, mask=(token < tokens) & (inner[None, :] < size), other=0.0).to(tl.float32)
    memory_at = memory + batch * memory_b + head // group * memory_k + segment * memory_g
    if NORMALISED:
        phi = tl.where(inner[None, :] < size, feature(q), 0.0)
        z_at = normaliser + batch * normaliser_b + head // group * normaliser_k + segment * normaliser_g
        z = tl.load(z_at + inner, mask=inner < size, other=0.0)
        scale = reciprocal(tl.sum(phi * z[None, :], axis=1, keep_dims=True), EMPTY)
    else:
        phi = unit(q)
        scale = tl.full((QUERIES, 1), 1.0, tl.float32)
    opened = tl.sigmoid(tl.load(gate + head).to(tl.float32))
    for start in range(0, size, COLUMNS):
        column = start + tl.arange(0, COLUMNS)
        m_inside = (inner[:, None] < size) & (column[None, :] < size)
        m = tl.load(memory_at + inner[:, None] * size + column[None, :], mask=m_inside, other=0.0)
        found = tl.dot(phi.to(PRODUCT), m.to(PRODUCT), input_precision="ieee") * scale
        inside = (token < tokens) & (column[None, :] < size)
        near = local + batch * local_b + head * local_h + segment * local_g + token * local_q + column[None, :]
        mixed = (1.0 - opened) * tl.load(near, mask=inside, other=0.0).to(tl.float32) + opened * found
        row = (batch * segments + segment) * tokens + token
        tl.store(out + (row * heads + head) * size + column[None, :], mixed.to(out.dtype.element_ty), mask=inside)


def mix(local: Tensor, queries: Tensor, memory: Tensor, normaliser: Tensor | None, gate: Tensor) -> Tensor:
    """Compute reference.mix. In bfloat16 products are of rounded numbers, summed in float32."""
    batch, heads, segments, tokens, size = queries.shape
    local, queries, memory = dense(local), dense(queries), dense(memory)
    z = memory if normaliser is None else normaliser  # (B, K, G, E) where it is read
    out = torch.empty(batch, segments * tokens, heads * size, dtype=local.dtype, device=local.device)  # (B, S, H * E)
    mix_kernel[(triton.cdiv(tokens, QUERIES), batch * segments, heads)](
        local, queries, memory, z, gate, out,
        *local.stride()[:4], *queries.stride()[:4], *memory.stride()[:3], *z.stride()[:3],
        segments, heads, heads // memory.shape[1], tokens, size,
        NORMALISED=normaliser is not None, EMPTY=EMPTY, PRODUCT=product_dtype(queries.dtype),
        QUERIES=QUERIES, COLUMNS=COLUMNS, SIZE=padded(size),
    )  # fmt: skip
    return out
