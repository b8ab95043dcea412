"""Read many documents into a folder of states: each is a task that workers run, here or on the machines of Ray."""

from __future__ import annotations

import os
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryFile

import torch

from gemma10m.documents.counts import number_of
from gemma10m.documents.names import printable
from gemma10m.errors import DiskError, DocumentError, Interrupted
from gemma10m.library.library import Library
from gemma10m.library.listening import Notices
from gemma10m.library.many import OneOfMany, documents_of
from gemma10m.library.model_choice import ChosenModel, ModelOptions, choose_reading, memory_size
from gemma10m.library.read_one import DocumentOutcome, WorkerJob, lost
from gemma10m.library.signals import StopRequest, stop_on_signals
from gemma10m.library.sources import ALL, Patterns, source_names
from gemma10m.library.states_index import ensure_states_index, refuse_other_folder
from gemma10m.library.workers import Processes, Workers
from gemma10m.saved_states import PROGRAM
from gemma10m.weights.plan import memory_plan

TRIES = 3  # of a document whose worker is killed
PAUSE = 0.2  # seconds between two looks at signals
LENGTHS = (1, 1 << 60)  # bytes of documents that are read in different ways, if there are two
BESIDE = 1 << 30  # bytes of a worker beside its weights: libraries, activations, states
SHARE = 0.8  # of the machine's memory


@dataclass(frozen=True)
class RunView:
    """Say how far a run over many documents has come."""

    documents: int  # that ended, however they did
    total: int
    tokens: int  # read by this run
    seconds: float
    failed: int
    last: DocumentOutcome | None = None  # what ended just now


OnRun = Callable[[RunView], None]


def read_many(
    library: Library,
    named: str | Path,
    states: str | Path,
    *,
    ray: str | None = None,
    patterns: Patterns = ALL,
    progress: OnRun = lambda view: None,
) -> list[DocumentOutcome]:
    """Read each document that a list or a folder names into a state below the folder `states`, and index them together.

    What is there already, of the same text, model and options, is not read again. ray: None for processes of this
    machine; "local", "auto" or HOST:PORT for Ray. Raises Interrupted after a SIGINT or SIGTERM; the same call resumes.
    What one document's failure was is in its outcome, and stops no other. Raises UsageError, DocumentError, ModelError,
    NetworkError, and DiskError for a folder that cannot be written, before anything is read.
    """
    target = Path(os.path.abspath(states))
    documents = documents_of(library.listener, source_names([named])[0], target, patterns)
    refuse_other_folder(target)
    chosen = library.chosen
    options = replace(library.options, model=chosen.name)
    threads = torch.get_num_threads()
    fingerprint = chosen.checkpoint.fingerprint
    job = WorkerJob(options, os.getcwd(), str(target), PROGRAM, fingerprint, threads, patterns.everything)
    _make_writable(target)
    with stop_on_signals() as stop, _workers(job, chosen, len(documents), ray) as workers:
        outcomes = ManyReads(workers, documents, stop, progress).outcomes()
    if stop():
        done = sum(outcome.ended in ("read", "there") for outcome in outcomes)
        raise Interrupted(
            f"stopped after {done:,} of {number_of(len(documents), 'document')}, whose states are in {states}",
            hint="run the same command again to resume",
            signal_number=stop.signal_number,
        )
    ensure_states_index(library.listener, target)
    return outcomes


def _make_writable(folder: Path) -> None:
    """Make the folder, and see that files can be made in it. Raises DiskError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        hint = "make room on its disk, change its permissions, or name another folder"
        raise DiskError(f"{printable(str(folder))} cannot be written: {error.strerror}", hint) from error


def failures(outcomes: Sequence[DocumentOutcome]) -> DocumentError | None:
    """Return an error that counts the documents that failed, with their exit code if it is one for all; else None."""
    failed = [outcome for outcome in outcomes if outcome.ended == "failed"]
    if not failed:
        return None
    error = DocumentError(
        f"{len(failed):,} of {number_of(len(outcomes), 'document')} {'was' if len(failed) == 1 else 'were'} not read",
        hint="run the same command again once their reasons are mended: what is done is skipped",
    )
    codes = {outcome.exit_code for outcome in failed}
    error.exit_code = codes.pop() if len(codes) == 1 else DocumentError.exit_code
    return error


@contextmanager
def _workers(job: WorkerJob, chosen: ChosenModel, documents: int, ray: str | None) -> Iterator[Workers]:
    need = _bytes_of_models(job.options, chosen) + BESIDE
    if ray is not None:
        from gemma10m.library.ray_workers import ray_actors

        with ray_actors(job, ray, need) as actors:
            yield actors
        return
    if chosen.device == "cpu":
        job = replace(job, options=replace(job.options, dtype=chosen.dtype))
    with Processes(jobs_here(job, chosen.device, documents, need)) as processes:
        yield processes


def _bytes_of_models(options: ModelOptions, chosen: ChosenModel) -> int:
    """Count the bytes of a worker's models: one for each way of reading that a length of a document asks for."""
    readings = {choose_reading(Notices(), options, chosen, nbytes) for nbytes in LENGTHS}
    stored = chosen.checkpoint.stored_bits
    plans = (memory_plan(chosen.checkpoint.config, one, chosen.dtype, 1, stored=stored) for one in readings)
    return sum(plan.weights for plan in plans)


def jobs_here(job: WorkerJob, device: str, documents: int, need: int) -> list[WorkerJob]:
    """Return a job for each process of this machine: one a card, or as many as there are cores and memory for.

    On a CPU a process with one thread wastes none of it, so the threads of this process are shared out. need: bytes
    of main memory for each process.
    """
    if device == "cuda":
        if job.options.device.partition(":")[2]:  # a card that the user named
            return [job]
        cards = [f"cuda:{number}" for number in range(min(documents, torch.cuda.device_count()))]
        return [replace(job, options=replace(job.options, device=card)) for card in cards]
    fitting = int(SHARE * (memory_size("cpu") or need)) // need
    count = max(1, min(job.threads, documents, fitting))
    return [replace(job, threads=max(1, job.threads // count))] * count


class ManyReads:
    """Give each free worker the next document until all have ended."""

    def __init__(self, workers: Workers, documents: Sequence[OneOfMany], stop: StopRequest, progress: OnRun) -> None:
        self.workers, self.stop, self.progress = workers, stop, progress
        self.waiting, self.total = deque(documents), len(documents)
        self.losses = Counter[OneOfMany]()
        self.ended: list[DocumentOutcome] = []
        self.tokens = self.failed = 0
        self.started = time.monotonic()

    def outcomes(self) -> list[DocumentOutcome]:
        stopped = False
        self._tell(None)
        while self.workers.busy or (self.waiting and not stopped):
            while self.waiting and self.workers.free and not stopped:
                self.workers.start(self.waiting.popleft())
            for document, outcome in self.workers.ended(PAUSE):
                self._end(document, outcome)
            if self.stop() and not stopped:
                stopped = True
                self.workers.stop()
        return self.ended

    def _end(self, document: OneOfMany, outcome: DocumentOutcome | None) -> None:
        if outcome is None:
            self.losses[document] += 1
            if self.losses[document] < TRIES:
                self.waiting.appendleft(document)
                return
            outcome = lost(document, TRIES)
        self.ended.append(outcome)
        self.tokens += outcome.tokens
        self.failed += outcome.ended == "failed"
        self._tell(outcome)

    def _tell(self, last: DocumentOutcome | None) -> None:
        seconds = time.monotonic() - self.started
        self.progress(RunView(len(self.ended), self.total, self.tokens, seconds, self.failed, last))
