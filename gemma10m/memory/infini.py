"""Compressive memory: what a layer keeps of closed segments (docs/architecture.md, the memory kinds).

Every kind here is a scan over M_s = A_s M_(s-1) + B_s with A and B known before M, so that all segments of a stretch
are written together and each reads the memory left by the segments before it. M and z are float32 whatever the weights.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gemma10m import ops
from gemma10m.config import MemoryKind
from gemma10m.memory.interludes import Interludes

REMEMBERING = ("linear", "delta", "gated")


@dataclass(frozen=True)
class Memories:
    """M and z before each segment of a stretch and after the last one."""

    kind: MemoryKind
    matrices: Tensor  # (B, K, G + 1, E, E) float32
    normalisers: Tensor | None  # (B, K, G + 1, E) float32: linear, delta

    def mix(self, local: Tensor, queries: Tensor, gate: Tensor, first_segment: int) -> Tensor:
        """Local attention mixed with what the memory says to the queries of G segments.

        local, queries (B, H, G, Q, E), gate (H) -> (B, G * Q, H * E).
        """
        here = slice(first_segment, first_segment + queries.shape[2])
        z = None if self.normalisers is None else self.normalisers[:, :, here]  # (B, K, G, E)
        return ops.mix(local, queries, self.matrices[:, :, here], z, gate)

    def last(self) -> tuple[Tensor, Tensor | None]:
        """M (B, K, E, E) and z (B, K, E) after the stretch, free of the stretch's storage."""
        z = None if self.normalisers is None else self.normalisers[:, :, -1].clone()
        return self.matrices[:, :, -1].clone(), z


def write(
    kind: MemoryKind,
    memory: Tensor,
    normaliser: Tensor | None,
    keys: Tensor,
    values: Tensor,
    write_gates: Tensor | None,
    interludes: Interludes | None = None,
) -> Memories:
    """Write the closed segments of a stretch.

    memory (B, K, E, E), normaliser (B, K, E), keys and values (B, K, G, N, E) without positions, write_gates
    (B, K, G, N). interludes: training only.
    """
    if not keys.shape[2]:
        return Memories(kind, memory.unsqueeze(2), None if normaliser is None else normaliser.unsqueeze(2))
    if kind == "gated":
        assert write_gates is not None
        decay, gain = ops.gated_update(keys.float(), values.float(), write_gates)
        if interludes is not None:
            decay, gain = interludes.insert(decay, gain)
        return Memories(kind, ops.scan(memory, decay, gain), None)
    assert normaliser is not None
    gain, added = ops.linear_update(keys, values)
    normalisers = torch.cat((normaliser.unsqueeze(2), normaliser.unsqueeze(2) + added.cumsum(2)), dim=2)
    if kind == "linear":
        return Memories(kind, ops.scan(memory, None, gain), normalisers)
    decay = ops.delta_decay(keys, normalisers[:, :, :-1])
    return Memories(kind, ops.scan(memory, decay, gain), normalisers)
