"""What reading will need, from shapes alone: nothing is allocated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import chain

import torch

from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.models.layers import FEED_FORWARD_ROWS
from gemma10m.weights.expected import layer_shapes, outer_shapes, stays_float32

_FLOAT32 = 4


@dataclass(frozen=True)
class MemoryPlan:
    """Bytes for one document (B = 1)."""

    weights: int
    state: int  # right before a segment closes, when it is largest; for `full` what an empty one holds: sinks
    state_per_token: int  # 0 unless memory is `full`
    activations: int  # an estimate

    @property
    def total(self) -> int:
        return self.weights + self.state + self.activations


def memory_plan(config: ModelConfig, reading: ReadingConfig, dtype: torch.dtype, stretch: int) -> MemoryPlan:
    """`dtype` of the weights and of the keys and values; `stretch` in segments."""
    keys_and_values = 2 * config.kv_size * dtype.itemsize  # of one token in one layer
    is_full = reading.memory == "full"
    return MemoryPlan(
        weights=_weight_bytes(config, dtype),
        state=config.layers * _layer_state_bytes(config, reading, keys_and_values),
        state_per_token=config.layers * keys_and_values if is_full else 0,
        activations=_activation_bytes(config, reading, dtype.itemsize, stretch),
    )


def _weight_bytes(config: ModelConfig, dtype: torch.dtype) -> int:
    named = chain(outer_shapes(config).items(), *[layer_shapes(config).items()] * config.layers)
    return sum(math.prod(shape) * (_FLOAT32 if stays_float32(name) else dtype.itemsize) for name, shape in named)


def _layer_state_bytes(config: ModelConfig, reading: ReadingConfig, keys_and_values: int) -> int:
    # The token that fills a segment closes it, so an open segment holds at most N - 1.
    open_tokens = 0 if reading.memory == "full" else reading.segment - 1
    kept = 0 if reading.memory == "full" else reading.carry
    return (kept + open_tokens + reading.sinks) * keys_and_values + _memory_bytes(config, reading, open_tokens)


def _memory_bytes(config: ModelConfig, reading: ReadingConfig, open_tokens: int) -> int:
    """M with z or the open segment's write gates, or the state vector and the mean output, in float32."""
    matrix = config.kv_size * config.head_size
    per_kind = {
        "linear": matrix + config.kv_size,
        "delta": matrix + config.kv_size,
        "gated": matrix + config.kv_heads * open_tokens,
        "state-vector": 2 * config.hidden_size,
    }
    return _FLOAT32 * per_kind.get(reading.memory, 0)


def _activation_bytes(config: ModelConfig, reading: ReadingConfig, item: int, stretch: int) -> int:
    """The largest moment of one layer: attention or feed-forward, beside four copies of the residual stream.

    Counts the big tensors the code makes, not the allocator's rounding or a library's scratch; good to a factor of 2.
    """
    tokens = stretch * reading.segment  # S
    residual = 4 * tokens * config.hidden_size * item
    feed_forward = 4 * min(tokens, FEED_FORWARD_ROWS) * config.feed_forward_size * item
    return residual + max(feed_forward, _attention_bytes(config, reading, item, stretch)) + config.vocabulary * item


def _attention_bytes(config: ModelConfig, reading: ReadingConfig, item: int, stretch: int) -> int:
    tokens = stretch * reading.segment  # S
    window = reading.sinks + reading.carry + reading.segment
    queries = 4 * tokens * config.query_size * item  # queries, rotated, attended, joined
    buffer = 2 * (reading.carry + tokens) * config.kv_size * item
    together = 1 if reading.memory == "state-vector" else stretch  # segments in attention at a time
    windows = 3 * together * window * config.kv_size * item  # keys, rotated keys, values
    if reading.memory not in ("linear", "delta", "gated"):
        return queries + buffer + windows
    mixed = 3 * tokens * config.query_size * _FLOAT32  # feature map, recalled, mixed
    memories = 4 * (stretch + 1) * config.kv_size * config.head_size * _FLOAT32  # maps A, B, M and their product
    return queries + buffer + windows + mixed + memories
