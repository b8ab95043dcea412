"""A model without a memory can only know the end of a document.

A layer's token sees a window; the token that it sees there saw one in the layer below. So the state after a document
depends on the sinks and on the last tokens alone, as many as the layers' windows are long together.
"""

from __future__ import annotations

from collections import deque

from gemma10m.models.decoder import Decoder
from gemma10m.reading.bookmark import IdDigest

AT_ONCE = 1 << 16  # ids; what a signal waits for while nothing is computed
_FAR = 1 << 40  # tokens: a position at which every window is full


def tail_room(model: Decoder, stretch: int) -> int | None:
    """Return how many last tokens of a document suffice wherever it ends, or None for a model that needs all."""
    segment = model.reading.segment
    far = _FAR // segment * segment
    first = model.first_needed(far)
    return far - first + segment + stretch if first > 0 else None


class Tail:
    """Hold the last `room` of the ids seen; the others go to the digest."""

    def __init__(self, room: int, digest: IdDigest) -> None:
        self.seen = 0
        self._room, self._digest = room, digest
        self._blocks: deque[list[int]] = deque()
        self._held = 0

    def add(self, ids: list[int]) -> None:
        self._blocks.append(ids)
        self._held += len(ids)
        self.seen += len(ids)
        while self._held - len(self._blocks[0]) >= self._room:
            block = self._blocks.popleft()
            self._held -= len(block)
            self._digest.add(block)

    def from_token(self, start: int) -> list[int]:
        """Return the ids from the `start`-th on, which must be held; those before them go to the digest."""
        ids = [token for block in self._blocks for token in block]
        first = self.seen - self._held
        self._digest.add(ids[: start - first])
        return ids[start - first :]
