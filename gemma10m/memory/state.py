"""What reading hands to answering: plain frozen data, the same size for a thousand tokens or ten million."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from torch import Tensor


@dataclass(frozen=True)
class LayerState:
    """One layer's state. Keys are unrotated; `keys` and `values` hold carry + open segment (all tokens, for `full`).

    n is the number of tokens in the open segment, W the carried tokens plus n.
    """

    keys: Tensor  # (B, K, W, E)
    values: Tensor  # (B, K, W, E)
    sink_keys: Tensor  # (B, K, sinks, E), fewer before the document has that many tokens
    sink_values: Tensor  # (B, K, sinks, E)
    memory: Tensor | None = None  # M (B, K, E, E) float32: linear, delta, gated
    normaliser: Tensor | None = None  # z (B, K, E) float32: linear, delta
    write_gates: Tensor | None = None  # b (B, K, n) float32, of the open segment: gated
    state_vector: Tensor | None = None  # h (B, D) float32, 0 before a segment has closed: state-vector
    output_mean: Tensor | None = None  # (B, D) float32, the open segment's outputs over N: state-vector

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        for field in fields(self):
            tensor = getattr(self, field.name)
            if tensor is not None:
                yield field.name, tensor


@dataclass(frozen=True)
class State:
    """The whole model's state after `position` tokens."""

    layers: tuple[LayerState, ...]
    position: int

    @property
    def nbytes(self) -> int:
        return sum(tensor.nbytes for layer in self.layers for _, tensor in layer.tensors())
