"""Charsets of mail as browsers take them, in bodies and headers, and notices for what is wrong."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path

import pytest
from formats import opened, text_of

HEAD = b"From: a@example.org\nSubject: hi\nContent-Type: text/%s\n\n"
SMART = "“yes” – 50 €…"
BODIES = {
    "latin-1 of Windows": ("iso-8859-1", SMART.encode("cp1252"), SMART),
    "ASCII that is UTF-8": ("us-ascii", SMART.encode(), SMART),
    "Chinese": ("gb2312", "朱镕基和陶喆".encode("gbk"), "朱镕基和陶喆"),
    "Japanese of Windows": ("shift_jis", "①髙橋㈱".encode("cp932"), "①髙橋㈱"),
    "Japanese in seven bits": ("iso-2022-jp", b"\x1b$B-!F|K\\\x1b(B \x1b(I1\x1b(J ok", "①日本 ｱ ok"),
    "Hebrew": ("iso-8859-8-i", "שלום".encode("iso-8859-8"), "שלום"),
    "Thai": ("windows-874", "ราคา".encode("cp874"), "ราคา"),
    "another name": ("x-sjis", "東京".encode("cp932"), "東京"),
    "no browser's": ("utf-7", b"caf+AOk-", "café"),
    "a mark": ("iso-8859-1", b"\xef\xbb\xbf" + "é".encode(), "é"),
}


@pytest.mark.parametrize("case", BODIES)
def test_a_charset_is_taken_as_browsers_take_it(tmp_path: Path, case: str) -> None:
    charset, body, text = BODIES[case]
    for kind in ("plain", "html"):
        document = opened(tmp_path, "a.eml", HEAD % f"{kind}; charset={charset}".encode() + body)
        assert text_of(document) == f"From: a@example.org\nSubject: hi\n\n{text}\n"
        assert document.notices == ()


@pytest.mark.parametrize(
    ("charset", "body", "text", "notice"),
    [
        ("; charset=utf-8", b"caf\xe9 \x9350", "caf\ufffd \ufffd50", "2 bytes are not UTF-8: read as U+FFFD"),
        ("; charset=iso-2022-jp", b"\x1b$B\x7e\x7eF|", "\ufffd\ufffd日", "2 bytes are not ISO-2022-JP: read as U+FFFD"),
        ("; charset=us-ascii", b"caf\xe9", "café", "a part of message 1 is not UTF-8: read as Windows-1252"),
        ("", b"caf\xe9", "café", "a part of message 1 is not UTF-8: read as Windows-1252"),
        ("", "é".encode() * 9 + b"\xe9", "é" * 9 + "\ufffd", "1 byte is not UTF-8: read as U+FFFD"),
    ],
)
def test_wrong_bytes_are_said(tmp_path: Path, charset: str, body: bytes, text: str, notice: str) -> None:
    document = opened(tmp_path, "a.eml", HEAD % f"plain{charset}".encode() + body)
    assert text_of(document).endswith(f"\n\n{text}\n")
    (found,) = document.notices
    assert found.startswith(f"{tmp_path}/a.eml: {notice}")


def encoded(charset: str, word: bytes) -> str:
    return f"=?{charset}?B?{b64encode(word).decode()}?="


HEADERS = {
    "latin-1 of Windows": (encoded("iso-8859-1", b"\x93Anne\x94") + " <a@x.org>", "“Anne” <a@x.org>"),
    "Chinese": (encoded("gb2312", "陶喆".encode("gbk")), "陶喆"),
    "parts of a letter": (encoded("utf-8", b"caf\xc3") + "\n " + encoded("utf-8", b"\xa9 x"), "café x"),
    "in quotes": (f'"{encoded("utf-8", "Café".encode())}" <c@x.org>', '"Café" <c@x.org>'),
    "beside plain words": (
        f"Re: {encoded('utf-8', 'é'.encode())} and (more), {encoded('x-no', b'y')}",
        "Re: é and (more), y",
    ),
    "beside a damaged word": (
        f"{encoded('utf-8', b'caf')} {encoded('utf-8', 'é'.encode())} =?utf-8?B?YWJjZ?= and {encoded('utf-8', b'y')}",
        "café =?utf-8?B?YWJjZ?= and y",
    ),
}


@pytest.mark.parametrize("case", HEADERS)
def test_a_header_s_charset_is_taken_as_browsers_take_it(tmp_path: Path, case: str) -> None:
    header, text = HEADERS[case]
    document = opened(tmp_path, "a.eml", f"To: x@x.org\nSubject: {header}\n\nbody\n")
    assert text_of(document) == f"To: x@x.org\nSubject: {text}\n\nbody\n"
    assert document.notices == ()


def test_wrong_bytes_of_a_header_are_said(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.eml", f"To: x@x.org\nSubject: {encoded('utf-8', b'caf-' + bytes([0xE9]))}\n\nbody\n")
    assert "Subject: caf-\ufffd\n" in text_of(document)
    assert document.notices == (f"{tmp_path}/a.eml: 1 byte is not UTF-8: read as U+FFFD",)
