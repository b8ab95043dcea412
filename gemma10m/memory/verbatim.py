"""Two kinds have no compressive memory: `window` keeps what is in the window alone, `full` closes no segment."""

from __future__ import annotations

from gemma10m.config import MemoryKind
from gemma10m.memory.kind import Memory


class WindowMemory(Memory):
    name: MemoryKind = "window"


class FullMemory(Memory):
    name: MemoryKind = "full"
    remembers = True
