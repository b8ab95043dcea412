"""Softmax attention inside windows: PyTorch's where it can, and by hand where scores are capped (Gemma 2)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from gemma10m import ops
from gemma10m.models.score_blocks import attend_in_blocks, faster_in_blocks, seen_keys

SCORES_AT_ONCE = 2**24  # numbers: 64 MiB of float32
FLASH_GRAIN = 8  # flash attention's head sizes are multiples of it


def attend(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    *,
    reach: int | None,
    scale: float | None,
    cap: float | None,
    shifted: bool,
) -> Tensor:
    """Return softmax(cap(q k^T scale)) v; the queries are their window's last tokens, and each sees it up to itself.

    queries (B, H, Q, E), keys and values (B, K, width, E) -> (B, H, Q, E). reach: keys that a query sees, itself
    included; None for all. scale: None for 1 / sqrt(E). cap: c in c tanh(score / c), before the mask (Gemma 2, arXiv
    2408.00118). shifted: scores may be hundreds, so that blocks of them shift them before they are rounded.
    """
    score_scale = queries.shape[-1] ** -0.5 if scale is None else scale
    if cap is not None:
        return _capped(queries, keys, values, reach, score_scale, cap)
    if faster_in_blocks(queries):
        return attend_in_blocks(queries, keys, values, reach=reach, scale=score_scale, shifted=shifted)
    if queries.is_cuda:
        return _on_cuda(queries, keys, values, reach, score_scale)
    mask = window_mask(queries.shape[2], keys.shape[2], reach, keys.device)
    if mask is None and not torch.is_grad_enabled():
        return _alone(queries, keys, values, score_scale)
    grouped = queries.shape[1] != keys.shape[1]
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=mask, scale=scale, enable_gqa=grouped)


def _alone(queries: Tensor, keys: Tensor, values: Tensor, scale: float) -> Tensor:
    """Attend with one query (B, H, 1, E) that sees all keys, in float32 or wider.

    On a CPU, PyTorch's attention takes two to eight times as long for that in bfloat16. Products in bfloat16 would be
    faster still, but oneDNN would compile each for every length of an answer, and keep its code.
    """
    wide, grouped = [ops.wide(part) for part in (queries, keys, values)], queries.shape[1] != keys.shape[1]
    found = F.scaled_dot_product_attention(wide[0], wide[1], wide[2], scale=scale, enable_gqa=grouped)
    return found.to(queries.dtype)


def received(queries: Tensor, keys: Tensor, *, scale: float, cap: float | None) -> Tensor:
    """Return the attention that each key receives from all queries and heads of its group, in float32 or wider.

    queries (B, H, Q, E), the last tokens of the window, keys (B, K, width, E) -> (B, K, width), the sum of the softmax
    weights, some queries at a time.
    """
    grouped = queries.unflatten(1, (keys.shape[1], -1))  # (B, K, H/K, Q, E)
    count, width = queries.shape[2], keys.shape[2]
    rows = max(1, SCORES_AT_ONCE // (queries.shape[0] * queries.shape[1] * width))
    total = ops.wide(keys[..., 0]).new_zeros(keys.shape[:3])  # (B, K, width)
    for first in range(0, count, rows):
        some = grouped[:, :, :, first : first + rows]  # (B, K, H/K, rows, E)
        seen = seen_keys(some.shape[3], width, width - count + first, None, keys.device)
        total = total + _weights(some, keys, seen, scale, cap).sum((2, 3))
    return total


def _weights(queries: Tensor, keys: Tensor, seen: Tensor, scale: float, cap: float | None) -> Tensor:
    """Return softmax weights (B, K, H/K, rows, width) of queries (B, K, H/K, rows, E), in float32 or wider."""
    scores = ops.wide(queries @ keys.unsqueeze(2).mT) * scale  # (B, K, H/K, rows, width)
    if cap is not None:
        scores = torch.tanh(scores / cap) * cap
    return torch.softmax(scores.masked_fill(seen.logical_not(), float("-inf")), dim=-1)


def window_mask(queries: int, width: int, reach: int | None, device: torch.device) -> Tensor | None:
    """Return which of a window's keys its last tokens see, (Q, width) bool; None where one token sees all."""
    if queries == 1 and (reach is None or width <= reach):
        return None
    return seen_keys(queries, width, width - queries, reach, device)


def _on_cuda(queries: Tensor, keys: Tensor, values: Tensor, reach: int | None, scale: float) -> Tensor:
    """Attend by flash attention where a token sees all before it, else with masks.

    torch's choice is not used for a window that is longer than its queries: it takes a causal mask as the upper left of
    the scores, and for a single query without a mask cuDNN, which plans anew for every length of an answer.
    """
    if (reach is None or keys.shape[2] <= reach) and _has_flash(queries, keys, values):
        size = queries.shape[-1]
        padded = (F.pad(part, (0, -size % FLASH_GRAIN)) for part in (queries, keys, values))
        found: Tensor = torch.ops.aten._scaled_dot_product_flash_attention(*padded, 0.0, True, scale=scale)[0]
        return found.narrow(-1, 0, size)
    return _masked(queries, keys, values, reach, scale)


def _has_flash(queries: Tensor, keys: Tensor, values: Tensor) -> bool:
    """Tell if flash attention takes the tensors: not float32, not on a card before Ampere, not on ROCm's."""
    from torch.backends.cuda import SDPAParams, can_use_flash_attention

    grouped = queries.shape[1] != keys.shape[1]
    takes = can_use_flash_attention(SDPAParams(queries, keys, values, None, 0.0, False, grouped))
    return bool(takes) and torch.version.hip is None  # where a causal mask may be the upper left, too


def _masked(queries: Tensor, keys: Tensor, values: Tensor, reach: int | None, scale: float) -> Tensor:
    """Attend with masks of some queries each: one of all of them may be larger than the memory of a card.

    Each query head gets its keys and values by itself, without a copy where there is one K/V head: torch's
    memory-efficient attention takes no groups, and what it would fall back to holds every score.
    """
    count, width, group = queries.shape[2], keys.shape[2], queries.shape[1] // keys.shape[1]
    if keys.shape[1] == 1:
        keys, values = (part.expand(-1, group, -1, -1) for part in (keys, values))
    else:
        keys, values = (part.repeat_interleave(group, dim=1) for part in (keys, values))
    rows = max(1, SCORES_AT_ONCE // width)
    parts = []
    for first in range(0, count, rows):
        some = queries.narrow(2, first, min(rows, count - first))
        seen = seen_keys(some.shape[2], width, width - count + first, reach, keys.device)
        parts.append(F.scaled_dot_product_attention(some, keys, values, attn_mask=seen, scale=scale))
    return torch.cat(parts, dim=2) if len(parts) > 1 else parts[0]


def _capped(queries: Tensor, keys: Tensor, values: Tensor, reach: int | None, scale: float, cap: float) -> Tensor:
    """Attend with capped scores, in float32 or wider, a few queries at a time."""
    grouped = queries.unflatten(1, (keys.shape[1], -1))  # (B, K, H/K, Q, E)
    count, width = queries.shape[2], keys.shape[2]
    rows = max(1, SCORES_AT_ONCE // (queries.shape[0] * queries.shape[1] * width))
    parts = []
    for first in range(0, count, rows):
        some = grouped[:, :, :, first : first + rows]  # (B, K, H/K, rows, E)
        seen = seen_keys(some.shape[3], width, width - count + first, reach, keys.device)
        parts.append(_weights(some, keys, seen, scale, cap).to(values.dtype) @ values.unsqueeze(2))
    return torch.cat(parts, dim=3).flatten(1, 2)  # (B, H, Q, E)
