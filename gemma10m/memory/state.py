"""Reading hands a state to answering: plain frozen data, the same size for a thousand tokens or ten million."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

Layout = dict[str, tuple[torch.dtype, tuple[int, ...]]]  # a layer's state: names, dtypes and shapes


def last_rows(x: Tensor, count: int) -> Tensor:
    """Copy the last `count` rows of (B, K, S, ...), which may be all: a view would keep what is dropped alive."""
    return x if count == x.shape[2] else x[:, :, x.shape[2] - count :].clone()


class LayerState:
    """Hold one layer's state as named tensors. The layer alone decides which ones (`Mixer.layout`)."""

    __slots__ = ("_tensors",)

    def __init__(self, **tensors: Tensor) -> None:
        self._tensors: Mapping[str, Tensor] = MappingProxyType(tensors)

    def __getitem__(self, name: str) -> Tensor:
        return self._tensors[name]

    def get(self, name: str) -> Tensor | None:
        return self._tensors.get(name)

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        return iter(self._tensors.items())

    def replace(self, **changes: Tensor) -> LayerState:
        return LayerState(**(dict(self._tensors) | changes))

    def map(self, function: Callable[[Tensor], Tensor]) -> LayerState:
        return LayerState(**{name: function(tensor) for name, tensor in self.tensors()})

    @property
    def layout(self) -> Layout:
        return {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in self.tensors()}


@dataclass(frozen=True)
class State:
    """Hold the whole model's state after `position` tokens."""

    layers: tuple[LayerState, ...]
    position: int

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for layer in self.layers for _, tensor in layer.tensors())

    def map(self, function: Callable[[Tensor], Tensor]) -> State:
        """Return the same state with `function` applied to every tensor."""
        return State(tuple(layer.map(function) for layer in self.layers), self.position)
