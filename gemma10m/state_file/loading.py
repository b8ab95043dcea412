"""File -> State and StateHeader, held against what the caller expects."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from reprlib import repr as shortened

import torch
from torch import Tensor

from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.errors import StateError
from gemma10m.memory.state import LayerState, State
from gemma10m.state_file.container import START, Head, opened, read_head, read_tensors
from gemma10m.state_file.header import StateHeader
from gemma10m.state_file.layout import StateShape
from gemma10m.state_file.saving import LENGTH_BYTES


@dataclass(frozen=True)
class Expectation:
    """What a state must have been made with to be of use now."""

    model_fingerprint: str
    tokenizer_fingerprint: str
    reading: ReadingConfig
    dtype: str
    config: ModelConfig


def read_header(path: Path) -> StateHeader:
    """The header with the open segment's ids, checked against their digests and the file's size.

    The other tensors' bytes are not read: their digest is for `load_state`. Raises StateError.
    """
    with opened(path) as (file, size):
        return read_head(path, file, size).header


def load_state(path: Path, *, expect: Expectation, device: torch.device | str = "cpu") -> tuple[State, StateHeader]:
    """The state and its header. Raises StateError unless every byte is as it was saved and `expect` holds."""
    with opened(path) as (file, size):
        head = read_head(path, file, size)
        for problem, hint in _mismatches(head, expect):
            raise StateError(f"{path} {problem}", hint)
        tensors = read_tensors(path, file, head)
    layers = tuple(_layer(tensors, number, device) for number in range(head.shape.layers))
    return State(layers, head.header.position), head.header


def is_state_file(path: Path) -> bool:
    """Whether the file begins like a state, of any version and in any condition. Never raises, never blocks."""
    try:
        with opened(path) as (file, _):
            return file.read(LENGTH_BYTES + len(START))[LENGTH_BYTES:] == START
    except (StateError, ValueError):  # ValueError: a NUL in the name
        return False


def _layer(tensors: dict[str, Tensor], number: int, device: torch.device | str) -> LayerState:
    names = {field.name: f"layers.{number}.{field.name}" for field in fields(LayerState)}
    return LayerState(**{field: tensors[name].to(device) for field, name in names.items() if name in tensors})


def _mismatches(head: Head, expect: Expectation) -> Iterator[tuple[str, str]]:
    """What keeps the state from being used, and what to do about it."""
    header = head.header
    if header.model_fingerprint != expect.model_fingerprint:
        yield (
            f"was read by the model {shortened(header.model)} with the fingerprint {header.model_fingerprint[:16]!r}, "
            f"expected {expect.model_fingerprint[:16]!r}",
            "use the model the document was read with, or read the document again",
        )
    if header.tokenizer_fingerprint != expect.tokenizer_fingerprint:
        yield (
            f"was read with the tokenizer {header.tokenizer_fingerprint[:16]!r}, "
            f"expected {expect.tokenizer_fingerprint[:16]!r}",
            "use the tokenizer the document was read with, or read the document again",
        )
    for field in fields(ReadingConfig):
        found, wanted = getattr(header.reading, field.name), getattr(expect.reading, field.name)
        if found != wanted:
            yield (
                f"was read with {field.name} {found}, expected {wanted}",
                f"ask with {field.name} {found}, or read the document again",
            )
    if header.dtype != expect.dtype:
        yield (
            f"was read in {header.dtype}, expected {expect.dtype}",
            f"ask with --dtype {header.dtype}, or read the document again",
        )
    yield from _misfits(head, expect.config, expect.reading)


def _misfits(head: Head, config: ModelConfig, reading: ReadingConfig) -> Iterator[tuple[str, str]]:
    hint = "use the model the document was read with, or read the document again"
    if head.shape != (wanted := StateShape.of_model(config, reading)):
        yield f"holds {head.shape}, expected {wanted}", hint
    largest = max(head.header.open_ids, default=0)
    smallest = min(head.header.open_ids, default=0)
    if not 0 <= smallest <= largest < config.vocabulary:
        yield f"holds token ids from {smallest} to {largest}, the vocabulary has {config.vocabulary}", hint
