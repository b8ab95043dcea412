"""Read a document, or find that it was read before; save its state on the way, and an index beside it."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from gemma10m.documents import Document
from gemma10m.documents.counts import number_of
from gemma10m.errors import Interrupted, StateError, UsageError
from gemma10m.library.indexing import ensure_index, indexed, indexing, refuse_other_file
from gemma10m.library.listening import Listener, OnProgress
from gemma10m.library.ranked import meet, shared
from gemma10m.library.signals import stop_on_signals
from gemma10m.memory.state import State
from gemma10m.progress import format_bytes, format_count, format_duration
from gemma10m.ranks.group import AgreedStop
from gemma10m.reading import Bookmark, Step
from gemma10m.saved_states import Reader, document_record, find_bookmark, is_continued, read_and_save
from gemma10m.state_file import DocumentRecord, is_state_file, read_header, refuse_too_many_files
from gemma10m.tokens.prompt import Prompt


@dataclass(frozen=True)
class ReadSource:
    """Hold a document's state, and how it was read."""

    state: State
    path: Path  # of the state's file
    document: Document | None  # None where only the state was named
    record: DocumentRecord
    complete: bool
    opening: int  # tokens of the prompt in front of the document
    skipped: int  # tokens that no answer depends on: in the index alone
    tokens_now: int  # read by this run
    seconds: float  # this run's
    seconds_ever: float

    @property
    def is_read(self) -> bool:
        """Tell if a model read the document; a searched one is indexed alone, and its tokens are not counted."""
        return self.state.position > 0

    @property
    def tokens_in_document(self) -> int:
        return sum(source.tokens for source in self.record.sources)

    @property
    def tokens_read(self) -> int:
        return max(0, self.state.position - self.opening - self.skipped)


def open_state(listener: Listener, reader: Reader, path: Path) -> ReadSource:
    """Open a saved state. Raises StateError if it is damaged or was made by another model."""
    bookmark, header = reader.load(path)
    source = _read_source(reader, bookmark, path, None, header.document)
    if not header.complete:
        listener.warn(f"{path} is an unfinished read: {source.tokens_read:,} tokens of {header.document.name}")
    return source


def search_document(listener: Listener, reader: Reader, document: Document) -> ReadSource:
    """Index the document, or find its index; the model reads nothing of it before a question. Raises as `indexed`."""
    started = time.monotonic()
    index = indexed(listener, document)
    seconds = time.monotonic() - started
    # As if a state were beside the index.
    path, record = index.with_suffix(""), document_record(document, ())
    return ReadSource(reader.model.empty_state(), path, document, record, True, 0, 0, 0, seconds, seconds)


def read_document(
    listener: Listener, reader: Reader, document: Document, path: Path | None, progress: OnProgress | None = None
) -> ReadSource:
    """Return the state of the whole document, resuming from `path` or the cache, and write an index beside it.

    progress: called with each step's view in the place of the listener's progress line.
    SIGINT and SIGTERM stop the read at the end of a segment and save the state. Raises Interrupted then, DocumentError
    for more files than a state can list, and UsageError rather than overwrite a file that is not a state or an index.
    Of several ranks, all of which must call this, the first one writes; raises also what `meet` raises.
    """
    refuse_too_many_files(document_record(document, tuple(file.nbytes for file in document.files)))
    ranks = reader.ranks
    if ranks:
        meet(ranks, reader, document)
    leads = ranks is None or ranks.leads
    if path and leads:
        _refuse_other_files(path)
    target = path or reader.state_path(document)

    def pass_over(error: StateError) -> None:
        listener.warn(f"{error.message}; it is not used")

    start = find_bookmark(reader, document, path, pass_over) if leads else None
    if ranks:
        start = shared(ranks, reader, start)
    if start and start.complete:
        if path and leads:
            reader.save(path, start, document)
        if leads:
            ensure_index(listener, document, target)
        return _read_source(reader, start, target, document, document_record(document, start.file_tokens))
    return _read_on(listener, reader, document, target, start, progress)


def _refuse_other_files(path: Path) -> None:
    """Raise UsageError rather than overwrite a file that is not a state or an index."""
    if os.path.exists(path) and not is_state_file(path):
        raise UsageError(f"{path} is not a saved state and would be overwritten", hint="give --output another name")
    refuse_other_file(path)


def refuse_other_document(path: Path, document: Document) -> None:
    """Raise UsageError if `path` is another document's state, which may have taken hours to read."""
    try:
        record = read_header(path).document
    except (FileNotFoundError, StateError):  # a damaged one is no loss
        return
    if record.name != document.name and not is_continued(record, document):
        raise UsageError(
            f"{path} is the state of {record.name} and would be overwritten",
            hint="give --output another name, or remove that file",
        )


def _resuming(step: Step, start: Bookmark | None) -> str:
    """Say where a read resumes: where the document's end has changed, not where the one before it stopped."""
    again = start.state.position - step.started_at if start else 0
    changed = f"; the {again:,} after them have changed, or follow on what has" if again > 0 else ""
    return f"resuming after {format_count(step.started_at)} tokens read earlier{changed}"


def _read_on(
    listener: Listener,
    reader: Reader,
    document: Document,
    target: Path,
    start: Bookmark | None,
    progress: OnProgress | None,
) -> ReadSource:
    said, halvings, told, ranks = start is None, 0, False, reader.ranks
    with ExitStack() as stack:
        asked = stack.enter_context(stop_on_signals())
        stop = AgreedStop(ranks, asked) if ranks else asked
        if ranks:
            listener.note(f"{ranks.size} ranks read together")
        if ranks is None or ranks.leads:
            stack.enter_context(indexing(listener, document, target, asked))
        show = progress or stack.enter_context(listener.progress("reading")).update
        for step in read_and_save(reader, document, target, start, stop):
            if not said and step.started_at:
                listener.note(_resuming(step, start))
            said = True
            if step.halvings > halvings:
                halvings = step.halvings
                listener.note(f"GPU memory is short: now reading {step.stretch:,} tokens at a time")
            if step.skipped and not told:
                told = True
                listener.note(_tail_sentence(step))
            show(step.progress)
    record = document_record(document, step.bookmark.file_tokens)
    opening = 0 if step.started_at else len(Prompt(reader.tokenizer).opening())
    tokens_now = max(0, step.tokens_read_now - opening)  # of the document
    source = _read_source(reader, step.bookmark, target, document, record, tokens_now, step.seconds)
    if stop():
        raise Interrupted(
            f"stopped after {source.tokens_read:,} tokens; the state is saved in {target}",
            hint="run the same command again to resume",
            signal_number=stop.signal_number,
        )
    listener.note(_summary(source))
    return source


def _tail_sentence(step: Step) -> str:
    total = step.progress.tokens_total
    return (
        f"this model has no memory: it reads the last {total - step.progress.tokens_skipped:,} of {total:,} tokens; "
        "the rest is searched (--read-all reads it, too)"
    )


def _summary(source: ReadSource) -> str:
    rate = source.tokens_now / source.seconds if source.seconds > 0 else 0.0
    return (
        f"read {source.tokens_read:,} of {number_of(source.tokens_in_document, 'token')} "
        f"in {format_duration(source.seconds)} ({format_count(rate)} tok/s), state {format_bytes(source.state.nbytes)}"
    )


def _read_source(
    reader: Reader,
    bookmark: Bookmark,
    path: Path,
    document: Document | None,
    record: DocumentRecord,
    tokens_now: int = 0,
    seconds: float = 0.0,
) -> ReadSource:
    return ReadSource(
        bookmark.state,
        path,
        document,
        record,
        bookmark.complete,
        len(Prompt(reader.tokenizer).opening()),
        bookmark.skipped,
        tokens_now,
        seconds,
        seconds_ever=bookmark.seconds,
    )
