"""Softmax attention as two matrix products for each block of queries: faster in bfloat16 than PyTorch's on a CPU.

PyTorch's flash attention takes twice as long there: its products are too small. What this one gives up is that scores
are rounded to the weights' type before the softmax, as in transformers' eager attention.
"""

from __future__ import annotations

import torch
from torch import Tensor

from gemma10m.models.masks import visible

ROWS = 512  # queries of all heads of a group in one product
FEWEST_QUERIES = 64  # of one head: with fewer, PyTorch's own is as fast
LARGEST_PRODUCT = 2**24  # scores: 32 MiB of bfloat16


def faster_in_blocks(queries: Tensor) -> bool:
    """Say if blocks are the faster way for queries (B, H, Q, E). Training keeps PyTorch's, which stores no scores."""
    on_cpu = queries.device.type == "cpu" and queries.dtype == torch.bfloat16
    return on_cpu and queries.shape[2] >= FEWEST_QUERIES and not torch.is_grad_enabled()


def attend_in_blocks(queries: Tensor, keys: Tensor, values: Tensor, *, reach: int | None, scale: float) -> Tensor:
    """Return softmax(q k^T scale) v as in `scores.attend`. queries (B, H, Q, E), keys and values (B, K, width, E)."""
    heads, count = queries.shape[1:3]
    group, width = heads // keys.shape[1], keys.shape[2]
    grouped = queries.unflatten(1, (-1, group)).flatten(0, 1)  # (B * K, H/K, Q, E)
    across, down = keys.flatten(0, 1).mT, values.flatten(0, 1)  # (B * K, E, width), (B * K, width, E)
    size = max(1, min(ROWS // group, LARGEST_PRODUCT // (grouped.shape[0] * group * width)))
    if size < count:
        across = across.contiguous()  # once, where each product would lay the keys out anew
    parts = []
    for first in range(0, count, size):
        some = grouped[:, :, first : first + size]  # (B * K, H/K, rows, E)
        stop = width - count + first + some.shape[2]  # of the keys that the last of them sees
        start = 0 if reach is None else max(0, width - count + first + 1 - reach)
        parts.append(_block(some, across[:, :, start:stop], down[:, start:stop], reach, scale))
    out: Tensor = torch.cat(parts, dim=2).unflatten(0, (-1, keys.shape[1]))  # (B, K, H/K, Q, E)
    return out.flatten(1, 2)


def _block(queries: Tensor, keys: Tensor, values: Tensor, reach: int | None, scale: float) -> Tensor:
    """Attend with a block: queries (B * K, H/K, Q, E), the last of keys (B * K, E, width), values (B * K, width, E)."""
    group, count, width = *queries.shape[1:3], keys.shape[2]
    # The scale is applied inside the product, before rounding.
    scores = torch.baddbmm(queries.new_zeros(()), queries.flatten(1, 2), keys, beta=0, alpha=scale)
    first = width - count if reach is None or width <= reach else 0  # keys before it are seen by all
    seen = visible(0, count, count, width - first, reach, queries.device)
    scores.unflatten(1, (group, count))[..., first:].masked_fill_(~seen, float("-inf"))
    out: Tensor = torch.bmm(torch.softmax(scores, dim=-1), values).unflatten(1, (group, count))
    return out  # (B * K, H/K, Q, E)
