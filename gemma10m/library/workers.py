"""Workers read documents beside this process, each with a model of its own: here in processes of this machine.

`concurrent.futures` runs each worker as a pool of one process, so that a killed one takes no other with it.
"""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from multiprocessing import get_context, parent_process
from typing import Protocol, Self

from gemma10m.errors import UsageError
from gemma10m.library.many import OneOfMany
from gemma10m.library.read_one import DocumentOutcome, WorkerJob, read_one

STARTS = 3  # of the first process, which may be killed by chance


class Workers(Protocol):
    """Read documents, one at a time each: a document that ends its worker takes no waiting one with it."""

    @property
    def free(self) -> int:
        """Return how many documents can be started now."""

    @property
    def busy(self) -> int:
        """Return how many documents are being read."""

    def start(self, document: OneOfMany) -> None: ...

    def ended(self, seconds: float) -> Iterator[tuple[OneOfMany, DocumentOutcome | None]]:
        """Wait at most so long, and yield what has ended; None if the worker died with the document."""

    def stop(self) -> None:
        """Ask the workers to end soon: what they have read of their documents is saved where that is possible."""

    def close(self) -> None: ...


class Processes:
    """Hold one process of this machine for each job; the next document of one that died gets a new process."""

    def __init__(self, jobs: Sequence[WorkerJob]) -> None:
        """Start the first process. Raises UsageError if none can be started."""
        self._jobs = dict(enumerate(jobs))
        self._pools = {seat: _pool() for seat in self._jobs}
        self._running: dict[Future[DocumentOutcome], tuple[int, OneOfMany]] = {}
        if not any(self._starts() for _ in range(STARTS)):
            self.close()
            raise UsageError(
                "a process for reading cannot be started",
                'in a script, call read_many below `if __name__ == "__main__":`, which multiprocessing needs',
            )

    def _starts(self) -> bool:
        try:
            return self._pools[0].submit(os.getpid).result() > 0
        except BrokenProcessPool:  # killed, or it cannot import the script that it was started from
            self._renew(0)
            return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def free(self) -> int:
        return len(self._jobs) - len(self._running)

    @property
    def busy(self) -> int:
        return len(self._running)

    def start(self, document: OneOfMany) -> None:
        taken = {seat for seat, _ in self._running.values()}
        seat = next(seat for seat in self._jobs if seat not in taken)
        try:
            future = self._pools[seat].submit(read_one, self._jobs[seat], document)
        except BrokenProcessPool:  # it was killed while it had nothing to do
            self._renew(seat)
            future = self._pools[seat].submit(read_one, self._jobs[seat], document)
        self._running[future] = seat, document

    def ended(self, seconds: float) -> Iterator[tuple[OneOfMany, DocumentOutcome | None]]:
        for future in wait(self._running, seconds, FIRST_COMPLETED).done:
            seat, document = self._running.pop(future)
            try:
                yield document, future.result()
            except BrokenProcessPool:
                self._renew(seat)
                yield document, None

    def stop(self) -> None:
        for pool in self._pools.values():
            for process in _processes(pool):
                with suppress(OSError):
                    os.kill(process, signal.SIGTERM)

    def close(self) -> None:
        """End the processes; one that still reads saves its state first."""
        if self._running:
            self.stop()
        for pool in self._pools.values():
            pool.shutdown(cancel_futures=True)
        self._pools.clear()
        gc.collect()  # their semaphores: after Ctrl-C the program ends without the interpreter's own cleaning up

    def _renew(self, seat: int) -> None:
        self._pools[seat].shutdown(wait=False)
        self._pools[seat] = _pool()


def _pool() -> ProcessPoolExecutor:
    # Not forked: a process that has threads and a model may not be, and CUDA refuses it.
    return ProcessPoolExecutor(1, get_context("spawn"), initializer=begin)


def _processes(pool: ProcessPoolExecutor) -> list[int]:
    """Return the numbers of a pool's processes, which it does not tell in public before Python 3.14."""
    return list(getattr(pool, "_processes", None) or {})


def begin() -> None:
    """Prepare a worker's process: a terminal's Ctrl-C is for its parent, and it ends when that is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
