"""Compressive memory is a matrix per K/V head (docs/architecture.md, the memory kinds).

Every kind here is a scan over M_s = A_s M_(s-1) + B_s with A and B known before M, so that all segments of a stretch
are written together and each reads the memory left by the segments before it. M and z are float32 whatever the weights
(float64 in a float64 model).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gemma10m import ops
from gemma10m.memory.maps import applied, composed
from gemma10m.memory.runs import Runs


@dataclass(frozen=True)
class Memories:
    """Hold M and z before each segment of a stretch and after the last one."""

    matrices: Tensor  # (B, K, G + 1, E, E)
    normalisers: Tensor | None  # (B, K, G + 1, E): linear, delta
    after: Mapping[str, Tensor] | None = None  # what is left of the runs of all ranks; None where there is one

    def mix(self, local: Tensor, queries: Tensor, gate: Tensor, first_segment: int) -> Tensor:
        """Mix local attention with what the memory returns for the queries of G segments.

        local, queries (B, H, G, Q, E), gate (H) -> (B, G * Q, H * E).
        """
        here = slice(first_segment, first_segment + queries.shape[2])
        z = None if self.normalisers is None else self.normalisers[:, :, here]  # (B, K, G, E)
        return ops.mix(local, queries, self.matrices[:, :, here], z, gate)

    def last(self) -> dict[str, Tensor]:
        """Return M (B, K, E, E) and z (B, K, E) after the stretch, in storage of their own."""
        if self.after is not None:
            return dict(self.after)
        found = {"memory": self.matrices[:, :, -1].clone()}
        if self.normalisers is not None:
            found["normaliser"] = self.normalisers[:, :, -1].clone()
        return found


def unwritten(memory: Tensor, normaliser: Tensor | None) -> Memories:
    """Return the memories of a stretch in which no segment closes."""
    return Memories(memory.unsqueeze(2), None if normaliser is None else normaliser.unsqueeze(2))


def scanned(memory: Tensor, decay: Tensor | None, gain: Tensor, runs: Runs | None) -> tuple[Tensor, dict[str, Tensor]]:
    """Return every M of this run (B, K, G + 1, E, E), and what the runs of all ranks leave, if there are several.

    M before the round (B, K, E, E), A and B of this run's segments (B, K, G, E, E), A None for the identity.
    """
    if runs is None:
        return ops.scan(memory, decay, gain), {}
    if decay is None:
        before, after = summed(memory, gain.sum(2), runs)  # (B, K, E, E) each
        return ops.scan(before, None, gain), {"memory": after}
    own = composed(torch.cat((decay, gain), dim=-1).movedim(2, 0))  # (B, K, E, 2E)
    memories = [memory]  # before each rank's run, and after the last one
    for mapped in runs.gather(own):
        memories.append(applied(mapped, memories[-1]))
    return ops.scan(memories[runs.rank], decay, gain), {"memory": memories[-1]}


def summed(first: Tensor, own: Tensor, runs: Runs) -> tuple[Tensor, Tensor]:
    """Return `first` and what the ranks before this one add to it, then also what all of them add."""
    sums = [first]
    for added in runs.gather(own):
        sums.append(sums[-1] + added)
    return sums[runs.rank], sums[-1]
