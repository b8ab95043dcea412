"""A memory kind says what an attention layer keeps of closed segments; `memory.KINDS` has one object for each."""

from __future__ import annotations

import torch
from torch import Tensor

from gemma10m.config import WITHOUT_SEGMENTS, AttentionSpec, MemoryKind
from gemma10m.memory.interludes import Interludes
from gemma10m.memory.matrix import Memories
from gemma10m.memory.runs import Runs
from gemma10m.memory.state import LayerState, Layout


class Memory:
    """Keep nothing; the kinds override what they do otherwise."""

    name: MemoryKind
    in_turn = False  # a segment's attention needs what the segment before it left, so segments go one by one
    remembers = False  # what has left the window can still reach a later token
    mixes = False  # its answers are mixed with local attention's by the memory gates
    needs_write_gates = False
    needs_state_vectors = False
    needs_added_memory = False
    keeps_attended = False  # tokens of closed segments, as many as are carried: those that received most attention
    opened: tuple[str, ...] = ()  # tensors with a row for each token of the open segment, beside its keys and values
    products = 0  # of a token's key with an E x E matrix when a segment is written

    @property
    def closes(self) -> bool:
        """Tell if segments close."""
        return self.name not in WITHOUT_SEGMENTS

    def layout(self, spec: AttentionSpec, hidden_size: int, opened: int, batch: int, wide: torch.dtype) -> Layout:
        """Return the tensors added to a layer's state while `opened` tokens are in the open segment, in `wide`."""
        return {}

    def write(
        self,
        state: LayerState,
        keys: Tensor,
        values: Tensor,
        write_gates: Tensor | None,
        interludes: Interludes | None,
        runs: Runs | None = None,
    ) -> Memories | None:
        """Return the memories before and after a stretch's closed segments, or None for kinds without a matrix.

        keys and values (B, K, G, N, E) without positions, write_gates (B, K, G, N); interludes: training only;
        runs: where several ranks read the stretch, each of which closes at least one segment.
        """
        return None
