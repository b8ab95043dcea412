"""Files that are known for what they are, and refused with a reason that says so."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from formats import opened, text_of, zipped

from gemma10m.documents import open_source
from gemma10m.errors import DocumentError

OLD = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
STATE = b"\x10\x02\0\0\0\0\0\0" + b'{"__metadata__":{"format":"gemma10m.state/1","complete":"true"}}'


@pytest.mark.parametrize(
    ("content", "why", "hint"),
    [
        (OLD, "a cannot be read: an old Office file", "save it as DOCX, PDF or text"),
        (gzip.compress(OLD, mtime=0), "a cannot be read: an old Office file", "save it as DOCX, PDF or text"),
        (POINTER, "a cannot be read: a git-LFS pointer, not the file: run `git lfs pull`", "git lfs pull"),
        (STATE, "a cannot be read: a saved state, which is asked alone", "name it as the only source"),
    ],
)
def test_why_it_is_refused(
    tmp_path: Path, content: bytes, why: str, hint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").write_bytes(content)
    Path("b").write_text("It was late.")
    with pytest.raises(DocumentError, match=why) as caught:
        open_source("b", "a")
    assert hint in caught.value.hint


def test_among_others_it_is_skipped(tmp_path: Path) -> None:
    members = {"a.pdf": POINTER, "b.state": STATE, "c.txt": b"It was late."}
    for name, content in members.items():
        (tmp_path / name).write_bytes(content)
    skipped = [
        ("a.pdf", "a git-LFS pointer, not the file: run `git lfs pull`"),
        ("b.state", "a saved state, which is asked alone"),
    ]
    for document in (open_source(tmp_path), opened(tmp_path, "z.zip", zipped(dict(members)))):
        assert [(each.path, each.reason) for each in document.skipped] == skipped
        assert [file.path for file in document.files] == ["c.txt"]


@pytest.mark.parametrize(
    "text",
    [
        "{\\rtf is how an RTF file begins",
        POINTER.decode() + "\nis a pointer.\n",
        "From: here\nto there: nothing",
        ' {"__metadata__":{"format":"gemma10m.state/1"',
    ],
)
def test_a_text_that_speaks_of_them_is_text(tmp_path: Path, text: str) -> None:
    assert text_of(opened(tmp_path, "a", text)) == text
