"""A segment leaves D numbers to the next one in `state-vector` (models/vector_attention.py computes them)."""

from __future__ import annotations

import torch

from gemma10m.config import AttentionSpec, MemoryKind
from gemma10m.memory.kind import Memory
from gemma10m.memory.state import Layout


class StateVectorMemory(Memory):
    name: MemoryKind = "state-vector"
    remembers = True
    in_turn = True
    needs_state_vectors = True

    def layout(self, spec: AttentionSpec, hidden_size: int, opened: int, batch: int, wide: torch.dtype) -> Layout:
        vector = (wide, (batch, hidden_size))
        return {"state_vector": vector, "output_mean": vector}
