"""List and remove what the cache keeps: states with their passages, passages alone, and leftovers of killed runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from gemma10m.atomic_file import left_behind
from gemma10m.errors import DiskError, StateError
from gemma10m.folders import indexes_folder, states_folder, summaries_folder
from gemma10m.library.indexing import index_path
from gemma10m.passages.index import open_index
from gemma10m.state_file import StateHeader, read_header


@dataclass(frozen=True)
class InCache:
    """Describe a state with the passages beside it, or passages alone.

    `find` leaves passages without a state, and so does `ask` with a model that only searches.
    """

    path: Path
    is_state: bool
    nbytes: int  # with the passages beside it
    modified: float  # seconds since 1970
    document: str | None = None  # None for what cannot be read
    fingerprint: str | None = None
    header: StateHeader | None = None  # of a state that can be read

    @property
    def name(self) -> str:
        return self.path.name.removesuffix(".passages").removesuffix(".safetensors")

    @property
    def files(self) -> list[Path]:
        return [path for path in (self.path, index_path(self.path)) if path.exists()]


def in_cache() -> list[InCache]:
    """Return the states in the cache, the newest first, and then the indexes without a state beside them."""
    alone = [path for path in states_folder().glob("*.passages") if not path.with_suffix("").exists()]
    states = filter(None, map(_state, states_folder().glob("*.safetensors")))
    passages = filter(None, map(_passages, [*alone, *indexes_folder().glob("*.passages")]))
    return [kept for found in (states, passages) for kept in sorted(found, key=lambda kept: -kept.modified)]


def _state(path: Path) -> InCache | None:
    """Describe a state; None for one that is gone meanwhile."""
    try:
        own = path.lstat()
        beside = index_path(path).lstat().st_size if index_path(path).exists() else 0
    except FileNotFoundError:
        return None
    kept = InCache(path, True, own.st_size + beside, own.st_mtime)
    try:
        header = read_header(path)
    except StateError:
        return kept
    return replace(kept, document=header.document.name, fingerprint=header.document.fingerprint, header=header)


def _passages(path: Path) -> InCache | None:
    """Describe an index; None for one that is gone meanwhile."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    kept = InCache(path, False, found.st_size, found.st_mtime)
    try:
        with open_index(path, whole=False) as index:
            paths = [file for file, _ in index.files]
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            return replace(kept, document=f"{paths[0]}{more}", fingerprint=index.fingerprint)
    except (StateError, IndexError):
        return kept


def leftovers() -> list[Path]:
    """Return temporary files of killed runs, without those that a running process writes."""
    return [path for folder in (states_folder(), indexes_folder(), summaries_folder()) for path in left_behind(folder)]


def remove(paths: Iterable[Path]) -> int:
    """Delete the files; return how many bytes they had. Raises DiskError."""
    freed = 0
    for path in paths:
        try:
            freed += path.stat().st_size
            path.unlink()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise DiskError(f"{path} cannot be removed: {error.strerror}", hint="remove it by hand") from error
    return freed
