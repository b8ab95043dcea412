"""`delta` is Infini-attention's delta rule (arXiv 2404.07143, equation 9): M += K^T (V - K M / K z)."""

from __future__ import annotations

from torch import Tensor

from gemma10m import ops
from gemma10m.config import MemoryKind
from gemma10m.memory.linear import LinearMemory


class DeltaMemory(LinearMemory):
    name: MemoryKind = "delta"
    products = 2

    def decay(self, keys: Tensor, normalisers: Tensor) -> Tensor:
        return ops.delta_decay(keys, normalisers[:, :, :-1])  # (B, K, G, E, E)
