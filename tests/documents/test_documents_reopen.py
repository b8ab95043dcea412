"""A document opened again by what it was opened by: from anywhere, only as it was, and for little where it is not."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import pytest

from gemma10m import open_source
from gemma10m.documents import Document, Origin, open_again


def again(document: Document, origin: Origin | None = None) -> Document | None:
    found = origin or document.origin
    assert found
    sizes = {file.path: file.nbytes for file in document.files}
    return open_again(found, document.fingerprint, sizes, {skipped.path for skipped in document.skipped})


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder, with two folders of files in it."""
    for name, text in (
        ("notes/a.txt", "One."),
        ("notes/b/c.txt", "Two."),
        ("notes/d.log", "Log."),
        ("more/e.txt", "E"),
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "notes/cover.png").write_bytes(b"\x89PNG\0")
    (tmp_path / "notes/f.txt.gz").write_bytes(gzip.compress(b"Three. " * 90))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("names", [["notes/a.txt"], ["notes/f.txt.gz"], ["notes"], ["notes/", "more/e.txt", "more"]])
def test_it_is_found_from_anywhere_with_its_patterns(
    folder: Path, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    document = open_source(*names, exclude=["*.log"])
    monkeypatch.chdir("/")
    assert again(document) == document


def test_only_as_it_was(folder: Path) -> None:
    document = open_source("notes")
    path = folder / "notes/a.txt"
    for text in ("Onf.", "One. More.", "O"):
        path.write_text(text)
        assert again(document) is None
    path.write_text("One.")
    assert again(document) == document
    (folder / "notes/new.txt").write_text("New.")
    assert again(document) is None
    (folder / "notes/new.txt").unlink()
    path.unlink()
    assert again(document) is None


def test_what_is_not_read_may_come_and_go(folder: Path) -> None:
    document = open_source("notes", exclude=["*.log"])
    (folder / "notes/a.state").write_bytes(b"{\0}")
    (folder / "notes/link").symlink_to("a.txt")
    (folder / "notes/g.log").write_text("Log.")
    (folder / "notes/d.log").unlink()
    assert again(document) == replace(document, skipped=open_source("notes", exclude=["*.log"]).skipped)


def test_files_with_other_names_or_sizes_are_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, several = open_source("notes/a.txt"), open_source("notes")

    def refuse(*_: object) -> None:
        raise AssertionError("it is read")

    monkeypatch.setattr("gemma10m.documents.reopen.open_from", refuse)
    with pytest.raises(AssertionError):
        again(one)
    (folder / "notes/a.txt").write_text("One. More.")
    assert again(one) is None
    assert again(several) is None
    for name in ("more", "/usr"):
        assert again(several, Origin(str(folder), (name,))) is None
    monkeypatch.setattr("gemma10m.documents.reopen.MORE", 100)
    assert again(several, Origin("/", ("usr",), include=("nothing of this name",))) is None


def test_an_origin_that_leads_nowhere_is_no_document(folder: Path) -> None:
    document = open_source("more")
    (folder / "-").write_text("E")
    for names in ((), ("-",), ("x" * 300,), ("a\0b",), ("",), ("/dev/zero",), ("more", "-"), ("notes/cover.png",)):
        assert again(document, Origin(str(folder), names)) is None
    assert again(document, Origin("/nowhere", ("more",))) is None
