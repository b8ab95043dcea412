"""Which tensors a state has: names, dtypes and shapes follow from the model's shape, how it reads, and the position."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.memory.layout import layer_layout
from gemma10m.memory.state import State
from gemma10m.memory.window import open_tokens

OPEN_IDS = "open_ids"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
_CODES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.int32: "I32"}
_LARGEST_SIZE = 2**31  # the bound of ModelConfig


@dataclass(frozen=True)
class TensorSpec:
    name: str
    dtype: torch.dtype
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize


@dataclass(frozen=True)
class StateShape:
    layers: int  # L
    kv_heads: int  # K
    head_size: int  # E
    vector_size: int = 0  # D where there are state vectors

    def __str__(self) -> str:
        vectors = f" and state vectors of size {self.vector_size}" if self.vector_size else ""
        return f"{self.layers} layers with {self.kv_heads} K/V heads of size {self.head_size}{vectors}"

    @classmethod
    def of_model(cls, config: ModelConfig, reading: ReadingConfig) -> StateShape:
        vector_size = config.hidden_size if reading.memory == "state-vector" else 0
        return cls(config.layers, config.kv_heads, config.head_size, vector_size)

    @classmethod
    def of_state(cls, state: State) -> StateShape:
        first = state.layers[0]
        _, kv_heads, _, head_size = first.keys.shape
        vector_size = 0 if first.state_vector is None else first.state_vector.shape[-1]
        return cls(len(state.layers), kv_heads, head_size, vector_size)

    @classmethod
    def of_table(cls, table: dict[str, Any]) -> StateShape | None:
        """What the tensors named in a file suggest; None if they suggest nothing."""
        layers = sum(name.startswith("layers.") and name.endswith(".keys") for name in table)
        match table.get("layers.0.keys"):
            case {"shape": [1, int(kv_heads), int(), int(head_size)]} if (
                0 < kv_heads < _LARGEST_SIZE and 0 < head_size < _LARGEST_SIZE
            ):
                return cls(layers, kv_heads, head_size, _vector_size(table))
        return None


def _vector_size(table: dict[str, Any]) -> int:
    match table.get("layers.0.state_vector"):
        case {"shape": [1, int(size)]} if 0 < size < _LARGEST_SIZE:
            return size
    return 0


def open_ids_count(reading: ReadingConfig, position: int) -> int:
    """Ids stored for the open segment. `full` closes nothing, and keeps no ids for it."""
    return 0 if reading.memory == "full" else open_tokens(reading, position)


def state_layout(shape: StateShape, reading: ReadingConfig, dtype: str, position: int) -> Iterator[TensorSpec]:
    """Every tensor of a state file, in the order of its bytes."""
    yield TensorSpec(OPEN_IDS, torch.int32, (open_ids_count(reading, position),))
    layer = layer_layout(
        reading,
        DTYPES[dtype],
        position,
        batch=1,
        kv_heads=shape.kv_heads,
        head_size=shape.head_size,
        vector_size=shape.vector_size,
    )
    for number in range(shape.layers):
        for name, (tensor_dtype, tensor_shape) in layer.items():
            yield TensorSpec(f"layers.{number}.{name}", tensor_dtype, tensor_shape)


def tensor_table(layout: tuple[TensorSpec, ...]) -> dict[str, dict[str, Any]]:
    """The tensors as a safetensors header lists them."""
    table, start = {}, 0
    for spec in layout:
        end = start + spec.nbytes
        table[spec.name] = {"dtype": _CODES[spec.dtype], "shape": list(spec.shape), "data_offsets": [start, end]}
        start = end
    return table


def all_finite(tensor: Tensor) -> bool:
    # NaN passes through minimum and maximum; one pass, where isfinite().all() makes several and copies.
    return not tensor.numel() or all(math.isfinite(bound.item()) for bound in tensor.aminmax())
