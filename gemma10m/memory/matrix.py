"""Compressive memory is a matrix per K/V head (docs/architecture.md, the memory kinds).

Every kind here is a scan over M_s = A_s M_(s-1) + B_s with A and B known before M, so that all segments of a stretch
are written together and each reads the memory left by the segments before it. M and z are float32 whatever the weights
(float64 in a float64 model).
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gemma10m import ops


@dataclass(frozen=True)
class Memories:
    """Hold M and z before each segment of a stretch and after the last one."""

    matrices: Tensor  # (B, K, G + 1, E, E)
    normalisers: Tensor | None  # (B, K, G + 1, E): linear, delta

    def mix(self, local: Tensor, queries: Tensor, gate: Tensor, first_segment: int) -> Tensor:
        """Mix local attention with what the memory returns for the queries of G segments.

        local, queries (B, H, G, Q, E), gate (H) -> (B, G * Q, H * E).
        """
        here = slice(first_segment, first_segment + queries.shape[2])
        z = None if self.normalisers is None else self.normalisers[:, :, here]  # (B, K, G, E)
        return ops.mix(local, queries, self.matrices[:, :, here], z, gate)

    def last(self) -> dict[str, Tensor]:
        """Return M (B, K, E, E) and z (B, K, E) after the stretch, in storage of their own."""
        found = {"memory": self.matrices[:, :, -1].clone()}
        if self.normalisers is not None:
            found["normaliser"] = self.normalisers[:, :, -1].clone()
        return found


def unwritten(memory: Tensor, normaliser: Tensor | None) -> Memories:
    """Return the memories of a stretch in which no segment closes."""
    return Memories(memory.unsqueeze(2), None if normaliser is None else normaliser.unsqueeze(2))
