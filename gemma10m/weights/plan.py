"""Predict the memory that reading will need from shapes alone: nothing is allocated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from gemma10m.config import ModelConfig, ReadingConfig, computed_in
from gemma10m.memory.quantiser import TENSORS
from gemma10m.memory.state import Layout
from gemma10m.models.decoder import Decoder
from gemma10m.models.layers import FEED_FORWARD_ROWS
from gemma10m.weights.expected import LAYER_TABLE, loaded_dtype
from gemma10m.weights.quantising import NOTHING_STORED, PACKED, UNPACKED_ROWS, prepare

_FAR = 2**40  # tokens: a position at which every window is full


@dataclass(frozen=True)
class MemoryPlan:
    """Hold the bytes needed for one document (B = 1)."""

    weights: int
    state: int  # right before a segment closes, when it is largest; for `full` what an empty one holds: sinks
    state_per_token: int  # 0 unless memory is `full`
    activations: int  # an estimate
    keys: int  # of the state: keys and values
    on_host: int = 0  # of the weights: what stays in main memory where the model is on a GPU

    @property
    def total(self) -> int:
        return self.weights + self.state + self.activations

    def on_device(self, device: str) -> int:
        """Return the bytes needed in the memory of the device: "cpu" or "cuda"."""
        return self.total - (0 if device == "cpu" else self.on_host)


def memory_plan(
    config: ModelConfig,
    reading: ReadingConfig,
    dtype: torch.dtype | str,
    segments: int,
    tokens: int = _FAR,
    stored: Mapping[str, int] = NOTHING_STORED,
) -> MemoryPlan:
    """Plan for `dtype` of weights, `segments` at a time, and at most `tokens` tokens a document.

    dtype: a float type, also of keys and values, or a name of `config.FORMATS`. stored: `Checkpoint.stored_bits`.
    Raises ModelError for rows that cannot be packed.
    """
    number_format = dtype if isinstance(dtype, str) else str(dtype).removeprefix("torch.")
    kept: torch.dtype = getattr(torch, computed_in(number_format))
    with torch.device("meta"):
        model = Decoder(config, reading)
    prepare(model, number_format, stored)
    # The token that fills a segment closes it, so that an open segment holds at most N - 1.
    far = min(tokens, _FAR) // reading.segment * reading.segment + reading.segment - 1
    per_token = _state_bytes(model, far, kept) - _state_bytes(model, far - 1, kept)
    growth_of_segment = _state_bytes(model, far + reading.segment, kept) - _state_bytes(model, far, kept)
    if reading.kv != "float":  # a token's keys and values are quantised with those of its segment
        per_token = -(-growth_of_segment // reading.segment)
    growth = per_token * far if growth_of_segment else 0
    return MemoryPlan(
        weights=_weight_bytes(model, kept),
        on_host=_on_host(model, kept),
        state=_state_bytes(model, far, kept) - growth,
        state_per_token=per_token if growth_of_segment else 0,
        activations=_activation_bytes(model, kept.itemsize, segments * reading.segment),
        keys=sum(_layout_bytes(_keys(mixer.layout(far, 1, kept))) for mixer in model.mixers) - growth,
    )


def _keys(layout: Layout) -> Layout:
    # And not those that wait to be written to a memory.
    own = ("keys", "values", "sink_keys", "sink_values", "heavy_keys", "heavy_values", *TENSORS)
    return {name: tensor for name, tensor in layout.items() if name in own}


def _weight_bytes(model: Decoder, dtype: torch.dtype) -> int:
    named = model.state_dict().items()
    return sum(tensor.numel() * _item_size(name, tensor, dtype) for name, tensor in named)


def _item_size(name: str, tensor: Tensor, dtype: torch.dtype) -> int:
    if name.endswith(PACKED):
        return tensor.itemsize
    return loaded_dtype(name, dtype).itemsize


def _on_host(model: Decoder, dtype: torch.dtype) -> int:
    table = model.state_dict().get(LAYER_TABLE)
    return 0 if table is None else table.numel() * dtype.itemsize


def _state_bytes(model: Decoder, position: int, dtype: torch.dtype) -> int:
    return sum(_layout_bytes(mixer.layout(position, 1, dtype)) for mixer in model.mixers)


def _layout_bytes(layout: Layout) -> int:
    return sum(math.prod(shape) * dtype.itemsize for dtype, shape in layout.values())


def _activation_bytes(model: Decoder, item: int, tokens: int) -> int:
    """Count a layer's peak: its mixer or feed-forward, beside four copies of the residual stream.

    Counts the big tensors the code makes, not the allocator's rounding or a library's scratch; good to a factor of 2.
    """
    config = model.config
    residual = 4 * tokens * config.hidden_size * item
    feed_forward = 4 * min(tokens, FEED_FORWARD_ROWS) * config.widest_feed_forward * item
    mixing = max(mixer.scratch(tokens, item) for mixer in model.mixers)
    unpacked = 4 * UNPACKED_ROWS * max(config.hidden_size, config.widest_feed_forward) * item if model.quantised else 0
    return residual + max(feed_forward, mixing) + config.vocabulary * item + unpacked
