"""The file without a name that extracted text goes to."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from formats import opened

from gemma10m.documents import limits
from gemma10m.documents.content import Content
from gemma10m.documents.spool import Spool, TextWriter
from gemma10m.errors import DiskError


def read(content: Content) -> bytes:
    return content.whole("a text")


def test_texts_are_parts_of_one_file() -> None:
    spool = Spool()
    first, second = spool.keep([b"one", b"two"]), spool.keep([b"three"])
    assert (read(first), read(second), second.head(), second.size()) == (b"onetwo", b"three", b"three", 5)
    spool.take_back(second.start)
    assert read(spool.keep([b"four"])) == b"four"
    assert read(first) == b"onetwo"


def test_nothing_is_opened_for_nothing() -> None:
    before = os.listdir("/proc/self/fd")
    spool = Spool()
    spool.take_back(0)
    assert os.listdir("/proc/self/fd") == before


def test_what_is_no_text_is_replaced() -> None:
    writer = TextWriter(Spool())
    writer.write("a\0b\ud800")
    assert read(writer.finish()[0]).decode() == "a\ufffdb?"


def test_places_are_counted_in_bytes_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PLACES", 2)
    writer = TextWriter(Spool())
    for label in ("one", "two\n lines", "three"):
        writer.place(label)
        writer.write("é")
    assert writer.finish()[1] == ((0, "one"), (2, "two lines"))


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(DiskError, match="no room to keep a copy of the text in") as caught:
        opened(tmp_path, "a.html", "<p>text")
    assert "TMPDIR" in caught.value.hint
