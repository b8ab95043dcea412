"""Keep one index of all passages in a folder of states, so that a question finds the right documents among many."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from gemma10m.documents.counts import number_of
from gemma10m.errors import DiskError, StateError, UsageError
from gemma10m.library.indexing import index_path, is_index_of
from gemma10m.library.listening import Listener
from gemma10m.library.many import STATE_SUFFIX
from gemma10m.passages.index import is_index_file
from gemma10m.passages.merging import MergedIndex, merge_indexes, open_merged
from gemma10m.state_file import is_state_file

INDEX_SUFFIX = ".passages"
MERGED_INDEX = "library" + INDEX_SUFFIX  # in the folder of states; also its mark
NAMED = 3  # states in a warning


@dataclass(frozen=True)
class StatesFound:
    """List what is in a folder of states; names are paths below it."""

    folder: Path
    states: tuple[str, ...]
    indexed: tuple[str, ...]  # of these, those with an index beside them
    fingerprint: str  # of the indexes' names, sizes and times

    @property
    def unindexed(self) -> list[str]:
        known = set(self.indexed)
        return [name for name in self.states if name not in known]


def states_in(folder: Path) -> StatesFound:
    """List the states of a folder. Their files are not opened. Raises StateError for a folder that cannot be listed."""
    try:
        found = dict(_files(folder))
    except OSError as error:
        raise _unreadable(folder, error) from error
    states = sorted(path for path in found if path.endswith(STATE_SUFFIX))
    indexed = tuple(name for name in states if name + INDEX_SUFFIX in found)
    digest = hashlib.sha256()
    for name in indexed:
        beside = found[name + INDEX_SUFFIX]
        digest.update(os.fsencode(f"{name}\0{beside.st_size}\0{beside.st_mtime_ns}\0"))
    return StatesFound(folder, tuple(states), indexed, digest.hexdigest())


def _unreadable(folder: Path, error: OSError) -> StateError:
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        what = "does not exist" if isinstance(error, FileNotFoundError) else "is not a folder"
        return StateError(f"{folder} {what}", "name a folder of states, as `gemma10m read-all` makes them")
    return StateError(f"{error.filename or folder} cannot be listed: {error.strerror}", "change its permissions")


def _files(folder: Path) -> Iterator[tuple[str, os.stat_result]]:
    """Yield the path below the folder and the status of each file; links are not followed."""
    open_folders = [""]
    while open_folders:
        below = open_folders.pop()
        with os.scandir(folder / below) as entries:
            for entry in entries:
                path = os.path.join(below, entry.name)
                if entry.is_dir(follow_symlinks=False):
                    open_folders.append(path)
                elif entry.is_file(follow_symlinks=False):
                    with suppress(FileNotFoundError):  # a temporary file that got its name
                        yield path, entry.stat(follow_symlinks=False)


def holds_states(folder: Path) -> bool:
    """Tell if the folder is one of states: it has a library's index, or states and no other files."""
    try:
        if not folder.is_dir():
            return False
        return is_index_file(folder / MERGED_INDEX) or (_other_file(folder) is None and bool(states_in(folder).states))
    except (OSError, ValueError, StateError):
        return False


def refuse_other_folder(folder: Path) -> None:
    """Raise UsageError rather than put states among other files, where nobody could tell what the folder is."""
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file", "give the states a folder of their own")
    try:
        other = _other_file(folder) if folder.is_dir() and not is_index_file(folder / MERGED_INDEX) else None
    except OSError as error:
        raise _unreadable(folder, error) from error
    if other is not None:
        raise UsageError(
            f"{folder} holds files that are no states, such as {other}", "give the states a folder of their own"
        )


def _other_file(folder: Path) -> str | None:
    """Return the first file that is no state, no index and not hidden; None if all are."""
    for path, _ in _files(folder):
        ours = path.endswith(STATE_SUFFIX) and is_state_file(folder / path)
        ours = ours or (path.endswith(INDEX_SUFFIX) and is_index_file(folder / path))
        if not ours and not os.path.basename(path).startswith("."):
            return path
    return None


def ensure_states_index(listener: Listener, folder: Path) -> StatesFound:
    """Merge the passage indexes unless the merged one is of these very files; return what was found. Raises DiskError.

    A warning names states that are not searched because their read did not end or their index is damaged.
    """
    found = states_in(folder)
    _warn_of_unindexed(listener, found)
    path = folder / MERGED_INDEX
    if not is_index_of(path, found.fingerprint) and found.indexed:
        _merge(listener, found, path)
    return found


def _merge(listener: Listener, found: StatesFound, path: Path) -> None:
    if os.path.lexists(path) and not is_index_file(path):
        raise UsageError(f"{path} is not a passage index and would be overwritten", hint="move it")
    listener.note(f"indexing the passages of {number_of(len(found.indexed), 'document')} together")
    parts = [(name, index_path(found.folder / name)) for name in found.indexed]

    def on_damage(name: str, error: StateError) -> None:
        listener.warn(f"{found.folder / name} is not searched: {error.message}; read its document again")

    merge_indexes(parts, found.fingerprint, path, on_damage)


def _warn_of_unindexed(listener: Listener, found: StatesFound) -> None:
    if names := found.unindexed:
        more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
        listener.warn_once(
            f"{', '.join(names[:NAMED])}{more} in {found.folder}: not searched, because the read did not end; "
            "run read-all again"
        )


@contextmanager
def states_index(listener: Listener, folder: Path) -> Iterator[MergedIndex]:
    """Give the merged index of a folder of states, made now if it is missing or the states have changed.

    If the folder cannot be written, the index is made in a temporary one, with a warning. Raises StateError for a
    folder without a state that can be searched.
    """
    with ExitStack() as stack:
        try:
            found, path = ensure_states_index(listener, folder), folder / MERGED_INDEX
        except DiskError as error:
            listener.warn(f"{error.message}: the passages are indexed again each time; {error.hint}")
            found = states_in(folder)
            path = Path(stack.enter_context(TemporaryDirectory(prefix="gemma10m-"))) / MERGED_INDEX
            _merge(listener, found, path)
        if not found.indexed:
            raise StateError(f"{folder} has no state with an index of passages", hint="run read-all again")
        yield stack.enter_context(open_merged(path))
