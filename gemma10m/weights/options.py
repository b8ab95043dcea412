"""Decide how to read with a checkpoint: by the user's options, else its config.json, else the defaults."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol, TypeVar, cast

import torch
from torch import Tensor

from gemma10m.config import (
    DEFAULT_SEGMENT,
    DEFAULT_SINKS,
    OWN,
    KeyValueFormat,
    MemoryKind,
    ModelConfig,
    ReadingConfig,
)
from gemma10m.errors import ConfigError, ModelError, UsageError
from gemma10m.memory import KINDS
from gemma10m.weights.config_file import StatedReading

CLOSED_GATE = 1e-6

T = TypeVar("T")


class Described(Protocol):
    """Hold what is known of a model before its weights: a Checkpoint, or a published config."""

    @property
    def name(self) -> str: ...
    @property
    def config(self) -> ModelConfig: ...
    @property
    def reading(self) -> StatedReading: ...
    @property
    def added(self) -> ReadingConfig | None: ...


def resolve_reading(
    checkpoint: Described,
    *,
    memory: str | None = None,
    segment: int | None = None,
    carry: int | None = None,
    sinks: int | None = None,
    kv: str | None = None,
    tokens: int = 0,
) -> ReadingConfig:
    """Return how to read, with lengths in tokens. kv: None for float.

    `tokens` is about the document's length, 0 if it is not known.
    Raises UsageError where the user's words do not fit, ConfigError where config.json's do not, and ModelError for
    a memory whose parameters the checkpoint lacks.
    """
    try:
        reading = _reading(checkpoint, memory, segment, carry, sinks, tokens)
        reading = replace(reading, kv=cast(KeyValueFormat, kv or "float"))
    except ConfigError as error:
        if (memory, segment, carry, sinks, kv) != (None,) * 5:
            raise UsageError(error.message, error.hint) from None
        raise
    _check_parameters(checkpoint, reading)
    return reading


def _check_parameters(checkpoint: Described, reading: ReadingConfig) -> None:
    memory, config = KINDS[reading.memory], checkpoint.config
    lacking = {
        "write gates": memory.needs_write_gates and not config.has_write_gates,
        "state-vector parameters": memory.needs_state_vectors and not config.has_state_vectors,
    }
    if memory.needs_added_memory and not config.added_rank:
        raise ModelError(
            f"{checkpoint.name} has no adapter with a memory, which {reading.memory} memory needs",
            hint="name one with --adapter, or train one: gemma10m train MODEL --memory 32 --data TEXT --out FOLDER",
        )
    for name in (name for name, lacks in lacking.items() if lacks):
        raise ModelError(
            f"{checkpoint.name} has no {name}, which {reading.memory} memory needs",
            hint="use --memory linear or window, or train a checkpoint that has them",
        )


def _reading(
    checkpoint: Described,
    memory: str | None,
    segment: int | None,
    carry: int | None,
    sinks: int | None,
    tokens: int,
) -> ReadingConfig:
    config, stated = checkpoint.config, checkpoint.reading
    if config.own_reading:
        refuse_any_but(
            config.own_reading,
            checkpoint.name,
            StatedReading(memory=cast(MemoryKind | None, memory), segment=segment, carry=carry, sinks=sinks),
            stated,
        )
        return config.own_reading
    if OWN in (memory, stated["memory"]):
        raise UsageError(
            f"{checkpoint.name} has no state of its own: its layers attend, and a memory is kept beside them",
            hint="leave out --memory, or name another kind",
        )
    kind = _first(memory, stated["memory"], _default_memory(config))
    if checkpoint.added and kind in KINDS and KINDS[cast(MemoryKind, kind)].needs_added_memory:
        added = checkpoint.added
        stated = StatedReading(memory="added", segment=added.segment, carry=added.carry, sinks=added.sinks)
    reading = ReadingConfig(memory=cast(MemoryKind, kind), segment=_first(segment, stated["segment"], DEFAULT_SEGMENT))
    default_carry = _default_carry(config, reading.segment, tokens)
    if KINDS[reading.memory].keeps_attended:  # as many tokens again
        default_carry = max(reading.segment, default_carry // 2 // reading.segment * reading.segment)
    default_sinks = min(DEFAULT_SINKS, reading.segment)
    if not KINDS[reading.memory].closes:
        default_carry = default_sinks = 0
    # What closes no segment keeps every token: a carry and sinks stated for another memory are not meant for it.
    stated_carry, stated_sinks = stated["carry"], stated["sinks"]
    if not KINDS[reading.memory].closes and stated["memory"] != kind:
        stated_carry = stated_sinks = None
    return replace(
        reading, carry=_first(carry, stated_carry, default_carry), sinks=_first(sinks, stated_sinks, default_sinks)
    )


def refuse_any_but(own: ReadingConfig, name: str, *wanted: StatedReading) -> None:
    """Refuse to read otherwise than a model with a state of its own can. Raises UsageError."""
    for said in wanted:
        for field, value in said.items():
            if value is not None and value != getattr(own, field):
                raise UsageError(
                    f"{name} carries a state of its own, and cannot be read with {field} {value}",
                    hint="leave out memory, segment, carry and sinks",
                )


def _first(said: T | None, stated: T | None, default: T) -> T:
    return next((value for value in (said, stated) if value is not None), default)


def _default_memory(config: ModelConfig) -> MemoryKind:
    if config.has_state_vectors:
        return "state-vector"
    if not config.has_gates:
        return "window"
    return "gated" if config.has_write_gates else "linear"


def _default_carry(config: ModelConfig, segment: int, tokens: int) -> int:
    """Return one segment for checkpoints with a memory, and for stock ones what fills the context of their training.

    A window that fills the context is exact for every document that fits it. In a longer document a model with local
    layers sees nearly all it ever sees through those: its other layers get one segment more, and reading stays short.
    """
    if config.has_gates or config.has_state_vectors:
        return segment
    has_local_layers = any(spec.window for spec in config.attention)
    if has_local_layers and tokens > config.context:
        return min(segment, _filling(config.context, segment))
    return _filling(config.context, segment)


def _filling(context: int, segment: int) -> int:
    return max(0, (context - segment) // segment * segment)


def closed_gate_warning(gates: Iterable[Tensor] | None, reading: ReadingConfig) -> str | None:
    """Return a warning if memory is asked for but no gate lets it through. gates: the layers' betas [1, H, 1, 1]."""
    if not KINDS[reading.memory].mixes:
        return None
    if gates is not None and any(bool((torch.sigmoid(gate.float()) >= CLOSED_GATE).any()) for gate in gates):
        return None
    why = "the checkpoint has no memory gates" if gates is None else "every memory gate of the checkpoint is closed"
    window = reading.segment + reading.carry
    return f"{why}: the model remembers nothing beyond its window of {window:,} tokens (segment and carry)"
