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
    repeats: Tensor | None = None,
) -> Memories:
    """Write the closed segments of a stretch.

    memory (B, K, E, E), normaliser (B, K, E), keys and values (B, K, G, N, E) without positions, write_gates
    (B, K, G, N). repeats (B, G), training only: segment s is written as if it were read 2**repeats times over.
    """
    if kind == "gated":
        assert write_gates is not None
        decay, gain = ops.gated_update(keys.float(), values.float(), write_gates)
        if repeats is not None:
            decay, gain = _repeat(decay, gain, repeats)
        return Memories(kind, ops.scan(memory, decay, gain), None)
    assert normaliser is not None
    gain, added = ops.linear_update(keys, values)
    normalisers = torch.cat((normaliser.unsqueeze(2), normaliser.unsqueeze(2) + added.cumsum(2)), dim=2)
    if kind == "linear":
        return Memories(kind, ops.scan(memory, None, gain), normalisers)
    decay = ops.delta_decay(keys, normalisers[:, :, :-1])
    return Memories(kind, ops.scan(memory, decay, gain), normalisers)


def _repeat(decay: Tensor, gain: Tensor, repeats: Tensor) -> tuple[Tensor, Tensor]:
    """Compose segments' maps M <- A M + B with themselves: m times gives what 2**m readings would do.

    Segments stand in the order of their counts, so that each round takes the first ones alone.
    """
    size = decay.shape[-1]
    ordered, order = repeats.flatten().sort(descending=True, stable=True)  # (B * G) each
    counts = ordered.tolist()
    batch, segment = order // repeats.shape[1], order % repeats.shape[1]
    maps = torch.cat((decay, gain), dim=-1)[batch, :, segment]  # (B * G, K, E, 2E)
    done = []
    for times in range(counts[0]):
        left = sum(count > times for count in counts)
        done.append(maps[left:])
        maps = maps[:left]
        twice = maps[..., :size] @ maps  # (rows, K, E, 2E): [A A | A B]
        maps = torch.cat((twice[..., :size], twice[..., size:] + maps[..., size:]), dim=-1)
    composed = torch.cat((maps, *reversed(done)))[order.argsort()]  # (B * G, K, E, 2E)
    decay, gain = composed.unflatten(0, repeats.shape).transpose(1, 2).split(size, dim=-1)  # (B, K, G, E, E) each
    return decay, gain
