"""`own` is the memory of architectures whose layers carry a state by themselves: it adds nothing to theirs."""

from __future__ import annotations

from gemma10m.config import MemoryKind
from gemma10m.memory.kind import Memory


class OwnMemory(Memory):
    name: MemoryKind = "own"
    remembers = True
