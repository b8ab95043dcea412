"""Files that are known for what they are, and refused with a reason that says so."""

from __future__ import annotations

import gzip
import re
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


SIGNED = {
    "a 7z archive": b"7z\xbc\xaf\x27\x1c\0\4",
    "a RAR archive": b"Rar!\x1a\x07\x01\0",
    "a Mobipocket or Kindle book": b"Book\0".ljust(60, b"\0") + b"BOOKMOBI",
    "a DjVu document": b"AT&TFORM\0\0\0\0DJVU",
    "a CHM help file": b"ITSF\x03\0\0\0",
    "an SQLite database": b"SQLite format 3\0",
    "an archive or disk image": bytes(0x8001) + b"CD001",
    "a sound or video file": b"\0\0\0 ftypisom",
}


@pytest.mark.parametrize("what", SIGNED)
def test_files_that_are_not_supported_are_named_by_their_first_bytes(tmp_path: Path, what: str) -> None:
    with pytest.raises(DocumentError, match=rf"a cannot be read: {what}, which is not supported") as caught:
        opened(tmp_path, "a", SIGNED[what])
    assert re.search("unpack|convert|export|transcript", caught.value.hint)
    with pytest.raises(DocumentError, match=rf"\(in: {what}, which is not supported\)"):
        opened(tmp_path, "b", zipped({"in": SIGNED[what]}))


def test_an_image_is_named_by_its_first_bytes(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="a cannot be read: an image") as caught:
        opened(tmp_path, "a", b"\x89PNG\r\n\x1a\n\0\0")
    assert "OCR" in caught.value.hint


@pytest.mark.parametrize("text", ["Rar!\x1a\x07 is how it begins", "ITSF is a mark", "ID3 tags", "GIF89a"])
def test_a_text_that_begins_like_one_of_them_is_text(tmp_path: Path, text: str) -> None:
    assert text_of(opened(tmp_path, "a", text)) == text


@pytest.mark.parametrize(
    ("member", "what"),
    [
        ({"xl/workbook.bin": ""}, r"a spreadsheet in Excel's binary format \(.xlsb\)"),
        ({"visio/document.xml": ""}, "a drawing"),
        ({"mimetype": "application/vnd.oasis.opendocument.graphics", "content.xml": ""}, "a drawing"),
        ({"mimetype": "", "content.xml": ""}, "an office document"),
    ],
)
def test_office_documents_that_are_not_supported_are_named(
    tmp_path: Path, member: dict[str, bytes | str], what: str
) -> None:
    with pytest.raises(DocumentError, match=f"a cannot be read: {what}, which is not supported"):
        opened(tmp_path, "a", zipped({"[Content_Types].xml": "", **member}))


@pytest.mark.parametrize(
    ("content", "hint"), [(b"PK\x03\x04 cut", "get an undamaged copy of it"), (b"<html><img>", "name a text file")]
)
def test_only_a_damaged_file_is_to_be_replaced(tmp_path: Path, content: bytes, hint: str) -> None:
    with pytest.raises(DocumentError) as caught:
        opened(tmp_path, "a", content)
    assert caught.value.hint.startswith(hint)


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


@pytest.mark.parametrize("end", ["<p>a page", "<html><p>a page"])
def test_many_comments_before_a_page_take_no_time(tmp_path: Path, end: str) -> None:
    document = opened(tmp_path, "a", "<!---->" * 400 + end)
    assert text_of(document).endswith("a page\n") == end.startswith("<html>")
