"""Exchange tensors between the runs of a round, and count the bytes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import Tensor

from gemma10m.errors import NetworkError, is_out_of_memory
from gemma10m.memory.runs import Round


@dataclass
class Traffic:
    """Count what this rank received from the others."""

    nbytes: int = 0


class GroupRuns:
    """Implement memory.runs.Runs over a process group in which every rank has a run of the round."""

    def __init__(self, dealt: Round, rank: int, group: dist.ProcessGroup, traffic: Traffic) -> None:
        self.round, self.rank = dealt, rank
        self._group, self._traffic = group, traffic

    def gather(self, own: Tensor) -> list[Tensor]:
        own = own.contiguous()
        found = [torch.empty_like(own) for _ in self.round.starts]
        with reported():
            dist.all_gather(found, own, group=self._group)
        self._traffic.nbytes += (len(found) - 1) * own.nbytes
        return found

    def fetch(self, own: Sequence[Tensor], wanted: Sequence[range]) -> list[Tensor]:
        ranks = range(len(self.round.starts))
        parts = [common(wanted[self.rank], self.round.run(rank)) for rank in ranks]
        incoming = {rank: _room(own, part) for rank, part in enumerate(parts) if part and rank != self.rank}
        outgoing = {}
        for rank in ranks:
            if rank != self.rank and (part := common(wanted[rank], self.round.run(self.rank))):
                outgoing[rank] = torch.cat([tensor.flatten() for tensor in self._cut(own, part)])
        # Both ends of every message name the same tokens, because both know the whole round.
        messages = [dist.P2POp(dist.isend, sent, rank, self._group) for rank, sent in outgoing.items()]
        messages += [dist.P2POp(dist.irecv, room, rank, self._group) for rank, room in incoming.items()]
        if messages:
            with reported():
                for request in dist.batch_isend_irecv(messages):
                    request.wait()
        self._traffic.nbytes += sum(room.nbytes for room in incoming.values())
        return self._joined(own, parts, incoming)

    def _cut(self, own: Sequence[Tensor], part: range) -> list[Tensor]:
        start = self.round.run(self.rank).start
        return [tensor[:, :, part.start - start : part.stop - start] for tensor in own]

    def _joined(self, own: Sequence[Tensor], parts: list[range], incoming: dict[int, Tensor]) -> list[Tensor]:
        """Return the wanted tokens of each tensor in new storage, in the order of the text."""
        pieces = [[tensor[:, :, :0]] for tensor in own]
        for rank, part in enumerate(parts):
            if rank in incoming:
                split = incoming[rank].split([math.prod(shape) for shape in _shapes(own, part)])
                found = [flat.view(shape) for flat, shape in zip(split, _shapes(own, part), strict=True)]
            else:
                found = self._cut(own, part) if part else []
            for piece, tensor in zip(pieces, found, strict=False):
                piece.append(tensor)
        return [torch.cat(piece, dim=2) for piece in pieces]


def common(some: range, others: range) -> range:
    """Return the tokens in both of two ranges, or an empty range."""
    start, stop = max(some.start, others.start), min(some.stop, others.stop)
    return range(start, stop) if start < stop else range(0)


def _room(own: Sequence[Tensor], part: range) -> Tensor:
    return own[0].new_empty(sum(math.prod(shape) for shape in _shapes(own, part)))


def _shapes(own: Sequence[Tensor], part: range) -> list[tuple[int, ...]]:
    return [(*tensor.shape[:2], len(part), *tensor.shape[3:]) for tensor in own]


@contextmanager
def reported() -> Iterator[None]:
    """Raise NetworkError in the place of what torch says when another rank is gone."""
    try:
        yield
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        raise NetworkError(
            "another rank has ended, or cannot be reached any more",
            hint="run the same command again: it resumes from the last saved state",
        ) from error
