"""Which keys of its window a query sees."""

from __future__ import annotations

import torch
from torch import Tensor


def window_mask(queries: int, width: int, reach: int | None, device: torch.device) -> Tensor | None:
    """Which of a window's keys its last tokens see, (Q, width) bool; None where they see all."""
    bounded = reach is not None and width > reach
    if device.type == "cuda" and not bounded:
        # For one query too: without a mask cuDNN is taken, which plans anew for every length of an answer.
        # Imported here: it brings in torch's compiler, a second that a run on the CPU has no use for.
        from torch.nn.attention.bias import causal_lower_right

        mask: Tensor = causal_lower_right(queries, width)
        return mask
    if queries == 1 and not bounded:
        return None
    return visible(0, queries, queries, width, reach, device)


def visible(first: int, stop: int, queries: int, width: int, reach: int | None, device: torch.device) -> Tensor:
    """The mask of the queries from `first` to `stop`, (stop - first, width) bool."""
    rows = torch.ones(stop - first, width, dtype=torch.bool, device=device)
    last = width - queries + first  # the key that stands where the first of them does
    visible = rows.tril(last)
    return visible if reach is None else visible.triu(last - reach + 1)
