"""The passage index of a state: made while its document is read, and kept beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from gemma10m.documents import Document
from gemma10m.errors import StateError
from gemma10m.passages.building import build_index
from gemma10m.passages.index import open_index


def index_path(state: Path) -> Path:
    return state.with_name(f"{state.name}.passages")


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
