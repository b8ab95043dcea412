"""A state and what it takes to go on from it, also in a document that has grown since."""

from __future__ import annotations

import hashlib
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from gemma10m.config import ReadingConfig
from gemma10m.memory.state import LayerState, State
from gemma10m.memory.window import carried_tokens, open_tokens
from gemma10m.reading.ids import IdStream

SKIPPED_AT_ONCE = 1 << 20


@dataclass(frozen=True)
class Bookmark:
    state: State
    ids_sha256: str  # of every id before the open segment
    open_ids: tuple[int, ...]  # of the open segment; none for `full`
    file_tokens: tuple[int, ...]
    seconds: float  # spent reading so far
    complete: bool  # the whole document was read


class IdDigest:
    """Running sha256 of the ids of closed segments; the open segment's ids wait."""

    def __init__(self, reading: ReadingConfig) -> None:
        self._segment = 1 if reading.memory == "full" else reading.segment
        self._sha256 = hashlib.sha256()
        self._open: list[int] = []

    def add(self, ids: Sequence[int]) -> None:
        self._open += ids
        closed = len(self._open) // self._segment * self._segment
        self._sha256.update(_little_endian(self._open[:closed]))
        self._open = self._open[closed:]

    @property
    def open_ids(self) -> tuple[int, ...]:
        return tuple(self._open)

    @property
    def hexdigest(self) -> str:
        return self._sha256.hexdigest()


def _little_endian(ids: Sequence[int]) -> bytes:
    packed = array("i", ids)
    if sys.byteorder == "big":
        packed.byteswap()
    return packed.tobytes()


def skip_to(bookmark: Bookmark, stream: IdStream, reading: ReadingConfig) -> tuple[State, IdDigest] | None:
    """Move the stream to where the bookmark's state stands, as far as the ids are the same.

    A document that has grown can differ in its last tokens: `ther` was the end, `there` is not. Their keys are still in
    the open segment and are taken back. None when the ids differ before that.
    """
    digest = IdDigest(reading)
    left = bookmark.state.position - len(bookmark.open_ids)
    while left:
        ids = stream.take(min(left, SKIPPED_AT_ONCE))
        if not ids:
            return None
        digest.add(ids)
        left -= len(ids)
    if digest.hexdigest != bookmark.ids_sha256:
        return None
    again = stream.take(len(bookmark.open_ids))
    same = _common_prefix(again, bookmark.open_ids)
    if same < len(bookmark.open_ids) and reading.memory == "state-vector":
        same = 0  # a mean cannot give back single tokens: the open segment is read again
    stream.put_back(again[same:])
    digest.add(again[:same])
    return rewind(bookmark.state, reading, len(bookmark.open_ids) - same), digest


def _common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def rewind(state: State, reading: ReadingConfig, tokens: int) -> State:
    """The state as it was `tokens` tokens ago, inside the open segment: nothing of them is in the memory yet.

    With `state-vector` memory `tokens` must be the whole open segment, or 0.
    """
    if not tokens:
        return state
    position = state.position - tokens
    return State(tuple(_rewind_layer(layer, reading, position) for layer in state.layers), position)


def _rewind_layer(layer: LayerState, reading: ReadingConfig, position: int) -> LayerState:
    opened = open_tokens(reading, position)
    kept = carried_tokens(reading, position) + opened
    return replace(
        layer,
        keys=layer.keys[:, :, :kept].clone(),
        values=layer.values[:, :, :kept].clone(),
        sink_keys=layer.sink_keys[:, :, :position],
        sink_values=layer.sink_values[:, :, :position],
        write_gates=None if layer.write_gates is None else layer.write_gates[:, :, :opened].clone(),
        output_mean=None if layer.output_mean is None else torch.zeros_like(layer.output_mean),
    )
