"""Every memory kind has one object in `KINDS`."""

from __future__ import annotations

from gemma10m.config import MEMORY_KINDS
from gemma10m.memory.delta import DeltaMemory
from gemma10m.memory.gated_delta import GatedMemory
from gemma10m.memory.kind import Memory
from gemma10m.memory.linear import LinearMemory
from gemma10m.memory.state_vector import StateVectorMemory
from gemma10m.memory.verbatim import FullMemory, WindowMemory

_ALL: tuple[Memory, ...] = (
    LinearMemory(),
    DeltaMemory(),
    GatedMemory(),
    StateVectorMemory(),
    WindowMemory(),
    FullMemory(),
)
KINDS: dict[str, Memory] = {memory.name: memory for memory in _ALL}
assert tuple(KINDS) == MEMORY_KINDS
