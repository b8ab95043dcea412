"""Softmax attention as two matrix products for each block of queries: faster in bfloat16 than PyTorch's on a CPU.

PyTorch's flash attention takes twice as long there. What this one gives up is that scores are rounded to the weights'
type before the softmax, as in transformers' eager attention. Scores of hundreds, whose rounding would move them by
whole units, are shifted: the largest score of each query is found by a first product and taken off within a second
one, before rounding, so that scores are exact where their softmax is not small. It goes forward only.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

ROWS = 512  # queries of all heads of a group in one product
FEWEST_QUERIES = 64  # of one head: with fewer, PyTorch's own is as fast
LARGEST_PRODUCT = 2**23  # scores: 16 MiB of bfloat16
SHIFT_COLUMNS = 32  # of queries and keys, for one number: oneDNN's products are slower at other widths


def faster_in_blocks(queries: Tensor) -> bool:
    """Say if blocks are the faster way for queries (B, H, Q, E) that need no gradient."""
    on_cpu = queries.device.type == "cpu" and queries.dtype == torch.bfloat16
    return on_cpu and queries.shape[2] >= FEWEST_QUERIES and not torch.is_grad_enabled()


def attend_in_blocks(
    queries: Tensor, keys: Tensor, values: Tensor, *, reach: int | None, scale: float, shifted: bool
) -> Tensor:
    """Return softmax(q k^T scale) v as in `scores.attend`. queries (B, H, Q, E), keys and values (B, K, width, E).

    shifted: for large scores, which are rounded as distances from their query's largest; half as long again.
    """
    if shifted:
        queries, keys = F.pad(queries, (0, SHIFT_COLUMNS)), F.pad(keys, (0, SHIFT_COLUMNS))
        keys[..., -1] = 1
    return _attend(queries, keys, values, reach, scale, shifted)


def _attend(queries: Tensor, keys: Tensor, values: Tensor, reach: int | None, scale: float, shifted: bool) -> Tensor:
    """Attend with queries (B, H, Q, E or more); the last column of those that are `shifted` is to be filled in."""
    heads, count = queries.shape[1:3]
    group, width = heads // keys.shape[1], keys.shape[2]
    together = max(1, LARGEST_PRODUCT // (heads * min(count, max(1, ROWS // group)) * width))  # of a batch
    if len(queries) > together:
        parts = zip(*(tensor.split(together) for tensor in (queries, keys, values)), strict=True)
        return torch.cat([_attend(q, k, v, reach, scale, shifted) for q, k, v in parts])
    grouped = queries.unflatten(1, (-1, group)).flatten(0, 1)  # (B * K, H/K, Q, ...)
    across, down = keys.flatten(0, 1).mT, values.flatten(0, 1)  # (B * K, ..., width), (B * K, width, E)
    if reach is None and (missing := _rounded_up(width) - width):
        across, down = F.pad(across, (0, missing)), F.pad(down, (0, 0, 0, missing))  # after all queries, so unseen
    size = min(count, _block_size(grouped.shape[0] * down.shape[1], group))
    if size < count:
        across = across.contiguous()  # once, where each product would lay the keys out anew
    # Made once: blocks of growing width, each with memory of its own, would leave the heap in pieces.
    scratch = queries.new_empty(2, grouped.shape[0] * group * size * down.shape[1])
    out = grouped.new_empty(*grouped.shape[:3], down.shape[2])
    for first in range(0, count, size):
        here = slice(first, min(first + size, count))
        place, stop = width - count + first, width - count + here.stop  # of the block among the keys
        if reach is None:
            some, edge = slice(0, _rounded_up(stop)), place  # keys before the edge are seen by all
        else:
            some = slice(max(0, place + 1 - reach), stop)
            edge = some.start
        seen = seen_keys(stop - place, some.stop - edge, place - edge, reach, queries.device)
        _block(grouped[:, :, here], across[:, :, some], down[:, some], seen, scale, shifted, scratch, out[:, :, here])
    split: Tensor = out.unflatten(0, (-1, keys.shape[1]))  # (B, K, H/K, Q, E)
    return split.flatten(1, 2)


def _rounded_up(width: int) -> int:
    """Round to 8 widths an octave: for every shape of a product, oneDNN keeps code of some 0.6 MB."""
    grain = 1 << max(0, width.bit_length() - 4)
    return -(-width // grain) * grain


def _block_size(row: int, group: int) -> int:
    """Return the queries of a head in one block, a power of two; `row`: the scores of one of all heads of a group."""
    most = max(1, min(ROWS // group, LARGEST_PRODUCT // (row * group)))
    return 1 << (most.bit_length() - 1)


def seen_keys(count: int, width: int, place: int, reach: int | None, device: torch.device) -> Tensor:
    """Return which keys `count` queries see, the first of which has the key at `place`: (Q, width) bool."""
    rows = torch.ones(count, width, dtype=torch.bool, device=device).tril_(place)
    return rows if reach is None else rows.triu_(place - reach + 1)


def _block(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    seen: Tensor,
    scale: float,
    shifted: bool,
    scratch: Tensor,
    out: Tensor,
) -> None:
    """Fill `out` for queries (B * K, H/K, Q, ...), keys (B * K, ..., width), values (B * K, width, E).

    seen: of the last keys; those before them are seen by all.
    """
    group, count, width = *queries.shape[1:3], keys.shape[2]
    rows = queries.flatten(1, 2)  # (B * K, H/K * Q, ...)
    shape = (*rows.shape[:2], width)
    scores, shares = (part[: math.prod(shape)].view(shape) for part in scratch)
    _fill(scores, rows, keys, seen, scale, count)
    if shifted:
        rows[..., -1:] = scores.amax(-1, keepdim=True) / -scale
        _fill(scores, rows, keys, seen, scale, count)
    torch.softmax(scores, dim=-1, out=shares)
    out.copy_(torch.bmm(shares, values).unflatten(1, (group, count)))


def _fill(scores: Tensor, rows: Tensor, keys: Tensor, seen: Tensor, scale: float, count: int) -> None:
    """Fill in the scores of rows, `count` of each head, and hide those of keys that are not `seen`."""
    torch.baddbmm(scores, rows, keys, beta=0, alpha=scale, out=scores)  # the scale is applied before rounding
    scores.unflatten(1, (-1, count))[..., scores.shape[2] - seen.shape[1] :].masked_fill_(~seen, float("-inf"))
