"""Join the ranks that torchrun started: compare what they are about to read, agree between rounds, report one error."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import cache
from typing import Protocol

import torch
import torch.distributed as dist
from torch import Tensor

from gemma10m.errors import NetworkError, UsageError
from gemma10m.ranks.exchange import Traffic, reported
from gemma10m.ranks.place import Place, place
from gemma10m.ranks.post import StorePost
from gemma10m.strict_json import canonical_json, strict_json

TIMEOUT = timedelta(minutes=10)  # for a rank that loads its model from a slow disk, or saves the state
LOOKS = 0.1  # seconds between two looks at what the others have said


class Ranks:
    """Hold this process's connection to the other ranks.

    Small things go through a store and a group on the CPU (gloo), so that no agreement waits for a GPU; keys, values
    and maps go through `data`: nccl between GPUs, else gloo.
    """

    def __init__(self, found: Place, timeout: timedelta = TIMEOUT) -> None:
        """Connect to the store. Raises NetworkError if the first machine cannot be reached."""
        self.rank, self.size, self.local = found.rank, found.ranks, found.local
        self.traffic = Traffic()
        self._timeout, self._meetings, self._posts = timeout, 0, 0
        self._data: dist.ProcessGroup | None = None
        from torch.distributed.rendezvous import rendezvous  # not in every build of torch

        try:
            self._store, _, _ = next(iter(rendezvous("env://", timeout=timeout)))
        except (RuntimeError, ValueError) as error:
            hint = "check that torchrun's --rdzv-endpoint is the first machine's, and that its port is open"
            raise NetworkError("the first rank cannot be reached", hint) from error

    @property
    def leads(self) -> bool:
        """Tell if this rank prints, and writes the state and the index."""
        return self.rank == 0

    @property
    def data(self) -> dist.ProcessGroup:
        """Return the group that tensors of the model go through, once the ranks have met."""
        assert self._data is not None
        return self._data

    def device(self, wanted: str) -> str:
        """Return the device of this rank: the card of its number where GPUs were asked for, or are there."""
        if wanted == "cuda" or (wanted == "auto" and torch.cuda.is_available()):
            return f"cuda:{self.local}"
        if wanted.startswith("cuda:"):
            raise UsageError(f"--device {wanted} is one card for all ranks", hint="use --device cuda: each has its own")
        return "cpu" if wanted == "auto" else wanted

    def meet(self, about: Mapping[str, str], device: torch.device) -> None:
        """Compare what every rank has with what the first one has, then connect all of them.

        about: values by what they are called in a sentence. Raises UsageError if they differ, NetworkError if a rank
        does not come.
        """
        self._meetings += 1
        with reported():
            self._say(f"about {self._meetings} {self.rank}", canonical_json(dict(about)))
            said = [strict_json(self._hear(f"about {self._meetings} {rank}")) for rank in range(self.size)]
        for rank, name in ((rank, name) for rank in range(1, self.size) for name in said[0]):
            its, first = said[rank].get(name), said[0][name]
            if its != first:
                raise UsageError(
                    f"rank {rank} has another {name} than rank 0: {its!s:.60} and {first!s:.60}",
                    hint="start all ranks with the same version, model, options and document",
                )
        if self._data is None:
            with reported():
                self._data = self._connected(device)

    def _connected(self, device: torch.device) -> dist.ProcessGroup:
        dist.init_process_group("gloo", store=self._store, rank=self.rank, world_size=self.size, timeout=self._timeout)
        world = dist.group.WORLD
        assert world is not None
        if device.type != "cuda":
            return world
        cards: dist.ProcessGroup = dist.new_group(backend="nccl", timeout=self._timeout)
        # NCCL connects at the first call, in which every rank must take part: no message between two.
        dist.all_reduce(torch.zeros(1, device=device), group=cards)
        return cards

    def post(self) -> StorePost:
        """Return a new way to pass messages; all ranks must ask for their ways in the same order."""
        self._posts += 1
        return StorePost(self._store, self.rank, self.size, f"post {self._posts}", self._timeout)

    def least(self, number: int) -> int:
        """Return the smallest of all ranks' numbers."""
        return self._agreed(number, dist.ReduceOp.MIN)

    def most(self, number: int) -> int:
        """Return the largest of all ranks' numbers."""
        return self._agreed(number, dist.ReduceOp.MAX)

    def text_of_first(self, text: str) -> str:
        """Return the first rank's text."""
        encoded = text.encode() if self.leads else b""
        size = self.most(len(encoded))
        found = torch.zeros(size, dtype=torch.uint8)
        if encoded:
            found.copy_(torch.frombuffer(bytearray(encoded), dtype=torch.uint8))
        with reported():
            dist.broadcast(found, 0)
        return bytes(found.tolist()).decode()

    def tensor_of_first(self, tensor: Tensor) -> Tensor:
        """Return the first rank's tensor; the others give one of its shape and type, which is overwritten."""
        tensor = tensor.contiguous()
        if tensor.numel():
            with reported():
                dist.broadcast(tensor, 0, group=self.data)
        return tensor

    def reports(self, patience: float) -> bool:
        """Tell if this rank is to report what ends it: the one that asks first, rank 0 `patience` seconds ahead.

        For the others return once it has, or after `patience` seconds.
        """
        try:
            if not self.leads:
                self._wait_for("ended", patience)
            if self._store.add("ended", 1) == 1:
                return True
            self._wait_for("reported", patience)
            return False
        except (RuntimeError, ValueError):  # the store is gone with the first rank
            return self.leads

    def let_end(self) -> None:
        """Let the other ranks end, because the error is reported."""
        with suppress(RuntimeError, ValueError):
            self._say("reported", "")

    def leave(self) -> None:
        """Disconnect, at the end of a read."""
        if self._data is not None:
            dist.destroy_process_group()
            self._data = None

    def _agreed(self, number: int, operation: dist.ReduceOp.RedOpType) -> int:
        found = torch.tensor([number])
        with reported():
            dist.all_reduce(found, operation)
        return int(found)

    def _say(self, name: str, text: str) -> None:
        self._store.set(name, text)

    def _hear(self, name: str) -> str:
        """Return what another rank says. Raises NetworkError if it does not, or if a rank has ended."""
        self._wait_for(name, self._timeout.total_seconds(), or_ended=True)
        if not self._store.check([name]):
            raise NetworkError("another rank has ended, or does not start", hint="see what it reports")
        said: bytes = self._store.get(name)
        return said.decode()

    def _wait_for(self, name: str, seconds: float, or_ended: bool = False) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self._store.check([name]):
            if or_ended and self._store.check(["ended"]):
                return
            time.sleep(LOOKS)


class SignalFlag(Protocol):
    """Tell which signal asked this process to stop, 0 for none."""

    signal_number: int


class AgreedStop:
    """Ask all ranks if a signal has come to one of them; every rank must ask as often as the others."""

    def __init__(self, ranks: Ranks, own: SignalFlag) -> None:
        self.signal_number = 0
        self._ranks, self._own = ranks, own

    def __call__(self) -> bool:
        if not self.signal_number:
            self.signal_number = self._ranks.most(self._own.signal_number)
        return self.signal_number != 0


@cache
def joined() -> Ranks | None:
    """Return this process's ranks, None if it reads alone. Raises UsageError and NetworkError."""
    found = place()
    return Ranks(found) if found else None
