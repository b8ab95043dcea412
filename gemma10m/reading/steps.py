"""Read a document stretch by stretch. Every token is counted; those that cannot reach an answer are not computed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from gemma10m.documents import Document
from gemma10m.heap import keeping_freed
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.progress import ProgressView
from gemma10m.ranks.group import Ranks
from gemma10m.reading.bookmark import Bookmark, IdDigest, advance_to
from gemma10m.reading.ids import IdStream
from gemma10m.reading.pace import Pace
from gemma10m.reading.stretch import device_memory, process_memory
from gemma10m.reading.tail import AT_ONCE, Tail, tail_room
from gemma10m.tokens import Tokenizer
from gemma10m.tokens.prompt import Prompt


@dataclass(frozen=True)
class Step:
    bookmark: Bookmark
    progress: ProgressView
    started_at: int  # the position this run went on from; 0 also when the bookmark turned out to be of no use
    seconds: float  # of this run
    stretch: int  # tokens
    halvings: int  # of the stretch, as the GPU's memory did not suffice
    skipped: int = 0  # tokens that this run passed over

    @property
    def tokens_read_now(self) -> int:
        return self.bookmark.state.position - self.started_at - self.skipped


def read(model: Decoder, tokenizer: Tokenizer, document: Document, read_all: bool = False) -> State:
    """Return the state after the document. Raises DocumentError if the document changes meanwhile.

    Tokens on which no answer can depend are skipped (docs/architecture.md), unless `read_all` is set.
    """
    for step in read_steps(model, tokenizer, document, read_all=read_all):
        state = step.bookmark.state
    return state


def read_steps(
    model: Decoder,
    tokenizer: Tokenizer,
    document: Document,
    start: Bookmark | None = None,
    read_all: bool = False,
    ranks: Ranks | None = None,
) -> Iterator[Step]:
    """Yield one step per stretch; the last has a complete bookmark. `start` is used as far as its ids match.

    ranks: those that read together. Each yields the same steps, and must be given the same start.
    """
    opening = Prompt(tokenizer).opening()
    stream = IdStream(tokenizer, document, opening, ranks.post() if ranks else None)
    try:
        found = advance_to(start, stream, model) if start else None
        if start and found is None:
            stream.close()
            stream, start = IdStream(tokenizer, document, opening, ranks.post() if ranks else None), None
        state, digest = found or (model.empty_state(), IdDigest(model.reading))
        run = _Run(model, stream, digest, document, state, start, len(opening), ranks)
        with keeping_freed():
            yield from run.steps(read_all)
    finally:
        stream.close()


class _Run:
    """Run one read, from where it starts to the document's end."""

    def __init__(
        self,
        model: Decoder,
        stream: IdStream,
        digest: IdDigest,
        document: Document,
        state: State,
        start: Bookmark | None,
        opening: int,
        ranks: Ranks | None,
    ) -> None:
        self.model, self.stream, self.digest, self.document, self.state = model, stream, digest, document, state
        self.pace, self.opening, self.first = Pace(model, ranks), opening, state.position
        self.seconds_before, self.skipped_before = (start.seconds, start.skipped) if start else (0.0, 0)
        self.skipped = 0  # in this run
        self.started = time.monotonic()

    def steps(self, read_all: bool) -> Iterator[Step]:
        if not read_all:
            yield from self._skip()
        complete = False
        while not complete:
            self._read(self.stream.take(self.pace.room(self.state.position)))
            complete = self.stream.at_end()
            if complete:
                self.pace.finish()
            seconds = time.monotonic() - self.started
            yield self._step(self._bookmark(complete, seconds), seconds)

    def _read(self, ids: list[int]) -> None:
        self.state = self.pace.read(ids, self.state)
        self.digest.add(ids)

    def _skip(self) -> Iterator[Step]:
        """Go to the first token that matters. Ids before it are counted and hashed, and the model never sees them."""
        room = tail_room(self.model, self.pace.tokens)
        if room is None or self._ends_within(room + self.pace.tokens):
            return
        self._read(self.stream.take(self.pace.room(self.state.position)))  # the document's first tokens are sinks
        bookmark, tail = self._bookmark(False, time.monotonic() - self.started), Tail(room, self.digest)
        while not self.stream.at_end():
            tail.add(self.stream.take(AT_ONCE))
            yield self._step(bookmark, time.monotonic() - self.started, searching=True)
        end = self.state.position + tail.seen
        start = max(self.state.position, self.model.first_needed(end) // self.pace.tokens * self.pace.tokens)
        self.stream.put_back(tail.from_token(start - self.state.position))
        self.skipped = start - self.state.position
        self.state = self.model.skip_to(self.state, start)

    def _ends_within(self, tokens: int) -> bool:
        ids = self.stream.take(tokens)
        ended = self.stream.at_end()
        self.stream.put_back(ids)
        return ended

    def _bookmark(self, complete: bool, seconds: float) -> Bookmark:
        return Bookmark(
            self.state,
            self.digest.hexdigest,
            self.digest.open_ids,
            tuple(self.stream.file_tokens),
            self.seconds_before + seconds,
            complete=complete,
            skipped=self.skipped_before + self.skipped,
        )

    def _step(self, bookmark: Bookmark, seconds: float, searching: bool = False) -> Step:
        rate = self.pace.finished / max(seconds, 1e-9)
        # Negative where the prompt's opening is still to be read.
        passed = max(0, self.first - self.opening + self.skipped + self.pace.finished)
        left = max(0, self.stream.tokens - passed) / rate if rate > 0 and not searching else None
        progress = ProgressView(
            tokens_read=passed,
            tokens_skipped=self.skipped_before + self.skipped,
            tokens_total=self.stream.tokens,
            total_is_exact=self.stream.exact,
            bytes_done=self.stream.bytes_seen,
            bytes_total=self.document.nbytes,
            tokens_per_second=rate,
            seconds_left=left,
            device_memory=device_memory(self.model),
            process_memory=process_memory(),
            state_bytes=self.state.nbytes,
        )
        pace = self.pace
        return Step(bookmark, progress, self.first, seconds, pace.tokens, pace.halvings, self.skipped)
