"""Read one document of many in a process of its own: an idempotent task, whose state and index appear by a rename.

A process that is killed at any moment leaves the state whole or not at all, and the task can be run again.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

import torch

from gemma10m.documents import Document
from gemma10m.documents.left_out import left_out_by_text
from gemma10m.documents.safe_open import BLOCK, UnreadableError
from gemma10m.documents.skips import kind_of_skip
from gemma10m.errors import (
    DocumentError,
    Gemma10MError,
    Interrupted,
    ModelError,
    OutOfMemoryError,
    StateError,
    UsageError,
    is_out_of_memory,
)
from gemma10m.library.indexing import has_index, index_path
from gemma10m.library.library import Library
from gemma10m.library.listening import Notices
from gemma10m.library.many import OneOfMany
from gemma10m.library.model_choice import ModelOptions
from gemma10m.library.read_source import read_document
from gemma10m.library.sources import Patterns
from gemma10m.passages.building import build_index
from gemma10m.saved_states import PROGRAM, Reader
from gemma10m.state_file import is_state_file, read_header

Ended = Literal["read", "there", "skipped", "failed", "stopped"]
LINK = "a link, not followed"


@dataclass(frozen=True)
class WorkerJob:
    """Say what is the same for all documents, and what a worker must have in common with the run."""

    options: ModelOptions
    folder: str  # that relative paths start from
    states: str  # absolute path
    program: str  # its name and version
    fingerprint: str  # of the model's weights
    threads: int  # of each worker, on a CPU
    everything: bool = False  # also what is left out of folders and archives by default


@dataclass(frozen=True)
class DocumentOutcome:
    """Say how the task of one document ended."""

    document: OneOfMany
    ended: Ended
    tokens: int = 0  # read by this run
    seconds: float = 0.0
    reason: str = ""  # why it failed or was skipped
    hint: str = ""
    exit_code: int = 0
    warnings: tuple[str, ...] = ()


def read_one(job: WorkerJob, document: OneOfMany) -> DocumentOutcome:
    """Read the document unless its state is there, of the same text, model and options. Raises nothing."""
    try:
        return _read(job, document)
    except Interrupted as stopped:
        return DocumentOutcome(document, "stopped", reason=stopped.message)
    except Gemma10MError as error:
        return DocumentOutcome(document, "failed", 0, 0.0, error.message, error.hint, error.exit_code)
    except Exception as error:
        if is_out_of_memory(error):
            hint = "close other programs that use the memory of this device, or choose a smaller model"
            return DocumentOutcome(document, "failed", 0, 0.0, "not enough memory", hint, OutOfMemoryError.exit_code)
        place = traceback.extract_tb(error.__traceback__)[-1]
        said = f"internal error: {type(error).__name__}: {error} ({os.path.basename(place.filename)}:{place.lineno})"
        return DocumentOutcome(document, "failed", 0, 0.0, said, "this is a bug: please report it", 1)


def _read(job: WorkerJob, named: OneOfMany) -> DocumentOutcome:
    library, target = _library(job), Path(job.states, named.state)
    with _notices(library) as notices:
        if named.found and (why := _no_file_of_text(named.source)):
            return DocumentOutcome(named, "skipped", reason=why)
        try:
            document = library.document([named.source], Patterns(everything=job.everything))
        except DocumentError as error:
            if named.found and (why := _skipped_for(named.source, error)):
                return DocumentOutcome(named, "skipped", reason=why)
            raise
        if named.found and not job.everything and (why := _left_out(named.source, document)):
            return DocumentOutcome(named, "skipped", reason=why)
        reader = library.reader(document.nbytes, state_alone=False)
        if _is_there(reader, document, target):
            return DocumentOutcome(named, "there", warnings=tuple(notices.warnings))
        source = read_document(notices, reader, document, target)
        if not has_index(target, document.fingerprint):
            build_index(document, index_path(target))  # a library is searched: a state without an index is no success
    return DocumentOutcome(named, "read", source.tokens_now, source.seconds, warnings=tuple(notices.warnings))


@cache
def _library(job: WorkerJob) -> Library:
    """Prepare this process, once: its folder, its threads, its model. Raises UsageError and ModelError."""
    if job.program != PROGRAM:
        raise UsageError(
            f"a worker runs {PROGRAM}, and the run was started by {job.program}",
            "install one version on all machines",
        )
    try:
        os.chdir(job.folder)
    except OSError as error:
        raise UsageError(
            f"a worker cannot use the folder {job.folder}: {error.strerror}", "share that folder with all machines"
        ) from error
    torch.set_num_threads(job.threads)
    library = Library(**vars(job.options), listener=Notices())
    found, name = library.chosen.checkpoint.fingerprint, library.chosen.name
    if found != job.fingerprint:
        raise ModelError(
            f"a worker's model {name} has the fingerprint {found[:12]}, and the run's {job.fingerprint[:12]}",
            "put the same model on all machines",
        )
    return library


@contextmanager
def _notices(library: Library) -> Iterator[Notices]:
    """Give a listener that hears of one document alone."""
    before, library.listener = library.listener, Notices()
    try:
        yield library.listener
    finally:
        library.listener = before


def _no_file_of_text(source: str) -> str:
    """Return why a file of a folder is skipped before it is opened."""
    if os.path.islink(source):
        return LINK
    return "empty" if os.path.isfile(source) and not os.path.getsize(source) else ""


def _left_out(source: str, document: Document) -> str:
    """Return why reading the whole folder would leave the text out: it is generated or minified."""
    first = document.files[0]
    return left_out_by_text(source, first.cut(0, min(first.nbytes, BLOCK))) if len(document.files) == 1 else ""


def _skipped_for(source: str, error: DocumentError) -> str:
    """Return the reason if reading the whole folder would count the file as one without text; "" for a failure."""
    why = error.__cause__
    return str(why) if isinstance(why, UnreadableError) and kind_of_skip(source, str(why)) else ""


def _is_there(reader: Reader, document: Document, target: Path) -> bool:
    """Tell if the document was read into its state and index. Raises StateError for the state of another model.

    A state that is damaged, unfinished or of an older text is read again.
    """
    if not is_state_file(target):
        return False
    try:
        header = read_header(target)
    except StateError:
        return False
    wanted = reader.expectation()
    if header.model_fingerprint != wanted.model_fingerprint:
        raise StateError(
            f"{target} was read by the model {header.model}, and not by {reader.model.name}",
            "name that model, or another folder for the states of this one",
        )
    made = (header.tokenizer_fingerprint, header.reading, header.dtype, header.document.fingerprint)
    same = made == (wanted.tokenizer_fingerprint, wanted.reading, wanted.dtype, document.fingerprint)
    whole = header.complete and not (reader.read_all and header.skipped)
    return same and whole and has_index(target, document.fingerprint)


def lost(document: OneOfMany, times: int) -> DocumentOutcome:
    """Return the outcome of a document whose worker process was ended each time."""
    said = f"the process that read it was ended {times} times"
    hint = "the system ends processes where memory runs out: choose a smaller model, or fewer threads (OMP_NUM_THREADS)"
    return DocumentOutcome(document, "failed", 0, 0.0, said, hint, OutOfMemoryError.exit_code)
