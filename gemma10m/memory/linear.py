"""`linear` is Infini-attention's memory (arXiv 2404.07143, equations 7, 8): M += K^T V, z += K^T 1, read Q M / Q z."""

from __future__ import annotations

import torch
from torch import Tensor

from gemma10m import ops
from gemma10m.config import AttentionSpec, MemoryKind
from gemma10m.memory.interludes import Interludes
from gemma10m.memory.kind import Memory
from gemma10m.memory.matrix import Memories, scanned, summed, unwritten
from gemma10m.memory.runs import Runs
from gemma10m.memory.state import LayerState, Layout


class LinearMemory(Memory):
    name: MemoryKind = "linear"
    remembers = True
    mixes = True
    products = 1

    def layout(self, spec: AttentionSpec, hidden_size: int, opened: int, batch: int, wide: torch.dtype) -> Layout:
        heads, size = spec.kv_heads, spec.head_size
        return {"memory": (wide, (batch, heads, size, size)), "normaliser": (wide, (batch, heads, size))}

    def write(
        self,
        state: LayerState,
        keys: Tensor,
        values: Tensor,
        write_gates: Tensor | None,
        interludes: Interludes | None,
        runs: Runs | None = None,
    ) -> Memories:
        memory, normaliser = state["memory"], state["normaliser"]  # (B, K, E, E), (B, K, E)
        if not keys.shape[2]:
            return unwritten(memory, normaliser)
        gain, added = ops.linear_update(keys, values)  # (B, K, G, E, E), (B, K, G, E)
        left = {}
        if runs is not None:  # z first: A of `delta` divides by it
            normaliser, left["normaliser"] = summed(normaliser, added.sum(2), runs)  # (B, K, E) each
        normalisers = torch.cat((normaliser.unsqueeze(2), normaliser.unsqueeze(2) + added.cumsum(2)), dim=2)
        matrices, after = scanned(memory, self.decay(keys, normalisers), gain, runs)  # (B, K, G + 1, E, E)
        return Memories(matrices, normalisers, after | left or None)

    def decay(self, keys: Tensor, normalisers: Tensor) -> Tensor | None:
        """Return A of M <- A M + B, or None for the identity. normalisers (B, K, G + 1, E)."""
        return None
