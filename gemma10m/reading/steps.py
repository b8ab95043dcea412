"""Read a document stretch by stretch. Every token is counted; nothing is dropped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from gemma10m.documents import Document
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.reading.bookmark import Bookmark, IdDigest, skip_to
from gemma10m.reading.ids import IdStream
from gemma10m.reading.pace import Pace
from gemma10m.reading.stretch import device_memory, process_memory
from gemma10m.tokens import Tokenizer
from gemma10m.tokens.prompt import Prompt


@dataclass(frozen=True)
class Progress:
    """How far a read has come. Tokens of the document, without the prompt's; bytes."""

    tokens_read: int
    tokens_total: int
    total_is_exact: bool
    bytes_done: int
    bytes_total: int
    tokens_per_second: float
    seconds_left: float | None
    device_memory: tuple[int, int] | None  # used, total
    process_memory: int
    state_bytes: int
    stretch: int  # tokens
    halvings: int  # of the stretch, as the GPU's memory did not suffice


@dataclass(frozen=True)
class Step:
    bookmark: Bookmark
    progress: Progress
    started_at: int  # the position this run went on from; 0 also when the bookmark turned out to be of no use
    seconds: float  # of this run

    @property
    def tokens_read_now(self) -> int:
        return self.bookmark.state.position - self.started_at


def read(model: Decoder, tokenizer: Tokenizer, document: Document) -> State:
    """All of the document, once. Raises DocumentError when it changes meanwhile."""
    for step in read_steps(model, tokenizer, document):
        state = step.bookmark.state
    return state


def read_steps(
    model: Decoder, tokenizer: Tokenizer, document: Document, start: Bookmark | None = None
) -> Iterator[Step]:
    """One step a stretch; the last has a complete bookmark. `start` is used as far as its ids are this document's."""
    opening = Prompt(tokenizer).opening()
    stream = IdStream(tokenizer, document, opening)
    try:
        found = skip_to(start, stream, model) if start else None
        if start and found is None:
            stream.close()
            stream, start = IdStream(tokenizer, document, opening), None
        state, digest = found or (model.empty_state(), IdDigest(model.reading))
        yield from _stretches(model, stream, state, digest, start.seconds if start else 0.0, document, len(opening))
    finally:
        stream.close()


def _stretches(
    model: Decoder,
    stream: IdStream,
    state: State,
    digest: IdDigest,
    seconds_before: float,
    document: Document,
    opening: int,
) -> Iterator[Step]:
    pace, first, started = Pace(model), state.position, time.monotonic()
    while True:
        ids = stream.take(pace.room(state.position))
        state = pace.read(ids, state)
        digest.add(ids)
        complete = stream.at_end()
        if complete:
            pace.finish()
        seconds = time.monotonic() - started
        bookmark = Bookmark(
            state,
            digest.hexdigest,
            digest.open_ids,
            tuple(stream.file_tokens),
            seconds_before + seconds,
            complete=complete,
        )
        progress = _progress(pace, stream, state, document, first - opening, seconds)
        yield Step(bookmark, progress, first, seconds)
        if bookmark.complete:
            return


def _progress(pace: Pace, stream: IdStream, state: State, document: Document, before: int, seconds: float) -> Progress:
    """before: tokens of the document that were read in earlier runs; negative where the opening is still to be read."""
    read_tokens = max(0, before + pace.finished)
    rate = pace.finished / max(seconds, 1e-9)
    return Progress(
        tokens_read=read_tokens,
        tokens_total=stream.tokens,
        total_is_exact=stream.exact,
        bytes_done=stream.bytes_seen,
        bytes_total=document.nbytes,
        tokens_per_second=rate,
        seconds_left=max(0, stream.tokens - read_tokens) / rate if rate > 0 else None,
        device_memory=device_memory(pace.model),
        process_memory=process_memory(),
        state_bytes=state.nbytes,
        stretch=pace.tokens,
        halvings=pace.halvings,
    )
