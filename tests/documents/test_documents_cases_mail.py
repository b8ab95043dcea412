"""Mail, and archives, that were read wrongly."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from formats import docx, epub, odt, opened, paragraph, places, tarred, text_of, zipped

MAIL = """From: =?utf-8?q?Ren=C3=A9?= <r@example.org>
To: Ann <ann@example.org>
Date: Fri, 2 Jan 1998 10:00:00 +0000
Subject: =?iso-8859-1?Q?caf=E9?=
MIME-Version: 1.0
Content-Type: {}

{}"""


HEAD = "From: René <r@example.org>\nTo: Ann <ann@example.org>\nDate: Fri, 2 Jan 1998 10:00:00 +0000\nSubject: café\n\n"


PART = "--x\nContent-Type: {}\n\n{}\n"


MAILS = {
    "plain": (
        "text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable",
        "d=C3=A9j=\n=C3=A0\n",
        "déjà\n",
    ),
    "base64": ("text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: base64", "ZOlq4A==", "déjà\n"),
    "html": ("text/html", "<table><tr><td>a<td>b</table>", "a\tb\n"),
    "alternatives": (
        'multipart/alternative; boundary="x"',
        PART.format("text/plain", "plain text") + PART.format("text/html", "<p>rich text") + "--x--",
        "plain text\n",
    ),
    "attachment": (
        'multipart/mixed; boundary="x"',
        PART.format("text/plain", "plain") + PART.format('application/pdf; name="a.pdf"', "JVBE") + "--x--",
        "plain\nAttachments: a.pdf (application/pdf)\n",
    ),
    "no charset": ("text/plain", "déjà\n", "déjà\n"),
    "unknown charset": ("text/plain; charset=x-nonsense", "text\n", "text\n"),
}


@pytest.mark.parametrize("case", MAILS)
def test_mail(tmp_path: Path, case: str) -> None:
    kind, body, text = MAILS[case]
    document = opened(tmp_path, "a.eml", MAIL.format(kind, body))
    assert text_of(document) == HEAD + text
    assert bool(document.notices) == (case == "attachment")


def test_a_header_that_is_not_encoded(tmp_path: Path) -> None:
    assert text_of(opened(tmp_path, "a.eml", "From: René\nSubject: café\n\nx\n")) == "From: René\nSubject: café\n\nx\n"


def test_the_messages_of_a_mailbox_are_places(tmp_path: Path) -> None:
    message = "From ann@example.org Fri Jan  2 10:00:00 1998\nFrom: Ann\nSubject: {0}\n\n>From here to {0}.\n\n"
    document = opened(tmp_path, "box.mbox", message.format(1) + message.format(2))
    assert text_of(document).count("From here to") == 2
    assert places(document) == [("From: Ann", "message 1"), ("From: Ann", "message 2")]


def test_names_of_windows_are_folders(tmp_path: Path) -> None:
    content = zipped({"p\\.gitignore": "secret.txt", "p\\secret.txt": "s", "p\\in\\a.txt": "A", "p\\empty\\": ""})
    document = opened(tmp_path, "a.zip", content)
    assert [file.path for file in document.files] == ["p/.gitignore", "p/in/a.txt"]
    assert [each.path for each in document.skipped] == ["p/secret.txt"]


def test_tars_in_a_row(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.tar", tarred({"1": "A"}) + tarred({"2": "B"}) + b"rest")
    assert [file.path for file in document.files] == ["1", "2"]
    assert document.notices == (f"{tmp_path}/a.tar: the 4 bytes after its end are not read",)


def test_the_oldest_tars(tmp_path: Path) -> None:
    header = bytearray(tarfile.TarInfo("old.txt").tobuf(tarfile.USTAR_FORMAT))
    header[124:136], header[148:156], header[257:] = b"00000000004\0", b" " * 8, bytes(255)
    header[148:156] = b"%06o\0 " % sum(header)
    document = opened(tmp_path, "a.tar", bytes(header) + b"text".ljust(512, b"\0") + bytes(1024))
    assert [file.path for file in document.files] == ["old.txt"]


def test_a_tar_that_ends_too_early(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.tar", tarred({"1": "A", "2": "B" * 2000})[:2048])
    assert [file.path for file in document.files] == ["1"]
    assert [(each.path, each.reason) for each in document.skipped] == [
        ("2", "damaged: the archive ends in the middle of it")
    ]


def test_members_of_a_zip_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        for name, text in (("a", "old"), ("b", "damaged bytes"), ("c", "C")):
            file.writestr(name, text, zipfile.ZIP_DEFLATED if name == "b" else zipfile.ZIP_STORED)
        file.writestr("d", "D", zipfile.ZIP_BZIP2)
        with pytest.warns(UserWarning, match="Duplicate"):
            file.writestr("a", "A")
    content = bytearray(out.getvalue())
    content[content.index(b"b") + 1] = 0xFF  # a kind of block that Deflate does not have
    document = opened(tmp_path, "a.zip", bytes(content))
    assert [file.path for file in document.files] == ["a", "c"]
    assert sorted((each.path, each.reason) for each in document.skipped) == [
        ("a", "replaced by a later member"),
        ("b", "damaged: it cannot be unpacked"),
        ("d", "compressed with bzip2, which is not supported"),
    ]


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_members_whose_paths_lead_out_of_the_archive_are_skipped(
    tmp_path: Path, pack: Callable[[dict[str, bytes | str]], bytes]
) -> None:
    outside = ["../e.txt", "/abs.txt", "C:/x.txt", "a/../../b.txt"]
    inside = ["a..b.txt", "notes/x:y.txt", "ok/a.txt", "x:note.txt"]
    document = opened(tmp_path, "a", pack(dict.fromkeys([*outside, *inside], "words")))
    assert [file.path for file in document.files] == inside
    assert {each.path: each.reason for each in document.skipped} == dict.fromkeys(
        outside, "its path leads out of the archive"
    )


WORDS = {f"{number:02}.txt": "the right words" for number in range(30)}


def test_members_with_a_wrong_checksum_are_read_and_named(tmp_path: Path) -> None:
    content = zipped(dict(WORDS), zipfile.ZIP_STORED).replace(b"right", b"wrong")
    document = opened(tmp_path, "a.zip", content)
    assert text_of(document).count("the wrong words") == 30
    assert document.skipped == ()
    assert len(document.notices) == 21
    assert document.notices[0] == f"{tmp_path}/a.zip: 00.txt: its checksum does not match"
    assert document.notices[-1] == f"{tmp_path}/a.zip: the checksums of more members do not match"


@pytest.mark.parametrize(
    ("pack", "part"),
    [
        (lambda words: epub({"1.html": f"<p>{words}"}), "OPS/1.html"),
        (lambda words: docx(paragraph(words)), "word/document.xml"),
        (lambda words: odt(f"<text:p>{words}</text:p>"), "content.xml"),
    ],
)
def test_a_part_with_a_wrong_checksum_is_read_and_named(
    tmp_path: Path, pack: Callable[[str], bytes], part: str
) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(pack("the right words"))) as packed, zipfile.ZipFile(out, "w") as stored:
        for name in packed.namelist():
            stored.writestr(name, packed.read(name))
    document = opened(tmp_path, "a", out.getvalue().replace(b"right", b"wrong"))
    assert "the wrong words" in text_of(document)
    assert document.notices == (f"{tmp_path}/a: {part}: its checksum does not match",)
