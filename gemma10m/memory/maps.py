"""Compose maps M <- A M + B, each held as [A | B]: (..., E, 2E)."""

from __future__ import annotations

import torch
from torch import Tensor


def then(first: Tensor, second: Tensor) -> Tensor:
    """Compose two maps (..., E, 2E), one after the other: [A2 A1 | A2 B1 + B2]."""
    size = first.shape[-2]
    both = second[..., :size] @ first  # (..., E, 2E)
    return torch.cat((both[..., :size], both[..., size:] + second[..., size:]), dim=-1)


def composed(maps: Tensor) -> Tensor:
    """Compose one or more maps in their order, in pairs, then pairs of pairs. (G, ..., E, 2E) -> (..., E, 2E)."""
    while len(maps) > 1:
        whole = len(maps) // 2 * 2
        maps = torch.cat((then(maps[0:whole:2], maps[1:whole:2]), maps[whole:]))  # (G, ..., E, 2E)
    return maps[0]


def applied(mapped: Tensor, memory: Tensor) -> Tensor:
    """Return A M + B. [A | B] (..., E, 2E), M (..., E, E) -> (..., E, E)."""
    size = memory.shape[-2]
    return mapped[..., :size] @ memory + mapped[..., size:]
