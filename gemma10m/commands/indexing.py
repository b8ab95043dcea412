"""The passage index of a state: made while its document is read, and kept beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from gemma10m.documents import Document
from gemma10m.errors import DiskError, StateError, UsageError
from gemma10m.passages.building import build_index
from gemma10m.passages.index import is_index_file, open_index
from gemma10m.terminal import Terminal


def index_path(state: Path) -> Path:
    return state.with_name(f"{state.name}.passages")


def refuse_other_file(state: Path) -> None:
    """Raises UsageError rather than write an index over a file that is none."""
    path = index_path(state)
    if os.path.exists(path) and not is_index_file(path):
        raise UsageError(f"{path} is not a passage index and would be lost", hint="move it, or name another state")


@contextmanager
def indexing(document: Document, state: Path, stop: Callable[[], bool]) -> Iterator[None]:
    """Index the document in a thread beside the block; given up, and nothing left, when `stop` says so or the block
    fails before it is whole.

    Raises DiskError and DocumentError at the end of the block.
    """
    failed = Event()
    with ThreadPoolExecutor(1, "indexing") as thread:
        made = thread.submit(build_index, document, index_path(state), lambda: failed.is_set() or stop())
        try:
            yield
        except BaseException:
            failed.set()
            raise
        made.result()


def has_index(state: Path, fingerprint: str) -> bool:
    """Whether an index of the document with this fingerprint stands beside the state, undamaged as far as it begins."""
    try:
        with open_index(index_path(state)) as index:
            return index.fingerprint == fingerprint
    except StateError:
        return False


def ensure_index(terminal: Terminal, document: Document, state: Path) -> bool:
    """Whether there is an index of the document now. Why none could be made is said."""
    if has_index(state, document.fingerprint):
        return True
    terminal.note("indexing the document's passages")
    try:
        refuse_other_file(state)
        build_index(document, index_path(state))
    except (DiskError, UsageError) as error:
        terminal.warn(f"{error.message}: no passage is recalled, and no answer checked")
        return False
    return True
