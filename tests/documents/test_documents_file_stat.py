"""Text that was taken out of a file is compared with that file, not with the copy that is kept of it."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from gemma10m import open_source
from gemma10m.errors import DocumentError

TEXT = b"The magic number for amber is 48213.\n"


def zipped(text: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.txt", text)
    return file.getvalue()


def tarred(text: bytes) -> bytes:
    file, member = io.BytesIO(), tarfile.TarInfo("a.txt")
    member.size = len(text)
    with tarfile.open(fileobj=file, mode="w:gz") as archive:
        archive.addfile(member, io.BytesIO(text))
    return file.getvalue()


def page(text: bytes) -> bytes:
    return b"<!doctype html><p>" + text


MAKERS = {"a.txt.gz": gzip.compress, "a.zip": zipped, "a.tar.gz": tarred, "a.html": page}


@pytest.mark.parametrize("in_folder", [False, True])
@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("change", ["replaced", "rewritten", "deleted"])
def test_a_changed_file_is_noticed(tmp_path: Path, name: str, change: str, in_folder: bool) -> None:
    if in_folder and name in ("a.zip", "a.tar.gz"):
        return  # archives in folders are not read
    path = tmp_path / name
    make: Callable[[bytes], bytes] = MAKERS[name]
    path.write_bytes(make(TEXT))
    document = open_source(tmp_path if in_folder else path)
    (file,) = document.files
    start = "".join(piece.text for piece in file.pieces(0)).index("48213")
    assert file.cut(start, start + 5) == b"48213"
    other = make(TEXT.replace(b"48213", b"99999"))
    if change == "deleted":
        path.unlink()
    elif change == "rewritten":
        path.write_bytes(other)
        os.utime(path, ns=(1, 1))
    else:
        (tmp_path / "new").write_bytes(other)
        (tmp_path / "new").rename(path)
    with pytest.raises(DocumentError, match="changed"):
        file.cut(start, start + 5)
    assert "48213" in "".join(piece.text for piece in document.pieces())


def test_standard_input_cannot_change(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(TEXT))))
    assert open_source("-").files[0].cut(4, 9) == b"magic"
