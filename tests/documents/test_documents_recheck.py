"""Files that were read before, each looked at by itself: untouched, changed, gone, or not to be found at all."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest
from formats import opened, pdf, zipped

from gemma10m.documents import AS_READ, CHANGED, GONE, NOT_AVAILABLE, Document, FileRead, FilesNow, Origin, open_source

TEXTS = {"f0.txt": "Zero.", "f1.txt": "One.", "deep/f2.txt": "Two.", "f3.txt.gz": "Three.", "f4.pdf": "Four."}
ODD = "\x1bodd\\.txt"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the working folder, with the folder `notes` in it."""
    (tmp_path / "notes/deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for name, text in TEXTS.items():
        content = {".gz": gzip.compress(text.encode()), ".pdf": pdf(text)}.get(Path(name).suffix, text.encode())
        (tmp_path / "notes" / name).write_bytes(content)
    return tmp_path


def kept(document: Document, origin: Origin | None = None) -> FilesNow:
    files = [FileRead(file.path, file.nbytes, file.sha256) for file in document.files]
    return FilesNow(origin or document.origin, document.name, files)


def statuses(files: FilesNow) -> dict[str, str]:
    found = [files.now(number) for number in range(len(files.files))]
    assert all((each.file is not None) == (each.status == AS_READ) for each in found)
    return {file.path: each.status for file, each in zip(files.files, found, strict=True)}


@pytest.mark.parametrize("names", [["notes"], ["notes/"], ["notes/", "notes/f0.txt"]])
def test_each_file_of_a_folder_is_looked_at_by_itself(
    folder: Path, names: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "notes" / ODD).write_text("Odd.")
    document = open_source(*names)
    files = kept(document)
    monkeypatch.chdir("/")
    (folder / "notes/zz.txt").write_text("New.")
    (folder / "notes/.gitignore").write_text("f0.txt")
    assert set(statuses(files).values()) == {AS_READ}
    (folder / "notes/f1.txt").write_text("Onf.")
    (folder / "notes/deep/f2.txt").unlink()
    (folder / "notes/f3.txt.gz").write_bytes(gzip.compress(b"Thr3e."))
    (folder / "notes/f4.pdf").write_bytes(pdf("Fout."))
    found = statuses(kept(document))
    above = "" if len(names) == 1 else "notes/"
    changed = {"f1.txt": CHANGED, "deep/f2.txt": GONE, "f3.txt.gz": CHANGED, "f4.pdf": CHANGED}
    assert {path: status for path, status in found.items() if status != AS_READ} == {
        above + path: status for path, status in changed.items()
    }
    (folder / "notes/deep/f2.txt").write_text("Two.")
    assert statuses(kept(document))[f"{above}deep/f2.txt"] == AS_READ


def test_what_was_found_has_its_bytes_and_places(folder: Path) -> None:
    document = open_source("notes")
    files = kept(document)
    for number, file in enumerate(document.files):
        found = files.now(number).file
        assert found
        assert (found.path, found.sha256, found.encoding) == (file.path, file.sha256, file.encoding)
        assert found.cut(0, file.nbytes) == file.cut(0, file.nbytes)
        assert found.place(0) == file.place(0) == ("page 1" if file.path == "f4.pdf" else "")


def test_of_several_names_each_is_looked_at_by_itself(folder: Path) -> None:
    zipped_file = zipped({"a.txt": "A", "b.txt": "B"})
    Path("tree.zip").write_bytes(zipped_file)
    Path("notes/inner.zip").write_bytes(zipped_file)
    document = open_source("notes/f0.txt", "notes/f4.pdf", "tree.zip", "notes/deep", "notes/inner.zip")
    assert set(statuses(kept(document)).values()) == {AS_READ}
    Path("notes/f0.txt").unlink()
    Path("tree.zip").write_bytes(zipped({"a.txt": "A", "b.txt": "C"}))
    assert statuses(kept(document)) == {
        "notes/f0.txt": GONE,
        "notes/f4.pdf": AS_READ,
        "tree.zip/a.txt": CHANGED,
        "tree.zip/b.txt": CHANGED,
        "notes/deep/f2.txt": AS_READ,
        "notes/inner.zip/a.txt": AS_READ,
        "notes/inner.zip/b.txt": AS_READ,
    }


def test_an_archive_that_changed_or_is_gone(folder: Path) -> None:
    document = opened(folder, "tree.zip", zipped({"a.txt": "A", "b.txt": "B"}))
    assert statuses(kept(document)) == {"a.txt": AS_READ, "b.txt": AS_READ}
    Path("tree.zip").write_bytes(zipped({"a.txt": "A", "b.txt": "B", "c.txt": "C"}))
    assert statuses(kept(document)) == {"a.txt": CHANGED, "b.txt": CHANGED}
    Path("tree.zip").write_bytes(b"PK\x03\x04 no longer")
    assert statuses(kept(document)) == {"a.txt": CHANGED, "b.txt": CHANGED}
    Path("tree.zip").unlink()
    assert statuses(kept(document)) == {"a.txt": GONE, "b.txt": GONE}


def test_a_folder_that_is_gone(folder: Path) -> None:
    document = open_source("notes")
    Path("notes").rename("away")
    assert set(statuses(kept(document)).values()) == {GONE}


def test_a_document_that_is_not_at_hand(folder: Path) -> None:
    document = open_source("notes/f0.txt")
    read = FileRead("standard input", 5, document.files[0].sha256)
    assert FilesNow(None, "standard input", [read]).now(0).status == NOT_AVAILABLE
    assert statuses(kept(document, Origin("", ("-",)))) == {"notes/f0.txt": NOT_AVAILABLE}
    nameless = FilesNow(None, document.name, [FileRead(document.name, 5, document.files[0].sha256)])
    assert nameless.now(0).status == AS_READ  # states that were written before origins were kept
    Path("notes/f0.txt").write_text("Zerp.")
    assert statuses(kept(document)) == {"notes/f0.txt": CHANGED}
    nameless = FilesNow(None, document.name, nameless.files)
    assert nameless.now(0).status == NOT_AVAILABLE


def test_only_the_file_that_is_asked_for_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    document, read = open_source("notes"), list[str]()
    from gemma10m.documents import recheck as module

    opening = module.open_content

    def spy(content: Any, name: str, *rest: Any) -> object:
        read.append(Path(name).name)
        return opening(content, name, *rest)

    monkeypatch.setattr(module, "open_content", spy)
    files = kept(document)
    numbers = [file.path for file in document.files]
    Path("notes/f1.txt").write_text("One. More.")
    assert [files.now(numbers.index(name)).status for name in ("f0.txt", "f1.txt", "f0.txt")] == [
        AS_READ,
        CHANGED,
        AS_READ,
    ]
    assert read == ["f0.txt"]


@pytest.mark.parametrize("path", ["../secret.txt", "/secret.txt", ".", "", "deep/../f0.txt", "no\\such", "f0.txt/x"])
def test_a_forged_path_leads_nowhere(folder: Path, path: str) -> None:
    Path("secret.txt").write_text("Zero.")
    sha256 = open_source("secret.txt").files[0].sha256
    assert FilesNow(Origin(str(folder), ("notes",)), "notes", [FileRead(path, 5, sha256)]).now(0).status == GONE


def test_links_and_devices_in_a_folder_are_not_followed(folder: Path) -> None:
    document = open_source("notes")
    Path("notes/f0.txt").rename("f0.txt")
    Path("notes/f0.txt").symlink_to("../f0.txt")
    assert statuses(kept(document))["f0.txt"] == CHANGED
    (device,) = kept(document, Origin("", ("/dev/zero",))).files[:1]
    assert FilesNow(Origin("", ("/dev/zero",)), "zero", [device]).now(0).status == CHANGED


@pytest.mark.parametrize("name", ["f0.txt", "f4.pdf"])
def test_what_becomes_of_a_file_of_an_open_document(folder: Path, name: str) -> None:
    document = open_source(f"notes/{name}")
    assert document.now(0).status == AS_READ
    (file,) = document.files
    Path("notes", name).write_text("Zerp.")
    assert file.status() == CHANGED
    Path("notes", name).unlink()
    assert file.status() == GONE
