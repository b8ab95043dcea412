"""`gated` is the gated delta rule token by token, with a learned write gate (docs/architecture.md)."""

from __future__ import annotations

import torch
from torch import Tensor

from gemma10m import ops
from gemma10m.config import AttentionSpec, MemoryKind
from gemma10m.memory.interludes import Interludes
from gemma10m.memory.kind import Memory
from gemma10m.memory.matrix import Memories, scanned, unwritten
from gemma10m.memory.runs import Runs
from gemma10m.memory.state import LayerState, Layout


class GatedMemory(Memory):
    name: MemoryKind = "gated"
    remembers = True
    mixes = True
    needs_write_gates = True
    opened = ("write_gates",)
    products = 4

    def layout(self, spec: AttentionSpec, hidden_size: int, opened: int, batch: int, wide: torch.dtype) -> Layout:
        heads, size = spec.kv_heads, spec.head_size
        return {"memory": (wide, (batch, heads, size, size)), "write_gates": (wide, (batch, heads, opened))}

    def write(
        self,
        state: LayerState,
        keys: Tensor,
        values: Tensor,
        write_gates: Tensor | None,
        interludes: Interludes | None,
        runs: Runs | None = None,
    ) -> Memories:
        if not keys.shape[2]:
            return unwritten(state["memory"], None)
        assert write_gates is not None
        decay, gain = ops.gated_update(ops.wide(keys), ops.wide(values), write_gates)  # (B, K, G, E, E) each
        if interludes is not None:
            decay, gain = interludes.insert(decay, gain)
        matrices, after = scanned(state["memory"], decay, gain, runs)  # (B, K, G + 1, E, E)
        return Memories(matrices, None, after or None)
