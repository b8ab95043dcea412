"""Which tensors a layer's state has: names, dtypes and shapes follow from how the model reads and the position."""

from __future__ import annotations

import torch

from gemma10m.config import ReadingConfig
from gemma10m.memory.infini import REMEMBERING
from gemma10m.memory.window import carried_tokens, open_tokens

Layout = dict[str, tuple[torch.dtype, tuple[int, ...]]]


def layer_layout(
    reading: ReadingConfig,
    dtype: torch.dtype,
    position: int,
    *,
    batch: int,
    kv_heads: int,
    head_size: int,
    vector_size: int,
) -> Layout:
    """`dtype` of the keys and values; everything else is float32. vector_size: D, used by `state-vector` alone."""
    opened = open_tokens(reading, position)
    window = (batch, kv_heads, carried_tokens(reading, position) + opened, head_size)
    sinks = (batch, kv_heads, min(reading.sinks, position), head_size)
    layout: Layout = {
        "keys": (dtype, window),
        "values": (dtype, window),
        "sink_keys": (dtype, sinks),
        "sink_values": (dtype, sinks),
    }
    if reading.memory in REMEMBERING:
        layout["memory"] = (torch.float32, (batch, kv_heads, head_size, head_size))
    if reading.memory in ("linear", "delta"):
        layout["normaliser"] = (torch.float32, (batch, kv_heads, head_size))
    if reading.memory == "gated":
        layout["write_gates"] = (torch.float32, (batch, kv_heads, opened))
    if reading.memory == "state-vector":
        layout["state_vector"] = layout["output_mean"] = (torch.float32, (batch, vector_size))
    return layout
