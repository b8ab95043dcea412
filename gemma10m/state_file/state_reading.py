"""Read a file into a State and its StateHeader, compared with what the caller expects."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from reprlib import repr as shortened
from typing import TYPE_CHECKING

from gemma10m.config import ReadingConfig
from gemma10m.errors import StateError
from gemma10m.state_file.container import START, Head, opened, read_head, read_tensors
from gemma10m.state_file.header import StateHeader
from gemma10m.state_file.layout import LENGTH_BYTES, TensorSpec, state_layout

if TYPE_CHECKING:
    import torch

    from gemma10m.memory.state import Layout, State


@dataclass(frozen=True)
class Expectation:
    """Hold what a state must have been made with to be usable now."""

    model_fingerprint: str
    tokenizer_fingerprint: str
    reading: ReadingConfig
    dtype: str
    layout: Callable[[int], Sequence[Layout]]  # a position to what the model's layers keep there
    vocabulary: int


def read_header(path: Path) -> StateHeader:
    """Return the header with the open segment's ids, checked against their digests and the file's size.

    The other tensors' bytes are not read: their digest is for `load_state`. Raises StateError.
    """
    with opened(path) as (file, size):
        return read_head(path, file, size).header


def load_state(path: Path, *, expect: Expectation, device: torch.device | str = "cpu") -> tuple[State, StateHeader]:
    """Return the state and its header. Raises StateError unless every byte is as it was saved and `expect` holds."""
    from gemma10m.memory.state import LayerState, State

    with opened(path) as (file, size):
        head = read_head(path, file, size)
        for problem, hint in _mismatches(head, expect):
            raise StateError(f"{path} {problem}", hint)
        tensors = read_tensors(path, file, head)
    layers = tuple(
        LayerState(**{name: tensors[f"layers.{number}.{name}"].to(device) for name in layer})
        for number, layer in enumerate(expect.layout(head.header.position))
    )
    return State(layers, head.header.position), head.header


def is_state_file(path: Path) -> bool:
    """Tell if the file begins like a state, of any version and in any condition. Never raises, never blocks."""
    try:
        with opened(path) as (file, _):
            return file.read(LENGTH_BYTES + len(START))[LENGTH_BYTES:] == START
    except (StateError, ValueError):  # ValueError: a NUL in the name
        return False


def _mismatches(head: Head, expect: Expectation) -> Iterator[tuple[str, str]]:
    """Yield what keeps the state from being used, and what to do about it."""
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
    hint = "use the model the document was read with, or read the document again"
    expected = tuple(state_layout(expect.layout(header.position), header.reading, header.position))
    yield from ((problem, hint) for problem in _misfits(head.layout, expected))
    largest = max(header.open_ids, default=0)
    smallest = min(header.open_ids, default=0)
    if not 0 <= smallest <= largest < expect.vocabulary:
        yield f"holds token ids from {smallest} to {largest}, the vocabulary has {expect.vocabulary}", hint


def _misfits(found: Sequence[TensorSpec], expected: Sequence[TensorSpec]) -> Iterator[str]:
    """Yield what differs between the file's tensors and the model's."""
    there, wanted = ({spec.name: spec for spec in specs} for specs in (found, expected))
    yield from (f"has no tensor {name}" for name in wanted if name not in there)
    yield from (f"holds a tensor {name} that this model's state has not" for name in there if name not in wanted)
    for name in wanted.keys() & there.keys():
        if there[name] != wanted[name]:
            yield f"holds a tensor {name} of {_described(there[name])}, expected {_described(wanted[name])}"
    if tuple(there) != tuple(wanted):
        yield "has its tensors in another order than this model's state"


def _described(spec: TensorSpec) -> str:
    return f"{list(spec.shape)} in {spec.dtype}"
