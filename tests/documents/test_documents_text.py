"""Bytes to text and back: any content, any encoding, any block border."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemma10m.documents import Document, Piece, document, hashing, open_source
from gemma10m.documents.guessing import WINDOWS_1252, not_utf8
from gemma10m.documents.text import decoder
from gemma10m.encodings import nbytes
from gemma10m.errors import DocumentError

MARKS = {
    "utf-8-sig": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
    "utf-32-le": codecs.BOM_UTF32_LE,
    "utf-32-be": codecs.BOM_UTF32_BE,
}
WIDE = "naïve – “quotes”\r\nline two\n\n汉字 \U0001f600\r tab\t\u2028 end\ufeff."


@pytest.fixture(params=[4, 7, 1 << 16])
def block(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Cut files into blocks of so few bytes that every character is cut somewhere."""
    size: int = request.param
    monkeypatch.setattr(document, "BLOCK", size)
    monkeypatch.setattr(hashing, "BLOCK", size)
    return size


def opened(path: Path, content: bytes) -> Document:
    path.write_bytes(content)
    return open_source(path)


def whole(pieces: Iterator[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


@pytest.mark.parametrize("encoding", MARKS)
def test_a_byte_order_mark_decides_and_is_not_text(tmp_path: Path, encoding: str, block: int) -> None:
    content = MARKS[encoding] + WIDE.encode(encoding.removesuffix("-sig"))
    read = opened(tmp_path / "a.txt", content)
    assert read.files[0].encoding == encoding
    assert whole(read.pieces()) == WIDE
    check_positions(read, content, encoding)


def check_positions(read: Document, content: bytes, encoding: str) -> None:
    for piece in read.pieces():
        width = len(piece.text) if encoding == "cp1252" else len(piece.text.encode(encoding.removesuffix("-sig")))
        there = content[piece.offset : piece.offset + width]
        assert decoder(encoding).decode(there, True) == piece.text
        assert piece.line == 1 + decoder(encoding).decode(content[: piece.offset], False).count("\n")
    assert next(read.pieces()).offset == read.files[0].mark


@given(
    text=st.text(st.characters(codec="utf-8", exclude_characters="\0\b\x1b%/"), min_size=1, max_size=300).filter(
        lambda t: t[0] != "\ufeff"
    )
)
def test_utf8_is_kept_to_the_byte(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    text += "\n"  # without which CR ends its lines; BS and ESC may be marks for a printer or a terminal; % and / count
    content = text.encode()
    read = opened(tmp_path_factory.mktemp("d") / "a.txt", content)
    assert whole(read.pieces()).encode() == content
    assert read.files[0].encoding == "utf-8"
    check_positions(read, content, "utf-8")


def test_blocks_that_cut_characters(tmp_path: Path, block: int) -> None:
    content = (WIDE * 20).encode()
    read = opened(tmp_path / "a.txt", content)
    assert whole(read.pieces()).encode() == content
    check_positions(read, content, "utf-8")


def test_every_byte_of_windows_1252_has_a_character_of_its_own(tmp_path: Path, block: int) -> None:
    content = bytes(range(1, 256)) * 3
    read = opened(tmp_path / "old.txt", content)
    text = whole(read.pieces())
    assert read.files[0].encoding == "cp1252"
    assert read.notices == (f"{tmp_path}/old.txt is {not_utf8(WINDOWS_1252)}",)
    assert len(text) == len(content)
    assert len(set(text)) == 255
    assert text[0x7F:0x82] == "\u20ac\u0081\u201a"
    check_positions(read, content, "cp1252")


def test_the_notice_of_a_guessed_encoding_says_how_to_convert() -> None:
    assert "iconv -f" in not_utf8(WINDOWS_1252)


RUSSIAN = "# Привет, 48213\n"
DECLARED = {
    "an XML file": ("a.xml", b"<?xml version='1.0' encoding='KOI8-R'?>\n", "koi8-r"),
    "a book in XML": ("a.fb2", b'<?xml version="1.0" encoding="windows-1251"?>\r\n', "cp1251"),
    "a cookie": ("a.py", b"# -*- coding: koi8-r -*-\n", "koi8-r"),
    "a cookie in the second line": ("a.rb", b"#!/usr/bin/ruby\n# vim: set fileencoding=cp1251 :\n", "cp1251"),
    "seven bits": ("a.py", b"# coding=iso-2022-jp\n", "iso-2022-jp"),
}


@pytest.mark.parametrize("case", DECLARED)
def test_text_is_read_in_the_encoding_that_it_declares(tmp_path: Path, case: str) -> None:
    name, head, encoding = DECLARED[case]
    text = RUSSIAN.replace("Привет", "夏目漱石") if encoding == "iso-2022-jp" else RUSSIAN
    read = opened(tmp_path / name, head + text.encode(encoding))
    assert whole(read.pieces()) == head.decode() + text
    assert read.notices == ()


def test_bytes_that_a_declared_encoding_lacks_are_replaced_and_reported(tmp_path: Path) -> None:
    read = opened(tmp_path / "a.py", b"# coding: euc_jp\n" + "夏目".encode("euc_jp") + b"\xff\n")
    assert whole(read.pieces()).endswith("\n夏目\ufffd\n")
    assert read.notices == (f"{tmp_path}/a.py: 1 byte is not EUC-JP: read as U+FFFD",)


@pytest.mark.parametrize(
    "head", [b"# coding: rot13\n", b"<?xml version='1.0' encoding='no-such'?>", b"\n\n# coding: koi8-r\n"]
)
def test_an_encoding_that_is_not_known_or_declared_too_late_is_guessed(tmp_path: Path, head: bytes) -> None:
    read = opened(tmp_path / "a.py", head + b"caf\xe9")
    assert read.files[0].encoding == "cp1252"
    assert read.notices == (f"{tmp_path}/a.py is {not_utf8(WINDOWS_1252)}",)


@pytest.mark.parametrize("head", [b"# coding: latin-1\n", b"<?xml version='1.0' encoding='us-ascii'?>\n"])
def test_utf8_is_utf8_whatever_it_declares(tmp_path: Path, head: bytes) -> None:
    content = head + RUSSIAN.encode()
    read = opened(tmp_path / "a.py", content)
    assert whole(read.pieces()).encode() == content


def test_latin_1_is_declared_under_python_s_name(tmp_path: Path) -> None:
    read = opened(tmp_path / "a.py", b"# coding: latin_1\ncaf\xe9\n")
    assert (whole(read.pieces()), read.notices) == ("# coding: latin_1\ncafé\n", ())


def test_wrong_bytes_in_utf8_are_replaced_one_by_one(tmp_path: Path, block: int) -> None:
    content = "é\ufffd汉".encode() * 200 + b"\xff\xe6\xb1 a" + "é".encode() * 20 + b"\xe6\xb1"
    read = opened(tmp_path / "late.txt", content)
    assert read.files[0].encoding == "lossy-utf-8"
    assert read.notices == (f"{tmp_path}/late.txt: 5 bytes are not UTF-8: read as U+FFFD",)
    assert whole(read.pieces()) == "é\ufffd\ufffd\ufffd汉" * 200 + "\ufffd" * 3 + " a" + "é" * 20 + "\ufffd" * 2
    for piece in read.pieces():
        there = content[piece.offset : piece.offset + nbytes(piece.text, "lossy-utf-8")]
        assert decoder("lossy-utf-8").decode(there, True) == piece.text


def test_more_wrong_bytes_than_right_ones_are_windows_1252(tmp_path: Path) -> None:
    read = opened(tmp_path / "old.txt", "Ã©t\xe9 \xe0 No\xebl".encode("cp1252"))
    assert (read.files[0].encoding, whole(read.pieces())) == ("cp1252", "Ã©té à Noël")


def test_an_unfinished_last_character_is_not_utf8(tmp_path: Path) -> None:
    assert opened(tmp_path / "cut.txt", "汉".encode()[:2]).files[0].encoding == "cp1252"


def test_a_mark_before_broken_utf8_is_still_no_text(tmp_path: Path) -> None:
    read = opened(tmp_path / "a.txt", codecs.BOM_UTF8 + b"caf\xe9")
    assert (read.files[0].encoding, whole(read.pieces())) == ("cp1252", "café")


@pytest.mark.parametrize("content", [codecs.BOM_UTF16_LE + b"\x00\xd8", codecs.BOM_UTF16_BE + b"\xd8\x00\x00a"])
def test_broken_utf16_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DocumentError, match=r"it begins as UTF-16-.E but is not"):
        opened(tmp_path / "a.txt", content)


@pytest.mark.parametrize(("encoding", "more"), [("utf-16-le", b"b"), ("utf-16-be", b"\0"), ("utf-32-le", b"b\0\0")])
def test_bytes_left_over_at_the_end_are_replaced(tmp_path: Path, encoding: str, more: bytes) -> None:
    read = opened(tmp_path / "a.txt", MARKS[encoding] + "a\nb".encode(encoding) + more)
    assert whole(read.pieces()) == "a\nb\ufffd"
    number = "1 byte is" if len(more) == 1 else f"{len(more)} bytes are"
    assert read.notices == (f"{tmp_path}/a.txt: {number} not {encoding.upper()}: read as U+FFFD",)


MARKED = {
    "bold": ("N\bNA\bA\bAM\bM\nE\bE\n\n汉\b汉", "NAM\nE\n\n汉"),
    "underlined": ("_\bx_\b_y\b_ _\bN\bN _x", "x_y N _x"),
    "a bullet": ("  +\bo one + o", "  o one + o"),
    "colours": ("\x1b[1;31mred\x1b[0m [31m\x1b[K", "red [31m"),
    "a link": ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x07 on", "link on"),
    "others": ("a\bb \b\b c\b\n\b_ \x1b(B \x1bM", "a\bb \b\b c\b\n\b_ \x1b(B \x1bM"),
}


@pytest.mark.parametrize("case", MARKED)
def test_marks_for_a_printer_or_a_terminal_are_no_text(tmp_path: Path, case: str) -> None:
    content, text = MARKED[case]
    read = opened(tmp_path / "a.txt", content.encode())
    assert (whole(read.pieces()), read.notices) == (text, ())
    assert (read.files[0].stamp is None) == (content == text)


PROGRESS = {
    "a percentage": ("a\r\n50%\r100%\r\nb\n", "a\r\n100%\nb\n"),
    "words": ("Objects: 9% (1/9)\rObjects: 100% (9/9), done.\n", "Objects: 100% (9/9), done.\n"),
    "erased": ("downloading\r\x1b[Kdone\n", "done\n"),
    "other words": ("Growth 50%\rThe next line\n", "Growth 50%\rThe next line\n"),
    "lines": ("name,age\rAnne,7\rTom,8\nEve,9\n", "name,age\rAnne,7\rTom,8\nEve,9\n"),
    "lines of an old Macintosh": ("50%\r100%\r", "50%\n100%\n"),
}


@pytest.mark.parametrize("case", PROGRESS)
def test_progress_that_is_written_over_itself_is_shown_as_it_ends(tmp_path: Path, case: str) -> None:
    content, text = PROGRESS[case]
    read = opened(tmp_path / "a.log", content.encode())
    assert whole(read.pieces()) == text
    assert (read.files[0].stamp is None) == (content == text)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'Tokyo: \x1b$BEl5~\x1b(B\n\x1b$B$"\x1b(J.\n', "Tokyo: 東京\nあ.\n"),
        (b"\x1b$BEl5~\x1b(B\x1b(0\n", "\x1b$BEl5~\x1b(B\x1b(0\n"),
        (b"\x1b$B is a sequence, and \x1b(B\n", "\x1b$B is a sequence, and \x1b(B\n"),
    ],
)
def test_a_text_in_iso_2022_jp_is_known_by_its_sequences(tmp_path: Path, content: bytes, text: str) -> None:
    assert whole(opened(tmp_path / "a.txt", content).pieces()) == text


@pytest.mark.parametrize("at", [0, 7_999])
def test_a_nul_byte_in_the_first_block_makes_a_file_binary(tmp_path: Path, at: int) -> None:
    content = bytearray(b"x" * 200_001)
    content[at] = 0
    with pytest.raises(DocumentError, match=rf"binary \(a NUL byte at offset {at}\)") as caught:
        opened(tmp_path / "a.bin", bytes(content))
    assert "convert it to text" in caught.value.hint


@pytest.mark.parametrize(
    ("letters", "encoding", "more"),
    [("e ", "lossy-utf-8", []), ("é ", "lossy-utf-8", []), ("\xe9 ", "cp1252", [f"is {not_utf8(WINDOWS_1252)}"])],
)
def test_later_nul_bytes_are_replaced_one_by_one(
    tmp_path: Path, block: int, letters: str, encoding: str, more: list[str]
) -> None:
    content = letters.encode("cp1252" if more else "utf-8") * 8000 + b"a\0b\n\0\0\n"
    read = opened(tmp_path / "late.txt", content)
    assert read.files[0].encoding == encoding
    assert read.notices == (
        f"{tmp_path}/late.txt: 3 NUL bytes are read as U+FFFD",
        *(f"{tmp_path}/late.txt {each}" for each in more),
    )
    assert whole(read.pieces()) == letters * 8000 + "a\ufffdb\n\ufffd\ufffd\n"
    for piece in read.pieces():
        there = content[piece.offset : piece.offset + nbytes(piece.text, encoding)]
        assert decoder(encoding).decode(there, True) == piece.text


def test_nul_bytes_in_a_text_that_is_rewritten(tmp_path: Path) -> None:
    read = opened(tmp_path / "old.txt", b"a line\r" * 2000 + b"a\0b\r")
    assert whole(read.pieces()) == "a line\n" * 2000 + "a\ufffdb\n"
    assert read.notices == (f"{tmp_path}/old.txt: 1 NUL byte is read as U+FFFD",)


def test_pieces_have_about_64_kb(tmp_path: Path) -> None:
    read = opened(tmp_path / "a.txt", os.urandom(150_000).hex().encode())
    assert [len(piece.text) for piece in read.pieces()] == [65536] * 4 + [300_000 - 4 * 65536]


LATE = {
    "page.html": "<!doctype html><body>" + "<p>words of a page</p>\n" * 500 + "<p>be%sfore</p>",
    "film.srt": "1\n00:00:01,000 --> 00:00:02,000\nhello\n\n" * 300 + "2\n00:00:03,000 --> 00:00:04,000\nbe%sfore\n",
    "old.rtf": r"{\rtf1\ansi " + r"hello there\par " * 600 + r"be%sfore\par}",
    "letter.eml": "From: a@example.org\nSubject: x\nMIME-Version: 1.0\n\n" + "hello there\n" * 800 + "be%sfore\n",
    "mac.txt": "hello there\r" * 800 + "be%sfore\r",
}


@pytest.mark.parametrize("name", LATE)
def test_a_late_nul_byte_is_noted_in_every_format(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(LATE[name] % "\0", newline="")
    read = open_source(tmp_path / name)
    assert "be\ufffdfore" in "".join(read.texts())
    assert read.notices == (f"{tmp_path / name}: 1 NUL byte is read as U+FFFD",)
