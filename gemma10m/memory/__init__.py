"""Every memory kind has one object in `KINDS`. They are made when one is looked up: their modules import torch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING

from gemma10m.config import MEMORY_KINDS, OWN

if TYPE_CHECKING:
    from gemma10m.memory.kind import Memory


@cache
def _kinds() -> dict[str, Memory]:
    from gemma10m.memory.added import AddedMemory
    from gemma10m.memory.delta import DeltaMemory
    from gemma10m.memory.gated_delta import GatedMemory
    from gemma10m.memory.heavy import HeavyMemory
    from gemma10m.memory.linear import LinearMemory
    from gemma10m.memory.own import OwnMemory
    from gemma10m.memory.state_vector import StateVectorMemory
    from gemma10m.memory.verbatim import FullMemory, WindowMemory

    with_matrix = (LinearMemory, DeltaMemory, GatedMemory, AddedMemory)
    memories = (*with_matrix, StateVectorMemory, WindowMemory, HeavyMemory, FullMemory, OwnMemory)
    return {memory.name: memory() for memory in memories}


class _Kinds(Mapping[str, "Memory"]):
    def __getitem__(self, name: str) -> Memory:
        return _kinds()[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*MEMORY_KINDS, OWN))

    def __len__(self) -> int:
        return len((*MEMORY_KINDS, OWN))


KINDS: Mapping[str, Memory] = _Kinds()
