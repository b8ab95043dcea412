"""A bookmark is a state and what it takes to continue from it, also in a document that has grown since."""

from __future__ import annotations

import hashlib
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass

from gemma10m.config import ReadingConfig
from gemma10m.memory import KINDS
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
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
    skipped: int = 0  # tokens that no answer depends on, and that the model did not read


class IdDigest:
    """Keep a running sha256 of closed segments' ids; the open segment's ids wait."""

    def __init__(self, reading: ReadingConfig) -> None:
        self._segment = reading.segment if KINDS[reading.memory].closes else 1
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


def advance_to(bookmark: Bookmark, stream: IdStream, model: Decoder) -> tuple[State, IdDigest] | None:
    """Move the stream to the bookmark's position if the ids up to there are the same; else return None.

    A document that has grown can differ in its last tokens: `ther` was the end, `there` is not. Their keys are still in
    the open segment and are taken back.
    """
    digest = IdDigest(model.reading)
    left = bookmark.state.position - len(bookmark.open_ids)
    while left:
        ids = stream.take(min(left, SKIPPED_AT_ONCE))
        if not ids:
            return None
        digest.add(ids)
        left -= len(ids)
    if digest.hexdigest != bookmark.ids_sha256:
        return None
    opened = stream.take(len(bookmark.open_ids))
    same = _common_prefix(opened, bookmark.open_ids)
    state = model.rewind(bookmark.state, len(bookmark.open_ids) - same)
    if state is None:  # a layer that cannot give back single tokens: the open segment is read again
        same, state = 0, model.rewind(bookmark.state, len(bookmark.open_ids))
    if state is None:
        return None
    stream.put_back(opened[same:])
    digest.add(opened[:same])
    return state, digest


def _common_prefix(a: Sequence[int], b: Sequence[int]) -> int:
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
