"""Single files that are compressed: the same text, and the same document, as without."""

from __future__ import annotations

import bz2
import gzip
import lzma
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard
from formats import opened, pdf, places, text_of

from gemma10m.documents import open_source
from gemma10m.documents.archives import compressed
from gemma10m.errors import DocumentError

PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.ZstdCompressor().compress,
}
BOOK = "".join(f"It was {number} – déjà vu.\r\n" for number in range(20_000)).encode()


@pytest.mark.parametrize("block", [7, 1 << 16])
@pytest.mark.parametrize("ending", PACKERS)
def test_the_text_is_the_same(tmp_path: Path, ending: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    text = BOOK if block > 7 else BOOK[:5000]
    plain = opened(tmp_path, "book.txt", text)
    monkeypatch.setattr(compressed, "BLOCK", block)
    packed = PACKERS[ending]
    for content in (packed(text), packed(text[:999]) + packed(text[999:])):
        document = opened(tmp_path, f"book.txt.{ending}", content)
        assert document.fingerprint == plain.fingerprint
        assert text_of(document).encode() == text
        assert document.prefix_sha256(1000) == plain.prefix_sha256(1000)


@pytest.mark.parametrize("ending", PACKERS)
def test_encodings_and_formats_inside(tmp_path: Path, ending: str) -> None:
    wide = opened(tmp_path, "a", PACKERS[ending]("wide".encode("utf-16")))
    assert (text_of(wide), wide.files[0].encoding) == ("wide", "utf-16-le")
    assert places(opened(tmp_path, f"a.html.{ending}", PACKERS[ending](b"<h1>One</h1>"))) == [("One", "section One")]
    assert places(opened(tmp_path, "a", PACKERS[ending](pdf("One")))) == [("One", "page 1")]


@pytest.mark.parametrize("ending", PACKERS)
def test_what_follows_its_end_is_told(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a").write_bytes(PACKERS[ending](BOOK) + b"\0" * 3 + b"garbage")
    document = open_source("a")
    assert text_of(document).encode() == BOOK
    assert document.notices == ("a: the 7 bytes after its end are not read",)


@pytest.mark.parametrize("ending", PACKERS)
def test_of_one_that_ends_too_early_the_beginning_is_read(tmp_path: Path, ending: str) -> None:
    text = "".join(str(number**9) for number in range(100_000)).encode()  # of several blocks of bzip2
    content = PACKERS[ending](text)
    document = opened(tmp_path, "a", content[: len(content) * 3 // 4])
    assert len(text) / 2 < document.nbytes < len(text)
    assert text.startswith(text_of(document).encode())
    (notice,) = document.notices
    assert notice.endswith("a: it ends too early: only what comes before is read")


@pytest.mark.parametrize("ending", PACKERS)
def test_one_of_which_nothing_can_be_read(tmp_path: Path, ending: str) -> None:
    with pytest.raises(DocumentError, match="damaged: it does not unpack, or ends too early"):
        opened(tmp_path, "a", PACKERS[ending](BOOK)[:12])
    (tmp_path / "b").write_text("text")
    assert [skipped.path for skipped in open_source(tmp_path).skipped] == ["a"]


@pytest.mark.parametrize("ending", PACKERS)
def test_of_two_the_whole_one_is_read(tmp_path: Path, ending: str) -> None:
    damaged = bytearray(PACKERS[ending](BOOK))
    damaged[len(damaged) // 2 :] = bytes(len(damaged) - len(damaged) // 2)
    document = opened(tmp_path, "a", PACKERS[ending](b"first ") + bytes(damaged))
    assert text_of(document).startswith("first ")
    assert "only what comes before is read" in document.notices[0]


@pytest.mark.parametrize("block", [7, 1 << 16])
@pytest.mark.parametrize("at", [-8, -1])
def test_one_whose_checksum_or_size_is_wrong_is_read(
    tmp_path: Path, at: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compressed, "BLOCK", block)
    monkeypatch.chdir(tmp_path)
    text = BOOK if block > 7 else BOOK[:5000]
    damaged = bytearray(gzip.compress(text))
    damaged[at] ^= 1
    document = opened(Path(), "a", bytes(damaged))
    assert text_of(document).encode() == text
    assert document.notices == ("a: its checksum does not match",)
    assert "ends too early" in opened(Path(), "c", bytes(damaged[:-1])).notices[0]
    many = opened(Path(), "d", bytes(damaged) * 3)
    assert many.notices == ("d: its checksum does not match",)
    more = opened(Path(), "b", bytes(damaged) + gzip.compress(b"more"))
    assert text_of(more).encode() == text + b"more"
    assert more.notices == ("b: its checksum does not match",)


def test_very_many_wrong_checksums_are_damage(tmp_path: Path) -> None:
    (notice,) = opened(tmp_path, "a", (gzip.compress(b"text")[:-8] + bytes(8)) * 1000).notices
    assert notice.endswith("its checksum does not match; it is damaged: only what comes before is read")


def test_an_empty_one(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="a is empty"):
        opened(tmp_path, "a", gzip.compress(b""))


def test_twice_is_once_too_often(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="compressed more than once"):
        opened(tmp_path, "a", gzip.compress(bz2.compress(b"text")))


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "zstandard", None)
    with pytest.raises(DocumentError, match="a zstd file, which needs zstandard") as caught:
        opened(tmp_path, "a", PACKERS["zst"](BOOK))
    assert caught.value.hint == "pip install 'gemma10m[zstd]'"


def test_xz_s_padding_is_no_damage(tmp_path: Path) -> None:
    assert text_of(opened(tmp_path, "a", lzma.compress(b"a") + b"\0" * 8 + lzma.compress(b"b") + b"\0" * 4)) == "ab"
