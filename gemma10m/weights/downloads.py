"""Find models downloaded to this machine, and the manifest that says a folder is complete.

Nothing here touches the network or imports huggingface_hub.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gemma10m import folders
from gemma10m.atomic_file import write_json
from gemma10m.errors import ModelError, UsageError
from gemma10m.regular_file import read_regular
from gemma10m.weights.model_json import parse_json

DEFAULT_MODEL = "mustafaaljadery/gemma-2B-10M"
MANIFEST = "download.json"
MANIFEST_FORMAT = "gemma10m.download/1"
MANIFEST_LIMIT = 1 << 20  # bytes
DEFAULT_REVISION = "main"

PLAIN_FILES = frozenset(
    {
        "config.json",
        "generation_config.json",
        "model.safetensors.index.json",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json",
    }
)
_WEIGHTS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}\.(safetensors|gguf)")
_WORD = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,94}[A-Za-z0-9_])?"
_REPOSITORY = re.compile(rf"(?:{_WORD}/)?{_WORD}")
_REVISION = re.compile(r"[!-~]{1,100}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class StoredFile:
    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Downloaded:
    """Describe a finished download. revision: the one asked for, None for the default branch."""

    repository: str
    revision: str | None
    commit: str
    files: tuple[StoredFile, ...]

    @property
    def name(self) -> str:
        return self.repository if self.revision is None else f"{self.repository}@{self.revision}"

    @property
    def folder(self) -> Path:
        return folder_for(self.repository, self.revision)


def is_wanted(path: object) -> bool:
    """Tell if a file of this name belongs to a model: a plain name, never one that leaves its folder."""
    return isinstance(path, str) and (path in PLAIN_FILES or _WEIGHTS.fullmatch(path) is not None)


def check_name(repository: str, revision: str | None) -> None:
    """Refuse a name the hub cannot have. Raises UsageError."""
    if not _REPOSITORY.fullmatch(repository) or "--" in repository or ".." in repository:
        raise UsageError(f"{repository!r} is not the name of a model on the hub", hint="write it as organisation/name")
    if revision is not None and not _REVISION.fullmatch(revision):
        raise UsageError(
            f"{revision!r} is not a revision of {repository}",
            hint="give a branch, a tag or a commit of at most 100 letters",
        )


def folder_for(repository: str, revision: str | None) -> Path:
    """Return a model's folder. Revisions are percent-encoded: no two share a folder, none leaves the models folder."""
    name = repository.replace("/", "--")
    if revision is not None and revision != DEFAULT_REVISION:
        name += "@" + quote(revision, safe="")
    return folders.models_folder() / name


def find_downloaded(name: str) -> Path | None:
    """Return the folder of `org/name` or `org/name@revision`, or None unless its download is finished."""
    repository, at, revision = name.partition("@")
    try:
        check_name(repository, revision if at else None)
    except UsageError:
        return None
    folder = folder_for(repository, revision if at else None)
    return folder if read_finished(folder) else None


def list_downloaded() -> list[Downloaded]:
    """List every finished download by name."""
    root = folders.models_folder()
    entries = sorted(root.iterdir()) if root.is_dir() else []
    return [stored for stored in map(read_finished, entries) if stored]


def read_finished(folder: Path) -> Downloaded | None:
    """Read a finished folder's manifest; None if it is missing or malformed, or a file has another size."""
    try:
        stored = _parse(parse_json(read_regular(folder / MANIFEST, MANIFEST_LIMIT), folder))
        sizes_right = all((folder / file.path).stat().st_size == file.bytes for file in stored.files)
    except (OSError, ValueError, ModelError):
        return None
    return stored if sizes_right and stored.folder == folder else None


def write_manifest(folder: Path, stored: Downloaded) -> None:
    """Write the manifest last: atomic, on disk before it returns. Raises DiskError."""
    write_json(folder / MANIFEST, {"format": MANIFEST_FORMAT, **asdict(stored)})


def _parse(data: Any) -> Downloaded:
    if not isinstance(data, dict) or data.get("format") != MANIFEST_FORMAT:
        raise ValueError("not a manifest")
    repository, revision, commit, files = (data.get(key) for key in ("repository", "revision", "commit", "files"))
    if not (isinstance(repository, str) and isinstance(commit, str) and isinstance(files, list) and files):
        raise ValueError("a manifest with something missing")
    if not (revision is None or isinstance(revision, str)):
        raise ValueError("a manifest with a strange revision")
    return Downloaded(repository, revision, commit, tuple(map(_parse_file, files)))


def _parse_file(data: Any) -> StoredFile:
    if not isinstance(data, dict) or not is_wanted(data.get("path")):
        raise ValueError("a manifest with a strange file")
    size, sha256 = data.get("bytes"), data.get("sha256")
    if type(size) is not int or not isinstance(sha256, str) or not _SHA256.fullmatch(sha256):
        raise ValueError("a manifest with a strange size or hash")
    return StoredFile(data["path"], size, sha256)
