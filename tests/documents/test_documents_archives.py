"""Zip and tar as folders: order, ignore rules, what is not read and why; formats inside; nothing on the disk."""

from __future__ import annotations

import bz2
import gc
import gzip
import io
import lzma
import os
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from formats import docx, epub, notebook, opened, paragraph, tarred, text_of, zipped
from hypothesis import given
from hypothesis import strategies as st

from gemma10m.documents import Document, open_source
from gemma10m.documents.guessing import WINDOWS_1252, not_utf8
from gemma10m.errors import DocumentError

Members = dict[str, bytes | str]
PACKERS: dict[str, Callable[[Members], bytes]] = {
    "zip": zipped,
    "stored.zip": lambda members: zipped(members, zipfile.ZIP_STORED),
    "tar": tarred,
    "tar.gz": lambda members: gzip.compress(tarred(members)),
    "tar.xz": lambda members: lzma.compress(tarred(members)),
    "tar.bz2": lambda members: bz2.compress(tarred(members)),
}
TREE: Members = {
    "b/z.txt": "déjà vu",
    "a.txt": "x" * 200_000,
    "ReadMe.md": "first",
    "b/README": "not first",
    "b/.gitignore": "*.log\n/c/",
    "b/x.log": "ignored",
    "b/c/x": "ignored",
    "b/.git/config": "secret",
    "empty": "",
    "wide.txt": "wide".encode("utf-16"),
    "old.txt": b"caf\xe9",
    "image.png": b"\x89PNG\0",
    "page.html": "<h1>Page</h1>",
    "notes.txt.gz": gzip.compress(b"compressed"),
    "inner.zip": zipped({"a": "b"}),
    "inner.tar.gz": gzip.compress(tarred({"a": "b"})),
    "book.epub": epub({"1": "<p>book</p>"}),
    "letter.docx": docx(paragraph("letter")),
    "run.ipynb": notebook({"source": "cell"}),
}
ORDER = [
    "ReadMe.md",
    "a.txt",
    "b/.gitignore",
    "b/README",
    "b/z.txt",
    "book.epub",
    "empty",
    "letter.docx",
    "notes.txt.gz",
    "old.txt",
    "page.html",
    "run.ipynb",
    "wide.txt",
]
SKIPPED = {
    "b/.git/": "git's own",
    "b/c/": "ignored by .gitignore",
    "b/x.log": "ignored by .gitignore",
    "image.png": "binary (a NUL byte at offset 4)",
    "inner.tar.gz": "an archive: name it to read it",
    "inner.zip": "an archive: name it to read it",
}


def texts(document: Document) -> dict[str, str]:
    return {file.path: "".join(piece.text for piece in file.pieces(index)) for index, file in enumerate(document.files)}


def skipped(document: Document) -> dict[str, str]:
    return {each.path: each.reason for each in document.skipped}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "folder"
    for name, content in TREE.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


@pytest.mark.parametrize("ending", PACKERS)
def test_an_archive_is_the_folder_it_was_made_of(
    tmp_path: Path, folder: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    archive, tree = opened(tmp_path, f"a.{ending}", PACKERS[ending](TREE)), open_source(folder)
    assert [file.path for file in archive.files] == [file.path for file in tree.files] == ORDER
    assert skipped(archive) == skipped(tree) == SKIPPED
    assert texts(archive) == texts(tree)
    assert texts(archive)["b/z.txt"] == "déjà vu"
    assert texts(archive)["page.html"] == "Page\n"
    assert archive.fingerprint == tree.fingerprint
    assert text_of(archive) == text_of(tree) == text_of(archive)
    assert archive.notices == tree.notices == (f"old.txt is {not_utf8(WINDOWS_1252)}",)
    assert not list(scratch.iterdir())


def test_the_list_of_files_comes_first(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.zip", zipped({"b": "B", "readme": "R", "a\n=== x ===": "A"}))
    nonce = document.fingerprint[:16]
    assert text_of(document) == (
        f"=== {nonce} 3 files ===\nreadme\na\\x0a=== x ===\nb\n\n"
        f"=== {nonce} readme ===\nR\n=== {nonce} a\\x0a=== x === ===\nA\n=== {nonce} b ===\nB"
    )


def test_one_member_needs_no_list(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.zip", zipped({"a": "A"}))
    assert text_of(document) == f"=== {document.fingerprint[:16]} a ===\nA"


def test_the_readme_of_the_one_folder_at_the_top(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.tar", tarred({"p-1.0/COPYING": "c", "p-1.0/README.rst": "r", "p-1.0/d/README": "d"}))
    assert [file.path for file in document.files] == ["p-1.0/README.rst", "p-1.0/COPYING", "p-1.0/d/README"]


def test_beside_other_sources(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A")
    (tmp_path / "b.zip").write_bytes(zipped({"c": "C", "d": b"\0"}))
    document = open_source(tmp_path / "a.txt", tmp_path / "b.zip")
    assert [file.path for file in document.files] == [f"{tmp_path}/a.txt", f"{tmp_path}/b.zip/c"]
    assert skipped(document) == {f"{tmp_path}/b.zip/d": "binary (a NUL byte at offset 0)"}


def test_on_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(tarred({"a": "A", "b": "B"})))))
    assert list(texts(open_source("-")).values()) == ["A", "B"]


def test_the_last_of_two_members_with_one_name_is_read(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        for name, text in (("a", b"old"), ("./a", b"new"), ("b", b"B")):
            info = tarfile.TarInfo(name)
            info.size = len(text)
            file.addfile(info, io.BytesIO(text))
    document = opened(tmp_path, "a.tar", out.getvalue())
    assert texts(document) == {"a": "new", "b": "B"}
    assert skipped(document) == {"a": "replaced by a later member"}


def test_all_of_an_archive_takes_one_open_file(tmp_path: Path) -> None:
    gc.collect()
    before = len(os.listdir("/proc/self/fd"))
    document = opened(tmp_path, "a.zip", zipped({f"{n}.html": f"<p>{n}" for n in range(300)}))
    assert len(os.listdir("/proc/self/fd")) == before + 1
    assert texts(document)["7.html"] == "7\n"
    del document
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_tar_that_changes_is_noticed(tmp_path: Path) -> None:
    content = tarred({"a": "A" * 1000, "b": "B" * 1000})
    document = opened(tmp_path, "a.tar", content)
    (tmp_path / "a.tar").write_bytes(content.replace(b"B" * 1000, b"C" * 1000))
    with pytest.raises(DocumentError, match="b changed while it was being read"):
        text_of(document)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_an_archive_without_text(tmp_path: Path, pack: Callable[[Members], bytes]) -> None:
    with pytest.raises(DocumentError, match=r"holds no text that can be read \(it is empty\)"):
        opened(tmp_path, "a", pack({}) if pack is zipped else tarred({"d": ""}, tarfile.DIRTYPE))
    with pytest.raises(DocumentError, match=r"\(a: binary \(a NUL byte at offset 0\)\)"):
        opened(tmp_path, "a", pack({"a": b"\0"}))


@given(
    st.dictionaries(
        st.text(st.characters(exclude_characters="/\\:\0", exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
            lambda name: name not in (".", "..", ".git", ".gitignore")
        ),
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\b\r\x1b\x85"), max_size=50),
        min_size=1,
        max_size=5,
    ),
    st.sampled_from(["zip", "tar", "tar.xz"]),
)
def test_any_text_comes_back(tree: dict[str, str], ending: str) -> None:
    tree = {f"{name}.txt": "_" + text for name, text in tree.items()}
    with tempfile.TemporaryDirectory() as folder:
        read = opened(Path(folder), "a", PACKERS[ending](dict(tree)))
        assert sorted(texts(read).values()) == sorted(tree.values())


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.zip", zipped({"a.txt": "A"}), "A"),
        ("a.ZIP", zipped({"a.txt": "A"}), "A"),
        ("a.docx", docx(paragraph("letter")), "letter"),
        ("a.epub", epub({"1": "<p>book</p>"}), "book"),
    ],
)
def test_a_zip_may_begin_with_a_program_that_unpacks_it(tmp_path: Path, name: str, content: bytes, text: str) -> None:
    assert text in text_of(opened(tmp_path, name, b"#!/bin/sh\nexec unpack $0\n" + content))
