"""Open a checkpoint's files: regular files only, never outside the folder, never blocking."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from gemma10m.errors import ModelError
from gemma10m.strict_json import quote
from gemma10m.weights.model_json import parse_json
from gemma10m.weights.sniffing import wrong_file

MAX_JSON_BYTES = 1_000_000

_REPLACE = "replace it by the file the model came with"
_FLAGS = os.O_RDONLY
for _name in ("O_BINARY", "O_CLOEXEC", "O_NOFOLLOW", "O_NONBLOCK"):
    _FLAGS |= getattr(os, _name, 0)  # each exists on some systems only


def open_inside(folder: Path, name: str) -> tuple[BinaryIO, Path]:
    """Open `name` of the folder for reading; returns the file and where it really lies.

    A symbolic link must stay in the folder or, in a Hugging Face cache, lead to the same repository's blobs.
    Raises ModelError for anything that is missing, elsewhere, unreadable or not a regular file.
    """
    path = _real_path(folder, name)
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        raise ModelError(f"{folder / name} cannot be opened: {error.strerror}", _REPLACE) from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ModelError(f"{folder / name} is not a regular file", _REPLACE)
    return os.fdopen(descriptor, "rb"), path


def read_json_object(folder: Path, name: str) -> dict[str, object]:
    """Return the object in a JSON file of at most 1 MB."""
    file, path = open_inside(folder, name)
    with file:
        data = file.read(MAX_JSON_BYTES + 1)
        size = os.fstat(file.fileno()).st_size
    if wrong := wrong_file(data, size, folder / name):
        raise wrong
    if len(data) > MAX_JSON_BYTES:
        raise ModelError(f"{path} holds {size:,} bytes, at most {MAX_JSON_BYTES:,} expected", _REPLACE)
    value = parse_json(data, path)
    if not isinstance(value, dict):
        raise ModelError(f"{path} must hold a JSON object, found {quote(value)}", _REPLACE)
    return value


def _real_path(folder: Path, name: str) -> Path:
    try:
        root = folder.resolve(strict=True)
        path = (root / name).resolve(strict=True)
    except PermissionError:
        raise ModelError(f"{folder / name} cannot be opened: permission denied", "name what you may read") from None
    except (OSError, RuntimeError):  # RuntimeError: a loop of links, before Python 3.13
        raise ModelError(
            f"{folder / name} does not exist or is a broken link", hint="download the model again"
        ) from None
    in_hub_cache = root.parent.name == "snapshots" and path.parent == root.parent.parent / "blobs"
    if not (path.is_relative_to(root) or in_hub_cache):
        raise ModelError(
            f"{folder / name} is a link that leaves the folder, to {path}",
            hint="put the file itself into the folder",
        )
    return path
