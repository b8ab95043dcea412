"""Zip files without their list of members: cut off, written to a pipe, damaged; and office documents among them."""

from __future__ import annotations

import io
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
from formats import docx, opened, paragraph, text_of, zipped

from gemma10m.documents.archives.zip_recovery import new_list
from gemma10m.documents.content import Content, ContentFile
from gemma10m.errors import DocumentError

DRAW = random.Random(0)
TEXTS = {f"{number}.txt": " ".join(f"{DRAW.random():.9f}" for _ in range(2000)) for number in range(3)}


class Pipe(io.RawIOBase):
    """Take bytes that cannot be gone back to: sizes and checksums come behind each member."""

    def __init__(self) -> None:
        self.found = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        self.found += bytes(data)
        return len(bytes(data))


def piped(members: dict[str, str]) -> bytes:
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in members.items():
            file.writestr(name, text)
    return bytes(pipe.found)


PACKED = {
    "deflated": zipped(dict(TEXTS)),
    "stored": zipped(dict(TEXTS), zipfile.ZIP_STORED),
    "piped": piped(TEXTS),
}


LOST = "damaged: its list of members is lost"


def list_start(packed: bytes) -> int:
    return packed.index(b"PK\x01\x02")


@pytest.mark.parametrize("how", PACKED)
def test_members_are_found_without_their_list(tmp_path: Path, how: str) -> None:
    document = opened(tmp_path, "a.zip", PACKED[how][: list_start(PACKED[how]) + 20])
    assert [text_of(document).count(text) for text in TEXTS.values()] == [1, 1, 1]
    assert document.notices == (
        f"{tmp_path}/a.zip: damaged: its list of members is lost; 3 members are found without it",
    )


@pytest.mark.parametrize("how", PACKED)
def test_the_member_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path, how: str) -> None:
    document = opened(tmp_path, "a.zip", PACKED[how][: int(0.6 * list_start(PACKED[how]))])
    text = text_of(document)
    first, second, third = TEXTS.values()
    assert first in text
    assert second not in text
    assert second[:5000] in text
    assert third[:100] not in text
    assert "1.txt: its checksum does not match" in " ".join(document.notices)


def test_a_word_document_that_is_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = docx("".join(paragraph(f"{number}: {DRAW.random()}") for number in range(3000)))
    document = opened(tmp_path, "a.docx", whole[: int(0.7 * len(whole))])
    text = text_of(document)
    assert "0: " in text
    assert "1000: " in text
    assert "2999: " not in text
    assert LOST in " ".join(document.notices)


def test_what_has_no_member_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="its list of members cannot be read"):
        opened(tmp_path, "a.zip", b"PK\x03\x04" + bytes(range(256)))


def test_a_file_with_its_list_is_read_at_any_place(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(PACKED["stored"][: list_start(PACKED["stored"])])
    with path.open("rb") as file:
        content = Content(file.fileno)
        found = new_list(ContentFile(content, file.fileno()))
        assert found is not None
        listed = ContentFile(content, file.fileno(), found[0])
        whole = listed.read()
        edge = len(whole) - len(found[0])
        for start, size in ((0, 10), (edge - 100, 200), (edge, 7), (len(whole) - 5, 50), (len(whole) + 5, 5)):
            listed.seek(start)
            assert listed.read(size) == whole[start : start + size]
    with zipfile.ZipFile(io.BytesIO(whole)) as file:
        assert {name: file.read(name).decode() for name in file.namelist()} == TEXTS


def test_a_version_of_the_format_that_nobody_has_is_damage(tmp_path: Path) -> None:
    content = (
        zipped({"a.txt": "text"})
        .replace(b"PK\x03\x04\x14", b"PK\x03\x04\xcd")
        .replace(b"PK\x01\x02\x14\x03\x14", b"PK\x01\x02\x14\x03\xcd")
    )
    with pytest.raises(DocumentError, match=r"a\.zip cannot be read: damaged: its list of members cannot be read"):
        opened(tmp_path, "a.zip", content)
