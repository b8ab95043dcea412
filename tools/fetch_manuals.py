"""Fetch two manuals that `examples/questions` asks about: `python tools/fetch_manuals.py FOLDER [DEB ...]`.

They are the Debian Policy Manual as a PDF and Python's library reference as HTML, out of packages of Debian 12, about
15 MB. Packages that are named are used instead of the network. Other versions are refused: they may say other things.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prose.damage import DamagedError
from prose.deb import DebFile, open_deb, read_member, read_members
from prose.fetch import fetch_deb, read_deb
from prose.folder import SOURCES, write_missing

from gemma10m.errors import DocumentError, Gemma10MError, UsageError
from gemma10m.hub.partial_file import Meter
from gemma10m.terminal import Terminal

LARGEST = 1 << 27  # bytes that a package installs; Python's documentation has 72 MB
POLICY_PATH = "usr/share/doc/debian-policy/policy.pdf.gz"
PYTHON_PAGE = re.compile(r"usr/share/doc/python3\.11/html/library/([\w.-]+\.html)")


@dataclass(frozen=True)
class Manual(DebFile):
    title: str
    written: str  # the file or folder below FOLDER
    files: Callable[[bytes], dict[str, bytes]]  # what the package installs, a tar -> paths below FOLDER and contents
    licence: str


@dataclass(frozen=True)
class Collection:
    manuals: tuple[Manual, ...]
    purpose: str  # what wrote them and what they are for, a sentence of SOURCES.md


def policy_files(tar: bytes) -> dict[str, bytes]:
    return {"policy.pdf": gzip.decompress(read_member(tar, POLICY_PATH))}


def python_files(tar: bytes) -> dict[str, bytes]:
    pages = read_members(tar, lambda path: PYTHON_PAGE.fullmatch(path) is not None)
    return {f"python-library/{path.rpartition('/')[2]}": content for path, content in pages}


POLICY = Manual(
    name="debian-policy",
    version="4.6.2.0",
    path="pool/main/d/debian-policy/debian-policy_4.6.2.0_all.deb",
    size=2_300_356,
    sha256="ef9d01b625c3b87c3a845c2cd1b66f1a16e9240b2b9e5bee53472a00e8457a39",
    title="Debian Policy Manual",
    written="policy.pdf",
    files=policy_files,
    licence="(c) 1996-1998 Ian Jackson and Christian Schwarz, later changes by many Debian contributors; GNU GPL, "
    "version 2 or later. Its source is Debian's source package debian-policy.",
)
PYTHON = Manual(
    name="python3.11-doc",
    version="3.11.2-6+deb12u8",
    path="pool/main/p/python3.11/python3.11-doc_3.11.2-6+deb12u8_all.deb",
    size=12_642_400,
    sha256="50eb63e7f636c4281e9ce1b8f10386f1def42159eddce34fc1f41c46261df71b",
    title="The Python Standard Library",
    written="python-library",
    files=python_files,
    licence="(c) 2001-2023 Python Software Foundation; PSF License Version 2, its examples also Zero Clause BSD.",
)
MEASURED = Collection((POLICY, PYTHON), "Written by `tools/fetch_manuals.py`, to measure with and never to train with.")


def fetch(terminal: Terminal, folder: Path, sources: Sequence[Path], collection: Collection) -> None:
    """Write the manuals, out of the packages named or of the network. Raises Gemma10MError."""
    found = _local(sources, collection) if sources else _fetched(terminal, collection)
    files = {SOURCES: _sources(collection).encode()}
    for manual, data in found.items():
        files |= _unpacked(manual, data)
    written = write_missing(folder, files)
    terminal.note(f"{len(written)} files written in {folder}; {SOURCES} says where they come from")
    for manual in found:
        terminal.line(str(folder / manual.written))


def _fetched(terminal: Terminal, collection: Collection) -> dict[Manual, bytes]:
    total = sum(manual.size for manual in collection.manuals)
    with terminal.byte_progress("fetching", total) as bar:
        meter = Meter(total, lambda done, _: bar.update(done))
        found = {manual: fetch_deb(manual, meter) for manual in collection.manuals}
        meter.report()
    return found


def _local(paths: Sequence[Path], collection: Collection) -> dict[Manual, bytes]:
    packages = [read_deb(path) for path in paths]
    known = {hashlib.sha256(data).hexdigest(): data for data in packages}
    for manual in collection.manuals:
        if manual.sha256 not in known:
            raise UsageError(
                f"no file named is {manual.name} {manual.version}, whose sha256 is {manual.sha256}",
                hint=f"get it: https://snapshot.debian.org/binary/{manual.name}/",
            )
    return {manual: known[manual.sha256] for manual in collection.manuals}


def _unpacked(manual: Manual, data: bytes) -> dict[str, bytes]:
    try:
        return manual.files(open_deb(data, LARGEST).files)
    except DamagedError as error:
        raise DocumentError(f"{manual.file_name} cannot be used: {error}", hint="get the package again") from error


def _sources(collection: Collection) -> str:
    lines = ["# Sources", "", collection.purpose]
    for manual in collection.manuals:
        lines += ["", f"## {manual.written}: {manual.title}", "", manual.licence]
        lines += [f"Debian package {manual.name} {manual.version}, sha256 `{manual.sha256}`."]
    return "\n".join(lines) + "\n"


def main(usage: str | None, collection: Collection) -> None:
    if len(sys.argv) < 2:
        sys.exit(usage)
    try:
        fetch(Terminal(), Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]], collection)
    except Gemma10MError as error:
        sys.exit(Terminal().error(error))


if __name__ == "__main__":
    main(__doc__, MEASURED)
