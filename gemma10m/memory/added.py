"""`added` is the gated delta rule beside attention, with projections of its own (models/added_attention.py)."""

from __future__ import annotations

import torch

from gemma10m.config import AttentionSpec, MemoryKind
from gemma10m.memory.kind import Memory
from gemma10m.memory.state import Layout

WRITES = ("memory_keys", "memory_values", "memory_gates")  # what the open segment will write when it closes
CONTEXT = "memory_context"  # of the open segment's tokens, and of as many before it as a token's address depends on
CONTEXT_TOKENS = 16


class AddedMemory(Memory):
    name: MemoryKind = "added"
    remembers = True
    needs_added_memory = True
    opened = WRITES
    products = 4

    def layout(self, spec: AttentionSpec, hidden_size: int, opened: int, batch: int, wide: torch.dtype) -> Layout:
        heads, size = spec.kv_heads, spec.head_size
        shapes = ((batch, heads, opened, size), (batch, heads, opened, size), (batch, heads, opened))
        writes: Layout = {name: (wide, shape) for name, shape in zip(WRITES, shapes, strict=True)}
        context = (wide, (batch, heads, CONTEXT_TOKENS + opened, size))
        return writes | {"memory": (wide, (batch, heads, size, size)), CONTEXT: context}
