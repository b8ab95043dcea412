"""Workers on many machines: Ray places an actor on each card, or core, and each has the model loaded once.

Ray sends our own arguments between our own processes, by pickle; nothing in a document or a state chooses what is sent.
Documents, states and models are read from the file system, so all machines must share their folders.
"""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any

from gemma10m.errors import NetworkError, UsageError
from gemma10m.interrupts import HANDLED
from gemma10m.library.many import OneOfMany
from gemma10m.library.read_one import DocumentOutcome, WorkerJob, read_one

LOCAL, AUTO = "local", "auto"
_ADDRESS = re.compile(r"(?P<host>[^\s/:]+|\[[0-9A-Fa-f:]+\]):(?P<port>[0-9]{1,5})")
ANSWERS = 5.0  # seconds that an address has to answer; Ray itself tries for more than two minutes
_HINT = "start Ray there with `ray start --head`, or give --ray without an address to start it on this machine"


class ReadingActor:
    """Read documents in a process that Ray started."""

    def read(self, job: WorkerJob, document: OneOfMany) -> DocumentOutcome:
        return read_one(job, document)


class RayActors:
    """Hold an actor for each card of the cluster, or for each core if it has none. `ray_actors` makes it."""

    def __init__(self, ray: Any, job: WorkerJob, memory: int) -> None:
        """Ask Ray for as many actors as it has cards, or cores with `memory` bytes for each."""
        self._ray, found = ray, ray.cluster_resources()
        cards = int(found.get("GPU", 0)) if job.options.device != "cpu" else 0
        fitting = int(found.get("memory", memory) // memory)
        device = "cuda" if cards else "cpu"
        self._job = replace(job, options=replace(job.options, device=device), threads=1)
        wanted: dict[str, Any] = {"num_gpus": 1} if cards else {"num_cpus": 1}
        # A dead actor is replaced here, with the document's retry: Ray's own restart would run other documents first.
        self._kind = ray.remote(max_restarts=0, **wanted)(ReadingActor)
        count = cards or max(1, min(int(found.get("CPU", 1)), fitting))
        self._actors = {seat: self._kind.remote() for seat in range(count)}
        self._running: dict[Any, tuple[int, OneOfMany]] = {}

    @property
    def free(self) -> int:
        return len(self._actors) - len(self._running)

    @property
    def busy(self) -> int:
        return len(self._running)

    def start(self, document: OneOfMany) -> None:
        taken = {seat for seat, _ in self._running.values()}
        seat = next(seat for seat in self._actors if seat not in taken)
        self._running[self._actors[seat].read.remote(self._job, document)] = seat, document

    def ended(self, seconds: float) -> Iterator[tuple[OneOfMany, DocumentOutcome | None]]:
        done, _ = self._ray.wait(list(self._running), num_returns=1, timeout=seconds)
        for reference in done:
            seat, document = self._running.pop(reference)
            try:
                yield document, self._ray.get(reference)
            except self._ray.exceptions.RayError:
                self._actors[seat] = self._kind.remote()
                yield document, None

    def stop(self) -> None:
        """End the actors now: what they read since their last save, a minute ago at most, is read again."""
        self.close()
        self._running.clear()

    def close(self) -> None:
        for actor in self._actors.values():
            self._ray.kill(actor)


@contextmanager
def ray_actors(job: WorkerJob, address: str, memory: int) -> Iterator[RayActors]:
    """Connect to Ray, or start it on this machine for the block, and give its actors.

    address: "local", "auto" (a Ray that runs on this machine), or HOST:PORT. memory: bytes that each actor needs.
    Raises UsageError if Ray is not installed or the address has another form, NetworkError if no Ray is there.
    """
    ray = _ray()
    if ray.is_initialized():  # in a script that uses Ray already
        with _actors(ray, job, memory) as actors:
            yield actors
        return
    _refuse_silence(address)
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    cores = {"num_cpus": job.threads} if address == LOCAL else {}
    handlers = {number: signal.getsignal(number) for number in HANDLED}
    try:
        ray.init(address, include_dashboard=False, log_to_driver=False, logging_level=logging.CRITICAL, **cores)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise _nobody(address) from error
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)  # Ray takes SIGTERM for itself
    try:
        with _actors(ray, job, memory) as actors:
            yield actors
    finally:
        ray.shutdown()


@contextmanager
def _actors(ray: Any, job: WorkerJob, memory: int) -> Iterator[RayActors]:
    with _unheard(ray):
        actors = RayActors(ray, job, memory)
        try:
            yield actors
        finally:
            actors.close()


@contextmanager
def _unheard(ray: Any) -> Iterator[None]:
    """Keep Ray from printing, to standard output, that a worker died: no setting of its own does. Outcomes tell it."""
    worker = ray._private.worker
    before, worker._worker_logs_enabled = getattr(worker, "_worker_logs_enabled", True), False
    try:
        yield
    finally:
        worker._worker_logs_enabled = before


def _ray() -> Any:
    try:
        return import_module("ray")
    except ImportError as error:
        raise UsageError("Ray is not installed", "run `pip install 'gemma10m[ray]'`") from error


def _refuse_silence(address: str) -> None:
    """Raise UsageError for what is no address, and NetworkError if nothing listens there."""
    if address in (LOCAL, AUTO):
        return
    found = _ADDRESS.fullmatch(address)
    if not found:
        hint = "give HOST:PORT, as `ray start --head` prints it, or auto for a Ray that runs on this machine"
        raise UsageError(f"{address!r} is not an address of Ray", hint)
    try:
        socket.create_connection((found["host"].strip("[]"), int(found["port"])), ANSWERS).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise _nobody(address) from error


def _nobody(address: str) -> NetworkError:
    where = "on this machine" if address in (LOCAL, AUTO) else f"at {address}"
    return NetworkError(f"no Ray answers {where}", _HINT)
