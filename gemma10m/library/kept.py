"""List and remove what the cache keeps: states with their passages, passages alone, and leftovers of killed runs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gemma10m.atomic_file import left_behind
from gemma10m.errors import DiskError, StateError
from gemma10m.folders import indexes_folder, states_folder, summaries_folder
from gemma10m.library.indexing import index_path
from gemma10m.passages.index import open_index
from gemma10m.state_file import StateHeader, read_header


@dataclass(frozen=True)
class KeptState:
    path: Path
    header: StateHeader | None  # None for one that cannot be read
    nbytes: int  # with the passages beside it
    modified: float  # seconds since 1970

    @property
    def name(self) -> str:
        return self.path.stem

    @property
    def document(self) -> str | None:
        return self.header.document.name if self.header else None

    @property
    def fingerprint(self) -> str | None:
        return self.header.document.fingerprint if self.header else None

    @property
    def files(self) -> list[Path]:
        return [path for path in (self.path, index_path(self.path)) if path.exists()]


@dataclass(frozen=True)
class KeptPassages:
    """Hold an index that has no state beside it, as `find` leaves it, and `ask` with a model that only searches."""

    path: Path
    document: str | None  # None for one that cannot be read
    fingerprint: str | None
    nbytes: int
    modified: float

    @property
    def name(self) -> str:
        return self.path.name.partition(".")[0]

    @property
    def files(self) -> list[Path]:
        return [self.path]


def kept_states() -> list[KeptState]:
    """Return the states in the cache, the newest first."""
    found = filter(None, map(_state, states_folder().glob("*.safetensors")))
    return sorted(found, key=lambda state: -state.modified)


def _state(path: Path) -> KeptState | None:
    """Describe a state; None for one that is gone meanwhile."""
    try:
        own = path.lstat()
        beside = index_path(path).lstat().st_size if index_path(path).exists() else 0
    except FileNotFoundError:
        return None
    try:
        header = read_header(path)
    except StateError:
        header = None
    return KeptState(path, header, own.st_size + beside, own.st_mtime)


def kept_passages() -> list[KeptPassages]:
    """Return the indexes in the cache that have no state beside them, the newest first."""
    beside = [path for path in states_folder().glob("*.passages") if not path.with_suffix("").exists()]
    found = filter(None, map(_passages, [*beside, *indexes_folder().glob("*.passages")]))
    return sorted(found, key=lambda kept: -kept.modified)


def _passages(path: Path) -> KeptPassages | None:
    """Describe an index; None for one that is gone meanwhile."""
    try:
        found = path.lstat()
        with open_index(path, whole=False) as index:
            paths = [file for file, _ in index.files]
            more = f" and {len(paths) - 1} more" if len(paths) > 1 else ""
            return KeptPassages(path, f"{paths[0]}{more}", index.fingerprint, found.st_size, found.st_mtime)
    except FileNotFoundError:
        return None
    except (StateError, IndexError):
        return KeptPassages(path, None, None, found.st_size, found.st_mtime)


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
