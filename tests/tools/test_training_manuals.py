"""`tools/fetch_training_manuals.py`: four manuals to train with, and nothing that is measured with."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import debs
from fetch_manuals import MEASURED, Collection, Manual, fetch
from fetch_training_manuals import FAQ, FAQ_PATH, GIT, GIT_PATH, REFERENCE, REFERENCE_PATH, TRAINED_WITH, TUTORIAL

from gemma10m.terminal import Terminal

PYTHON = "./usr/share/doc/python3.11/html"
PACKAGES = {
    FAQ: {f"./{FAQ_PATH}": gzip.compress(b"questions")},
    REFERENCE: {f"./{REFERENCE_PATH}": gzip.compress(b"reference")},
    GIT: {f"./{GIT_PATH}": b"<p>git"},
    TUTORIAL: {
        f"{PYTHON}/tutorial/classes.html": b"<p>classes",
        f"{PYTHON}/library/json.html": b"<p>measured",
        f"{PYTHON}/tutorial/classes.rst": b"source",
    },
}


def made(folder: Path) -> tuple[Collection, Sequence[Path]]:
    """Write packages and return the collection that knows them, and their paths."""
    manuals: list[Manual] = []
    for manual, files in PACKAGES.items():
        data = debs.deb(manual.name, debs.tar(files))
        (folder / manual.file_name).write_bytes(data)
        manuals.append(replace(manual, size=len(data), sha256=hashlib.sha256(data).hexdigest()))
    return replace(TRAINED_WITH, manuals=tuple(manuals)), sorted(folder.glob("*.deb"))


def test_the_manuals_are_written_without_the_measured_pages(tmp_path: Path) -> None:
    collection, packages = made(tmp_path)
    fetch(Terminal(), tmp_path / "out", packages, collection)
    files = {str(path.relative_to(tmp_path / "out")): path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    sources = files.pop("SOURCES.md").decode()
    assert files == {
        "debian-faq.txt": b"questions",
        "developers-reference.txt": b"reference",
        "git-user-manual.html": b"<p>git",
        "python-tutorial/classes.html": b"<p>classes",
    }
    assert "to train with and never to measure with" in sources
    for manual in TRAINED_WITH.manuals:
        assert f"Debian package {manual.name} {manual.version}" in sources
        assert manual.licence in sources


def test_no_manual_is_both_trained_and_measured_with() -> None:
    assert {one.title for one in TRAINED_WITH.manuals}.isdisjoint(one.title for one in MEASURED.manuals)
    assert {one.written for one in TRAINED_WITH.manuals}.isdisjoint(one.written for one in MEASURED.manuals)
