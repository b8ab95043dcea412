"""The prose on disk: train/, test/, and SOURCES.md, which says where every book comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from gemma10m.atomic_file import atomic_file
from gemma10m.errors import UsageError
from gemma10m.hub.hub_errors import disk_errors
from prose.packages import Unpacked

SOURCES = "SOURCES.md"


def write_prose(folder: Path, packages: Sequence[Unpacked]) -> list[str]:
    """Write the missing books and return their paths below `folder`, as `write_missing` does."""
    files = {book.path: text.encode() for package in packages for book, text in package.texts.items()}
    return write_missing(folder, files | {SOURCES: _sources(packages).encode()})


def write_missing(folder: Path, files: Mapping[str, bytes]) -> list[str]:
    """Write the missing files and return their paths below `folder`.

    Raises UsageError, before anything is written, when a file is there with another content; DiskError.
    """
    missing = [path for path, content in files.items() if not _is_there(folder / path, content)]
    for path in missing:
        with atomic_file(folder / path) as file:
            file.write(files[path])
    return missing


def _is_there(path: Path, content: bytes) -> bool:
    with disk_errors(path):
        if not path.exists():
            return False
        if path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content:
            return True
    raise UsageError(
        f"{path} exists and is not what would be written there", hint="move it away, or name another folder"
    )


def _sources(packages: Sequence[Unpacked]) -> str:
    lines = [
        "# Sources",
        "",
        "Written by `tools/fetch_prose.py`: `train/` to train with, `test/` and `documents/` to measure with alone.",
        "",
        "| file | title | | package |",
        "| --- | --- | --- | --- |",
    ]
    for package in packages:
        name = f"{package.package.name} {package.version}"
        lines += [f"| {book.path} | {book.title} | {book.about} | {name} |" for book in package.texts]
    for package in packages:
        lines += ["", f"## {package.package.name} {package.version}", "", package.package.licence]
        lines += [f"Debian package, sha256 `{package.sha256}`."]
    return "\n".join(lines) + "\n"
