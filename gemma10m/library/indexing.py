"""Build the passage index of a state while its document is read, and keep it beside the state."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event

from gemma10m.documents import Document
from gemma10m.errors import DiskError, DocumentError, OutOfMemoryError, StateError, UsageError
from gemma10m.folders import indexes_folder, states_folder
from gemma10m.library.listening import Listener
from gemma10m.passages.building import StoppedError, build_index, fill_from, new_index
from gemma10m.passages.index import is_index_file, open_index


def index_path(state: Path) -> Path:
    return state.with_name(f"{state.name}.passages")


def refuse_other_file(state: Path) -> None:
    """Raise UsageError rather than overwrite a user's file that is not an index; the cache is the program's own."""
    path = index_path(state)
    if os.path.exists(path) and not is_index_file(path) and not _is_cached(path):
        raise UsageError(
            f"{path} is not a passage index and would be overwritten", hint="move it, or name another state"
        )


def _is_cached(path: Path) -> bool:
    return path.parent.resolve() in (states_folder().resolve(), indexes_folder().resolve())


def _make_way(path: Path) -> None:
    """Remove what is no file in an index's place in the cache. Raises DiskError for a folder with something in it."""
    if not _is_cached(path) or not os.path.lexists(path) or path.is_file():
        return
    try:
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
    except OSError as error:
        hint = f"remove {path}, which is in the program's own cache"
        raise DiskError(f"{path} cannot be replaced by an index: {error.strerror}", hint) from error


@contextmanager
def indexing(listener: Listener, document: Document, state: Path, stop: Callable[[], bool]) -> Iterator[None]:
    """Index the document in a thread beside the block, which reads it and saves its state.

    The index is moved into place when the block ends, so that it is never beside an older document's state. It is
    discarded if the block fails, or if `stop()` is true before it is complete. If it cannot be built, a warning says
    why, and the read is kept: it took hours.
    """
    failed, ended, path = Event(), Event(), index_path(state)

    def make() -> None:
        _make_way(path)
        with suppress(StoppedError), new_index(path) as database:
            fill_from(database, document, lambda: failed.is_set() or stop())
            ended.wait()
            if failed.is_set():
                raise StoppedError

    with ThreadPoolExecutor(1, "indexing") as thread:
        made = thread.submit(make)
        try:
            yield
        except BaseException:
            failed.set()
            raise
        finally:
            ended.set()
        _warn_if_failed(listener, made)


def _warn_if_failed(listener: Listener, made: Future[None]) -> None:
    try:
        made.result()
    except (DiskError, DocumentError, OutOfMemoryError) as error:
        _warn(listener, error.message, error.hint)


def _warn(listener: Listener, why: str, hint: str = "") -> None:
    listener.warn_once(f"{why}: passages are not retrieved, and answers are not checked{hint and f'; {hint}'}")


def has_index(state: Path, fingerprint: str) -> bool:
    """Tell if an index of the document with this fingerprint is beside the state. Reads all of it, for its checksum."""
    return is_index_of(index_path(state), fingerprint)


def is_index_of(path: Path, fingerprint: str) -> bool:
    """Tell if the file is an index of the document with this fingerprint. Reads all of it, for its checksum."""
    return not _fault(path, fingerprint)


def warn_without_index(listener: Listener, state: Path, fingerprint: str) -> None:
    """Warn what is wrong with an index that cannot be built again."""
    path = index_path(state)
    _warn(listener, f"{path} {_fault(path, fingerprint)}, and the document is gone or has changed")


def _fault(path: Path, fingerprint: str) -> str:
    """Return why the file is not an index of this document, or "" if it is one."""
    if not os.path.lexists(path):
        return "is missing"
    try:
        with open_index(path) as index:
            return "" if index.fingerprint == fingerprint else "belongs to another document"
    except StateError:
        return "is damaged or has another version"


def _says(path: Path, fingerprint: str) -> bool:
    """Tell if the file says to be an index of this document: its checksum is not compared."""
    try:
        with open_index(path, whole=False) as index:
            return index.fingerprint == fingerprint
    except StateError:
        return False


def indexed(listener: Listener, document: Document) -> Path:
    """Return an index of the document in the cache: one beside a state of any model, or one that is built now.

    Raises DiskError and DocumentError.
    """
    own = indexes_folder() / f"{document.fingerprint[:32]}.passages"
    for path in (own, *sorted(states_folder().glob("*.passages"))):
        if _says(path, document.fingerprint) and is_index_of(path, document.fingerprint):
            return path
    listener.note("indexing the document's passages")
    _make_way(own)
    build_index(document, own)
    return own


@contextmanager
def indexed_somewhere(listener: Listener, document: Document) -> Iterator[Path]:
    """Give an index as `indexed` does, or one in a temporary folder if the cache cannot be written."""
    with ExitStack() as stack:
        try:
            path = indexed(listener, document)
        except DiskError as error:
            listener.warn(f"{error.message}: the passages are indexed again each time; {error.hint}")
            path = Path(stack.enter_context(TemporaryDirectory(prefix="gemma10m-"))) / "passages"
            build_index(document, path)
        yield path


def ensure_index(listener: Listener, document: Document, state: Path) -> bool:
    """Build the index of the document if it is missing; tell if there is one now. A warning says why not."""
    if has_index(state, document.fingerprint):
        return True
    try:
        refuse_other_file(state)
        listener.note("indexing the document's passages")
        _make_way(index_path(state))
        build_index(document, index_path(state))
    except (DiskError, DocumentError, OutOfMemoryError, UsageError) as error:
        _warn(listener, error.message, error.hint)
        return False
    return True
