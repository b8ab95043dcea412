"""Deal a stretch to several ranks, which read it side by side: each has a run of whole segments (docs/distributed.md).

What passes between ranks goes through `Runs`, whose implementation is in `ranks/`: no layer knows how bytes travel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor


@dataclass(frozen=True)
class Round:
    """Hold where each rank's run of a stretch begins. Places are tokens from the document's start.

    Every run but the first begins with a segment, every run but the last ends with one, and in each a segment closes.
    """

    starts: tuple[int, ...]
    end: int

    @property
    def start(self) -> int:
        return self.starts[0]

    def run(self, rank: int) -> range:
        """Return the tokens that a rank reads."""
        return range(self.starts[rank], self.starts[rank + 1] if rank + 1 < len(self.starts) else self.end)


def deal(position: int, tokens: int, segment: int, ranks: int) -> Round | None:
    """Deal the segments that close in a stretch as evenly as they go; the open one goes to the last rank.

    Returns None if fewer segments close than there are ranks.
    """
    first, end = position // segment, position + tokens
    closing = end // segment - first
    if closing < ranks:
        return None
    shares = [first + closing * rank // ranks for rank in range(ranks)]
    return Round((position, *(share * segment for share in shares[1:])), end)


class Runs(Protocol):
    """Exchange what the runs of one round need of each other. Every rank makes the same calls in the same order."""

    @property
    def round(self) -> Round: ...

    @property
    def rank(self) -> int: ...

    def gather(self, own: Tensor) -> list[Tensor]:
        """Return every rank's tensor, in the order of the ranks; all have one shape."""

    def fetch(self, own: Sequence[Tensor], wanted: Sequence[range]) -> list[Tensor]:
        """Return the tokens that this rank wants of each of the tensors, from the ranks that read them.

        own: tensors (B, K, S) or (B, K, S, E) of this run's tokens, all of one dtype; wanted: the tokens that each rank
        wants, of which those before the round are left out.
        """
