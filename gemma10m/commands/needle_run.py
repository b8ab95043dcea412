"""Measure the cells of `eval`, resuming an earlier run."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch

from gemma10m.errors import Interrupted
from gemma10m.evaluation.cell import GROUP, Cell
from gemma10m.evaluation.control import window_tokens, without_middle
from gemma10m.evaluation.journal import BatchResult, Journal, ResultRow
from gemma10m.evaluation.needles import ChunkRead, Tick, answer
from gemma10m.evaluation.passage_answers import SUFFIX, answer_with_passages
from gemma10m.evaluation.readings import Readings
from gemma10m.evaluation.report import cell_key, cell_row, checked, model_key
from gemma10m.library.signals import StopRequest, stop_on_signals
from gemma10m.memory import KINDS
from gemma10m.models.decoder import Decoder, without_memory
from gemma10m.progress import ProgressView, format_duration
from gemma10m.reading.stretch import (
    device_memory,
    peak_memory,
    process_memory,
    reset_peak_memory,
    stretch_tokens,
)
from gemma10m.saved_states import Reader
from gemma10m.tasks.haystack import Prose
from gemma10m.tasks.writer import Writer
from gemma10m.terminal import ReadingProgress, Terminal

KIND = "recall"


@dataclass(frozen=True)
class Job:
    """Hold a cell for one model: the one to measure, or its control without memory."""

    cell: Cell
    model: Decoder
    key: ResultRow
    passages: bool

    @property
    def forgets(self) -> bool:
        """Tell if only the start and the end of a document change this model's answers."""
        return not KINDS[self.model.reading.memory].remembers

    @property
    def tokens(self) -> int:
        """Estimate how many tokens of its documents are read: a middle that changes nothing is skipped."""
        most = sum(window_tokens(self.model)) if self.forgets else self.cell.tokens
        return self.cell.n * min(most, self.cell.tokens)


class TokenClock:
    """Count tokens of documents, whether they are read once for each document or once for many."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.left = sum(job.tokens for job in jobs)
        self.done = self.read = 0
        self.start()

    def start(self) -> None:
        self.started = time.monotonic()

    def skip(self, tokens: int) -> None:
        """Take off the tokens of documents whose state was already read."""
        self.left = max(0, self.left - tokens)

    def view(self, model: Decoder, chunk: ChunkRead, done: int, total: int) -> ProgressView:
        """Return the progress after a chunk. done, total: tokens of the documents that are being read."""
        moved = chunk.read * chunk.documents
        self.done, self.left, self.read = self.done + moved, max(0, self.left - moved), self.read + chunk.read
        seconds = time.monotonic() - self.started
        return ProgressView(
            tokens_read=done,
            tokens_total=total,
            total_is_exact=True,
            bytes_done=0,
            bytes_total=0,
            tokens_per_second=self.read / max(seconds, 1e-9),
            seconds_left=self.left * seconds / self.done,
            device_memory=device_memory(model),
            process_memory=process_memory(),
            state_bytes=chunk.state_bytes,
        )


class NeedleRun:
    def __init__(self, terminal: Terminal, reader: Reader, text: str | None, journal: Journal, batch: int) -> None:
        self.terminal, self.reader, self.journal, self.batch = terminal, reader, journal, batch
        prose = [Prose.of(reader.tokenizer, text)] if text else []
        self.writer = Writer(reader.tokenizer, prose)
        self.readings = Readings(twice=False)
        self.text_sha256 = hashlib.sha256(text.encode()).hexdigest() if text else None

    def measure(self, cells: Sequence[Cell], controls: bool, passages: bool) -> list[ResultRow]:
        """Return a row for each cell and model, in order; with `passages` another one each, with retrieved passages.

        Raises UsageError if a length is too short for its task, Interrupted after a signal.
        """
        self.readings = Readings(twice=passages)
        shortest = min(cell.tokens for cell in cells)
        for cell in cells:
            if cell.tokens == shortest:
                cell.check(self.writer, self.reader.model.reading.segment)
        jobs = list(self._jobs(cells, controls, passages))
        known = [self.journal.finished(KIND, job.key) for job in jobs]
        left = [job for job, rows in zip(jobs, known, strict=True) if not rows]
        clock = TokenClock(left)
        if left:
            seconds = seconds_per_token(left[0].model, min(self.batch, left[0].cell.n)) * clock.left
            self.terminal.note(f"{len(left)} cells, {clock.left:,} tokens to read: about {format_duration(seconds)}")
            clock.start()
        rows = []
        with stop_on_signals() as stop:
            for number, (job, found) in enumerate(zip(jobs, known, strict=True), start=1):
                row = checked(found[-1]) if found else self._row(job, f"cell {number} of {len(jobs)}", clock, stop)
                rows.append(row)
                if self.terminal.json:
                    self.terminal.json_line(row)
        return rows

    def _jobs(self, cells: Sequence[Cell], controls: bool, passages: bool) -> Iterator[Job]:
        models = [self.reader.model]
        if controls and KINDS[self.reader.model.reading.memory].remembers:
            models.append(without_memory(self.reader.model))
        for cell, recalling, model in product(cells, (False, True) if passages else (False,), models):
            key = cell_key(cell, self.text_sha256) | model_key(model, self.reader.tokenizer)
            key["memory"] += SUFFIX if recalling else ""
            yield Job(cell, model, key, passages=recalling)

    def _row(self, job: Job, name: str, clock: TokenClock, stop: StopRequest) -> ResultRow:
        """Measure what is left of the cell, batch by batch, and save each batch as soon as it is read."""
        batches = self.journal.batches(job.key)
        done = {index for batch in batches for index in range(batch.first, batch.first + len(batch.right))}
        for indices in split_into_batches(job.cell.n, self.batch, done):
            label = f"{name}, {job.cell.task.label}, {job.key['memory']}, {len(done)} of {job.cell.n} documents"
            try:
                batch = self._batch(job, indices, label, clock, stop)
            except Interrupted as stopped:
                hint = "run the same command again to resume"
                raise Interrupted(f"stopped in {label}", hint, stopped.exit_code - 128) from None
            self.journal.add(job.key, batch)
            batches.append(batch)
            done.update(indices)
        row = {**job.key, **cell_row(job.cell, batches), "model": self.reader.model.name}
        if job.passages and job.cell.task.form == "absent":
            row["chance"] = 1.0  # what a model makes up stands nowhere, and is withheld: right, whatever it was
        self.journal.finish(KIND, job.key, [row])
        return row

    def _batch(self, job: Job, indices: list[int], label: str, clock: TokenClock, stop: StopRequest) -> BatchResult:
        started = time.monotonic()
        self.readings.begin(job.cell, indices[0])
        _reset_peak_memory(job.model)
        scripts = job.cell.scripts(self.writer, job.model.reading.segment, indices)
        read = without_middle(job.model, scripts) if job.forgets else scripts
        with self.terminal.progress(label) as progress:
            tick = _ticker(progress, clock, job.model, len(read) * len(read[0]), stop)
            if job.passages:
                cases = [job.cell.case(index) for index in indices]
                answers = answer_with_passages(
                    job.model, self.reader.tokenizer, cases, scripts, read, tick, self.readings.side_by_side
                )
            else:
                answers = answer(job.model, read, tick, self.readings.side_by_side)
        if self.readings.seconds_saved:
            clock.skip(len(read) * len(read[0]))
        return BatchResult(
            first=indices[0],
            right=answers.right,
            seconds=time.monotonic() - started + self.readings.seconds_saved,
            read=answers.read,
            state_bytes=answers.state_bytes,
            peak_memory_bytes=_peak_memory(job.model),
        )


def seconds_per_token(model: Decoder, documents: int) -> float:
    """Measure how fast the model reads documents side by side: one stretch to warm up, and one that is timed."""
    tokens, state = stretch_tokens(model, documents), model.empty_state(documents)
    ids = torch.zeros(documents, tokens, dtype=torch.int64)
    with torch.inference_mode():
        model(ids, state, logits="last")
        started = time.monotonic()
        model(ids, state, logits="last")
    return (time.monotonic() - started) / (documents * tokens)


def _ticker(progress: ReadingProgress, clock: TokenClock, model: Decoder, total: int, stop: StopRequest) -> Tick:
    done = 0

    def tick(chunk: ChunkRead) -> None:
        nonlocal done
        done += chunk.read * chunk.documents
        progress.update(clock.view(model, chunk, done, total))
        if stop():
            raise Interrupted("stopped", signal_number=stop.signal_number)

    return tick


def split_into_batches(n: int, size: int, done: set[int]) -> Iterator[list[int]]:
    """Yield documents that are not done yet, at most `size` neighbours of one group at a time."""
    batch: list[int] = []
    for index in range(n):
        ends = batch and (index % GROUP == 0 or len(batch) == size or index in done)
        if ends:
            yield batch
            batch = []
        if index not in done:
            batch.append(index)
    if batch:
        yield batch


def _reset_peak_memory(model: Decoder) -> None:
    if model.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(model.device)
    else:
        reset_peak_memory()


def _peak_memory(model: Decoder) -> int:
    """Return the peak memory of the device that the model runs on."""
    return torch.cuda.max_memory_allocated(model.device) if model.device.type == "cuda" else peak_memory()
