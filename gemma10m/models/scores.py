"""Softmax attention inside windows: PyTorch's where it can, and by hand where scores are capped (Gemma 2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gemma10m import ops
from gemma10m.models.score_blocks import attend_in_blocks, faster_in_blocks

SCORES_AT_ONCE = 2**24  # numbers: 64 MiB of float32


def attend(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    *,
    reach: int | None,
    scale: float | None,
    cap: float | None,
    in_blocks: bool,
) -> Tensor:
    """Return softmax(cap(q k^T scale)) v; the queries are their window's last tokens, and each sees it up to itself.

    queries (B, H, Q, E), keys and values (B, K, width, E) -> (B, H, Q, E). reach: keys that a query sees, itself
    included; None for all. scale: None for 1 / sqrt(E). cap: c in c tanh(score / c), before the mask (Gemma 2, arXiv
    2408.00118). in_blocks: by `attend_in_blocks` where that is faster.
    """
    score_scale = queries.shape[-1] ** -0.5 if scale is None else scale
    if cap is not None:
        return _capped(queries, keys, values, reach, score_scale, cap)
    if in_blocks and faster_in_blocks(queries):
        return attend_in_blocks(queries, keys, values, reach=reach, scale=score_scale)
    mask = window_mask(queries.shape[2], keys.shape[2], reach, keys.device)
    grouped = queries.shape[1] != keys.shape[1]
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, scale=scale, enable_gqa=grouped)


def window_mask(queries: int, width: int, reach: int | None, device: torch.device) -> Tensor | None:
    """Return which of a window's keys its last tokens see, (Q, width) bool; None where they see all."""
    bounded = reach is not None and width > reach
    if device.type == "cuda" and not bounded:
        # For one query too: without a mask cuDNN is taken, which plans anew for every length of an answer.
        # Imported here: it brings in torch's compiler, a second that a run on the CPU has no use for.
        from torch.nn.attention.bias import causal_lower_right

        mask: Tensor = causal_lower_right(queries, width)
        return mask
    if queries == 1 and not bounded:
        return None
    return _visible(0, queries, queries, width, reach, device)


def _visible(first: int, stop: int, queries: int, width: int, reach: int | None, device: torch.device) -> Tensor:
    """Return the mask of the queries from `first` to `stop`, (stop - first, width) bool."""
    rows = torch.ones(stop - first, width, dtype=torch.bool, device=device)
    last = width - queries + first  # the key that stands where the first of them does
    visible = rows.tril(last)
    return visible if reach is None else visible.triu(last - reach + 1)


def _capped(queries: Tensor, keys: Tensor, values: Tensor, reach: int | None, scale: float, cap: float) -> Tensor:
    """Attend with capped scores, in float32 or wider, a few queries at a time."""
    grouped = queries.unflatten(1, (keys.shape[1], -1))  # (B, K, H/K, Q, E)
    count, width = queries.shape[2], keys.shape[2]
    rows = max(1, SCORES_AT_ONCE // (queries.shape[0] * queries.shape[1] * width))
    parts = []
    for first in range(0, count, rows):
        some = grouped[:, :, :, first : first + rows]  # (B, K, H/K, rows, E)
        scores = ops.wide(some @ keys.unsqueeze(2).mT) * scale  # (B, K, H/K, rows, width)
        seen = _visible(first, first + some.shape[3], count, width, reach, keys.device)
        scores = (torch.tanh(scores / cap) * cap).masked_fill(~seen, float("-inf"))
        parts.append(torch.softmax(scores, dim=-1).to(values.dtype) @ values.unsqueeze(2))
    return torch.cat(parts, dim=3).flatten(1, 2)  # (B, H, Q, E)
