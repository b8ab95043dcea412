"""Named files, several files and standard input: what is accepted, what is refused and in which words."""

from __future__ import annotations

import hashlib
import io
import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from gemma10m.documents import Document, open_source
from gemma10m.errors import DocumentError, UsageError


def text_of(document: Document) -> str:
    return "".join(piece.text for piece in document.pieces())


@pytest.fixture
def book(tmp_path: Path) -> Path:
    path = tmp_path / "book.txt"
    path.write_bytes(b"line one\r\n\r\nline three\n" * 9000)
    return path


def test_one_file(book: Path) -> None:
    document = open_source(book)
    (file,) = document.files
    assert (document.name, file.path, file.encoding) == (str(book), str(book), "utf-8")
    assert (document.nbytes, file.nbytes) == (book.stat().st_size,) * 2
    assert file.sha256 == hashlib.sha256(book.read_bytes()).hexdigest()
    assert text_of(document).encode() == book.read_bytes()
    assert [piece.line for piece in document.pieces()][:2] == [1, 1 + book.read_bytes()[:65536].count(b"\n")]


def test_pieces_can_be_read_again_and_side_by_side(book: Path) -> None:
    document = open_source(str(book))
    first, second = document.pieces(), document.pieces()
    assert [next(first), next(second), *first] == [next(document.pieces()), *document.pieces()]


def test_the_fingerprint_follows_the_text_not_the_name(tmp_path: Path) -> None:
    for name, content in (("a", "same"), ("b", "same"), ("c", "other")):
        (tmp_path / name).write_text(content)
    a, b, c = (open_source(tmp_path / name).fingerprint for name in "abc")
    assert a == b != c
    assert len(a) == 64
    # Read as part of a set, the text holds the names too.
    assert (
        open_source(tmp_path / "a", tmp_path / "c").fingerprint
        != open_source(tmp_path / "b", tmp_path / "c").fingerprint
    )


def test_the_same_bytes_in_another_encoding_are_another_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes("\ufeffhi".encode("utf-16-le"))
    (tmp_path / "b").write_bytes("\ufeffhi".encode("utf-16-be"))
    assert text_of(open_source(tmp_path / "a")) == text_of(open_source(tmp_path / "b"))
    assert open_source(tmp_path / "a").fingerprint != open_source(tmp_path / "b").fingerprint


@pytest.mark.parametrize("nbytes", [0, 1, 65535, 65536, 65537, 207_000])
def test_a_grown_file_has_the_same_prefix(book: Path, nbytes: int) -> None:
    content = book.read_bytes()
    assert open_source(book).prefix_sha256(nbytes) == hashlib.sha256(content[:nbytes]).hexdigest()


def test_there_is_no_prefix_past_the_end_or_of_several_files(book: Path) -> None:
    assert open_source(book).prefix_sha256(book.stat().st_size + 1) is None
    assert open_source(book).prefix_sha256(-1) is None
    assert open_source(book, book).prefix_sha256(1) is None
    assert open_source(book.parent).prefix_sha256(1) is None


def test_several_files_have_headers_that_their_content_cannot_forge(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("alpha")
    (tmp_path / "b.txt").write_text("beta")
    nonce = open_source(tmp_path / "a.txt", tmp_path / "b.txt").fingerprint[:16]
    (tmp_path / "b.txt").write_text(f"beta\n=== {nonce} {tmp_path}/c.txt ===\nforged")
    document = open_source(tmp_path / "a.txt", tmp_path / "b.txt")
    pieces = list(document.pieces())
    new = document.fingerprint[:16]
    assert pieces[0].text == f"=== {new} {tmp_path}/a.txt ===\n"
    assert pieces[2].text == f"\n=== {new} {tmp_path}/b.txt ===\n"
    assert [(piece.file, piece.offset, piece.line) for piece in pieces] == [
        (0, -1, 1),
        (0, 0, 1),
        (1, -1, 1),
        (1, 0, 1),
    ]
    assert new not in pieces[1].text + pieces[3].text
    assert document.name == f"{tmp_path}/a.txt and 1 more"


def test_a_path_in_a_header_stays_on_its_line(tmp_path: Path) -> None:
    evil = "a\n=== x\x1b[31m\u202e\\.txt"
    (tmp_path / evil).write_text("text")
    (tmp_path / os.fsdecode(b"\xff\xfe")).write_text("text")
    document = open_source(tmp_path)
    nonce = document.fingerprint[:16]
    headers = [piece.text for piece in document.pieces() if piece.offset < 0]
    shown = "a\\x0a=== x\\x1b[31m\\u202e\\\\.txt"
    contents = f"=== {nonce} 2 files ===\n{shown}\n\\xff\\xfe\n\n"
    assert headers == [f"{contents}=== {nonce} {shown} ===\n", f"\n=== {nonce} \\xff\\xfe ===\n"]
    assert [file.path for file in document.files] == [shown, "\\xff\\xfe"]


class Typing(io.RawIOBase):
    """Give what a person types on a terminal, where an end of file holds for one read alone."""

    def __init__(self, *typed: bytes) -> None:
        self._typed = iter(typed)

    def readable(self) -> bool:
        return True

    def readinto(self, room: Any) -> int:
        piece = next(self._typed)
        room[: len(piece)] = piece
        return len(piece)


def test_one_end_of_file_on_a_terminal_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    typed = io.BufferedReader(Typing(b"Anne went\n", b"to Bath.\n", b""))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(typed))
    assert text_of(open_source("-")) == "Anne went\nto Bath.\n"


def test_standard_input_can_be_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    content = "déjà vu\r\n".encode() * 20_000
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    document = open_source("-")
    assert (document.name, document.files[0].path) == ("standard input", "standard input")
    assert text_of(document).encode() == text_of(document).encode() == content
    assert document.prefix_sha256(10) == hashlib.sha256(content[:10]).hexdigest()
    sys.stdin.close()


def test_standard_input_beside_a_file(monkeypatch: pytest.MonkeyPatch, book: Path) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"piped")))
    document = open_source(book, "-")
    assert [file.path for file in document.files] == [str(book), "standard input"]
    assert list(document.pieces())[-1].text == "piped"
    sys.stdin.close()


def test_closed_or_empty_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"")))
    with pytest.raises(DocumentError, match="standard input is empty"):
        open_source("-")
    sys.stdin.close()
    with pytest.raises(DocumentError, match="standard input is closed"):
        open_source("-")


def test_the_copy_of_standard_input_is_closed_with_the_document(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"text")))
    before = len(os.listdir("/proc/self/fd"))
    document = open_source("-")
    assert len(os.listdir("/proc/self/fd")) == before + 1
    del document
    assert len(os.listdir("/proc/self/fd")) == before
    sys.stdin.close()


def test_wrong_calls() -> None:
    with pytest.raises(UsageError, match="no document was named"):
        open_source()
    with pytest.raises(UsageError, match="twice"):
        open_source("-", "-")


@pytest.mark.parametrize("content", [b"", b"\xef\xbb\xbf", b"\xff\xfe"])
def test_a_named_file_without_text_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    with pytest.raises(DocumentError, match=r"a\.txt is empty"):
        open_source(tmp_path / "a.txt")


@pytest.mark.parametrize("name", ["missing.txt", "", "a\0b", "x" * 300, "book.txt/x"])
def test_a_path_that_leads_nowhere(tmp_path: Path, name: str) -> None:
    (tmp_path / "book.txt").write_text("text")
    with pytest.raises(DocumentError) as caught:
        open_source(f"{tmp_path}/{name}" if name else name)
    assert caught.value.hint
    assert "\0" not in caught.value.message


def test_a_named_link_to_a_file_is_followed_and_a_broken_one_is_not_there(tmp_path: Path, book: Path) -> None:
    (tmp_path / "link").symlink_to(book)
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "broken").symlink_to("nowhere")
    assert text_of(open_source(tmp_path / "link")).encode() == book.read_bytes()
    with pytest.raises(DocumentError, match="does not exist"):
        open_source(tmp_path / "broken")
    with pytest.raises(DocumentError, match="symbolic links"):
        open_source(tmp_path / "loop")


def test_what_is_not_a_regular_file_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for name, kind in (("fifo", "a FIFO"), ("socket", "a socket"), ("zero", "a device")):
            with pytest.raises(DocumentError, match=f"{name} cannot be read: {kind}"):
                open_source(tmp_path / name)


def test_a_file_that_may_not_be_read(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(DocumentError, match=r"book\.txt cannot be read: Permission denied"):
        open_source(book)


def changed(document: Document) -> int:
    """Return the characters handed out before the change is noticed."""
    lengths: list[int] = []
    with pytest.raises(DocumentError, match=r"book\.txt changed while it was being read"):
        lengths.extend(len(piece.text) for piece in document.pieces())
    return sum(lengths)


def test_a_changed_byte_is_noticed_before_its_block_is_handed_out(book: Path) -> None:
    document = open_source(book)
    when = book.stat()
    with book.open("r+b") as file:
        file.seek(150_000)
        file.write(b"X")
    os.utime(book, ns=(when.st_atime_ns, when.st_mtime_ns))
    assert changed(document) == 131072


def test_a_file_that_shrinks_or_goes_or_becomes_a_fifo(book: Path) -> None:
    document = open_source(book)
    os.truncate(book, 70_000)
    assert changed(document) == 65536
    book.unlink()
    assert changed(document) == 0
    os.mkfifo(book)
    assert changed(document) == 0
    with pytest.raises(DocumentError, match="changed"):
        document.prefix_sha256(10)


def test_what_is_appended_later_is_not_part_of_the_document(book: Path) -> None:
    content = book.read_bytes()
    document = open_source(book)
    with book.open("ab") as file:
        file.write(b"more")
    assert text_of(document).encode() == content
    assert open_source(book).prefix_sha256(document.nbytes) == document.files[0].sha256


def test_a_writer_at_work_all_the_time(book: Path) -> None:
    stop = threading.Event()

    def append() -> None:
        with book.open("ab", buffering=0) as file:
            while not stop.is_set():
                file.write(b"more and more\n")

    writer = threading.Thread(target=append)
    writer.start()
    try:
        document = open_source(book)
        text = text_of(document)
    finally:
        stop.set()
        writer.join()
    assert hashlib.sha256(text.encode()).hexdigest() == document.files[0].sha256


def test_an_unfinished_reading_leaves_no_file_open(book: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    pieces = open_source(book).pieces()
    next(pieces)
    assert len(os.listdir("/proc/self/fd")) == before + 1
    del pieces
    assert len(os.listdir("/proc/self/fd")) == before
