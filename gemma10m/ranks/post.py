"""Pass messages from every rank to every rank through the store, from a thread that may stop to wait at any time.

A collective would hold a rank until all others have come, also where they have stopped to read.
"""

from __future__ import annotations

import time
from datetime import timedelta
from threading import Event
from typing import TYPE_CHECKING

from gemma10m.errors import NetworkError
from gemma10m.ranks.exchange import reported

if TYPE_CHECKING:
    from torch.distributed import Store  # type: ignore[attr-defined]  # not in every build of torch

LOOKS = 0.002  # seconds between two looks for a message


class StorePost:
    """Pass a message from every rank to every rank, again and again."""

    def __init__(self, store: Store, rank: int, size: int, name: str, timeout: timedelta) -> None:
        self.rank, self.size = rank, size
        self._store, self._name, self._timeout = store, name, timeout
        self._left = Event()

    def leave(self) -> None:
        """Let a `swap` that waits in another thread return."""
        self._left.set()

    def swap(self, number: int, own: bytes) -> list[bytes] | None:
        """Return the messages of this number by rank; None after `leave`. Numbers begin with 0 and leave none out.

        Raises NetworkError if a rank has ended or says nothing in time.
        """
        with reported():
            self._store.set(self._key(number, self.rank), own)  # type: ignore[arg-type]  # it takes bytes, too
            for rank in range(self.size):
                if not self._waited_for(self._key(number, rank)):
                    return None
            said = [self._store.get(self._key(number, rank)) for rank in range(self.size)]
            if number:  # all ranks have got the message before, or would not have sent this one
                self._store.delete_key(self._key(number - 1, self.rank))
        return said

    def _key(self, number: int, rank: int) -> str:
        return f"{self._name} {number} {rank}"

    def _waited_for(self, key: str) -> bool:
        end = time.monotonic() + self._timeout.total_seconds()
        while not self._store.check([key]):
            if self._left.wait(LOOKS):
                return False
            if self._store.check(["ended"]) or time.monotonic() > end:
                raise NetworkError("another rank has ended, or does not tokenise", hint="see what it reports")
        return True
