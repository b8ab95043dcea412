"""Let a fact outlive long text that training inserts between segments without reading it (docs/architecture.md)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gemma10m.memory.maps import composed, then


@dataclass(frozen=True)
class Interludes:
    """Insert, after some segments, the batch's plain segments one after the other, many times over."""

    plain: Tensor  # (B, G) bool: segments that hold nothing to remember
    times: Tensor  # (B, G) int64: m > 0: after segment s the plain ones 2**(m - 1) times over; 0: nothing

    def to(self, device: torch.device) -> Interludes:
        return Interludes(self.plain.to(device), self.times.to(device))

    def of(self, first: int, stop: int) -> Interludes | None:
        """Return the interludes of some segments, or None where nothing comes between them."""
        some = Interludes(self.plain[:, first:stop], self.times[:, first:stop])
        return some if bool(some.plain.any()) and bool(some.times.any()) else None

    def insert(self, decay: Tensor, gain: Tensor) -> tuple[Tensor, Tensor]:
        """Return the segments' maps M <- A M + B, each followed by its interlude's. A, B (B, K, G, E, E)."""
        maps = torch.cat((decay, gain), dim=-1).transpose(1, 2)  # (B, G, K, E, 2E)
        chain = composed(maps[self.plain])  # (K, E, 2E)
        decay, gain = followed(maps, chain, self.times).transpose(1, 2).chunk(2, dim=-1)  # (B, K, G, E, E) each
        return decay, gain


def followed(maps: Tensor, chain: Tensor, times: Tensor) -> Tensor:
    """Return maps, each followed by the chain 2**(times - 1) times over, or by nothing where times is 0.

    maps (B, G, K, E, 2E), chain (K, E, 2E), times (B, G) int64 -> (B, G, K, E, 2E).
    """
    eye = torch.eye(maps.shape[-2], dtype=maps.dtype, device=maps.device)  # (E, E)
    powers = [torch.cat((eye, torch.zeros_like(eye)), dim=-1).expand_as(chain), chain]  # (K, E, 2E) each
    while len(powers) <= int(times.max()):
        powers.append(then(powers[-1], powers[-1]))
    return then(maps, torch.stack(powers)[times])
