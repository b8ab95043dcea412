"""Random states and headers for tests; shapes are counted here token by token, not taken from the code under test."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.memory.state import LayerState, State
from gemma10m.models.decoder import Decoder
from gemma10m.state_file import DocumentRecord, Expectation, OriginRecord, SkippedRecord, SourceRecord, StateHeader

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}


def small_config(**changes: Any) -> ModelConfig:
    sizes: dict[str, Any] = dict(
        hidden_size=12, layers=3, heads=4, kv_heads=2, head_size=6, feed_forward_size=20, vocabulary=97
    )
    return ModelConfig(**(sizes | changes))


def open_count(reading: ReadingConfig, position: int) -> int:
    """Count the tokens of the unfinished segment."""
    count = 0
    for _ in range(position):
        count += 1
        if count == reading.segment and reading.memory != "full":
            count = 0
    return count


def random_state(config: ModelConfig, reading: ReadingConfig, position: int, dtype: str, seed: int = 0) -> State:
    """Return what `position` tokens leave behind, in shape; the numbers are random."""
    generator = torch.Generator().manual_seed(seed)
    heads, size = config.kv_heads, config.head_size
    opened = open_count(reading, position)
    window = opened + min(reading.carry, position - opened)
    sinks = min(reading.sinks, position)

    def local(tokens: int) -> Tensor:
        return torch.randn(1, heads, tokens, size, generator=generator).to(DTYPES[dtype])

    def heavy(carried: int) -> dict[str, Tensor]:
        kept = min(reading.carry, sum(1 for token in range(position) if sinks <= token < position - window))

        def attention(tokens: int) -> Tensor:
            return torch.rand(1, heads, tokens, generator=generator)

        received = {"received": attention(kept + carried), "open_received": attention(kept + window)}
        return {"heavy_keys": local(kept), "heavy_values": local(kept)} | received

    def wide() -> Tensor:
        return torch.randn(1, config.hidden_size, generator=generator)

    def layer() -> LayerState:
        kind = reading.memory
        tensors = dict(
            keys=local(window),
            values=local(window),
            sink_keys=local(sinks),
            sink_values=local(sinks),
            memory_keys=torch.rand(1, heads, opened, size, generator=generator) if kind == "added" else None,
            memory_values=torch.rand(1, heads, opened, size, generator=generator) if kind == "added" else None,
            memory_gates=torch.rand(1, heads, opened, generator=generator) if kind == "added" else None,
            memory=torch.randn(1, heads, size, size, generator=generator)
            if kind in ("linear", "delta", "gated", "added")
            else None,
            memory_context=torch.rand(1, heads, 16 + opened, size, generator=generator) if kind == "added" else None,
            normaliser=torch.rand(1, heads, size, generator=generator) if kind in ("linear", "delta") else None,
            write_gates=torch.rand(1, heads, opened, generator=generator) if kind == "gated" else None,
            state_vector=wide() if kind == "state-vector" else None,
            output_mean=wide() if kind == "state-vector" else None,
            **(heavy(window - opened) if kind == "heavy" else {}),
        )
        return LayerState(**{name: tensor for name, tensor in tensors.items() if tensor is not None})

    return State(tuple(layer() for _ in range(config.layers)), position)


def sample_document() -> DocumentRecord:
    return DocumentRecord(
        name="books",
        fingerprint="d" * 64,
        nbytes=130,
        sources=(
            SourceRecord("books/a b.txt", 100, hashlib.sha256(b"a").hexdigest(), 31),
            SourceRecord("books/\udcff\x1b[2J\u202e.txt", 30, hashlib.sha256(b"b").hexdigest(), 9),
        ),
        skipped=(SkippedRecord("books/cover.png", "binary"),),
        origin=OriginRecord("/home/\udcff", ("books",), (), ("*.log",)),
    )


def sample_header(
    config: ModelConfig, reading: ReadingConfig, position: int, dtype: str, **changes: Any
) -> StateHeader:
    ids = random.Random(position)
    count = 0 if reading.memory == "full" else open_count(reading, position)
    values: dict[str, Any] = dict(
        model="tiny",
        model_fingerprint="a" * 64,
        tokenizer_fingerprint="b" * 64,
        reading=reading,
        dtype=dtype,
        position=position,
        complete=False,
        document=sample_document(),
        ids_sha256=hashlib.sha256(str(position).encode()).hexdigest(),
        open_ids=tuple(ids.randrange(config.vocabulary) for _ in range(count)),
        seconds=12.25,
        created_by="gemma10m 0.1.0",
    )
    return StateHeader(**(values | changes))


def expectation(config: ModelConfig, header: StateHeader) -> Expectation:
    """Return what fits the header."""
    with torch.device("meta"):
        config = replace(
            config,
            has_write_gates=header.reading.memory == "gated",
            has_state_vectors=header.reading.memory == "state-vector",
            added_rank=3 if header.reading.memory == "added" else 0,
        )
        model = Decoder(config, header.reading).to(DTYPES[header.dtype])
    return Expectation(
        header.model_fingerprint,
        header.tokenizer_fingerprint,
        header.reading,
        header.dtype,
        model.layout,
        config.vocabulary,
    )


def same_bits(a: State, b: State) -> bool:
    """Equal names, shapes, dtypes and bytes (equality of numbers would take -0.0 for 0.0)."""

    def named(state: State) -> dict[str, Tensor]:
        return {
            f"{number}.{name}": tensor.contiguous()
            for number, layer in enumerate(state.layers)
            for name, tensor in layer.tensors()
        }

    def same(x: Tensor, y: Tensor) -> bool:
        if (x.dtype, x.shape) != (y.dtype, y.shape):
            return False
        return torch.equal(x.flatten().view(torch.uint8), y.flatten().view(torch.uint8))

    left, right = named(a), named(b)
    return (a.position, left.keys()) == (b.position, right.keys()) and all(same(left[n], right[n]) for n in left)
