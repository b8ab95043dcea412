"""Mail and texts that look like it, where a message of a mailbox begins, and mail that is put together wrongly."""

from __future__ import annotations

import time
from base64 import b64encode
from pathlib import Path

import pytest
from formats import opened, places, text_of

from gemma10m.documents.detect import kind_of

TEXTS = {
    "received.txt": "Received: 12 crates of apples from Anne\nPaid: 40 euros in cash\n\nThe rest will follow.\n",
    "order.yaml": "Received: 2024-01-02\nOrder: 48213\nItems:\n  - amber\n  - cedar\n\nNote: fragile\n",
    "mime.log": "MIME-Version: 1.0 found\nline: two\nthird line here\n",
    "mail.md": "MIME-Version: 1.0 is a header.\n\nText here.\n",
    "path.md": "Return-Path: what it is\n\nSome text on mail.\n",
    "quarter": "From January to March 2021\nSales: 500\n\nAll in all a good quarter.\n",
    "template": "From: Ann <a@example.org>\nSubject: hi\nDate: Mon, 4 Mar 2024 10:00:00 +0000\n\nThree fields.\n",
    "path": "Return-Path: <a@example.org>\nDate: Mon, 4 Mar 2024 10:00:00 +0000\nare two headers.\n\nText here.\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_that_begins_like_mail_is_text(tmp_path: Path, name: str) -> None:
    assert text_of(opened(tmp_path, name, TEXTS[name])) == TEXTS[name]


MAILS = {
    "from a folder": "Return-Path: <a@example.org>\nReceived: from x.example.org (x)\n\tby y; Mon, 4 Mar 2024\n",
    "from a program": "MIME-Version: 1.0\nMessage-ID: <1@example.org>\n",
    "sent by this account": "User-Agent: Mutt\nMessage-ID: <1@example.org>\n",
    "of a mailbox": "From - Mon Mar  4 10:00:00 2024\nX-Mozilla-Status: 0001\n",
    "of a local mailbox": "From ann Mon Mar  4 10:00 2024\nX-Status: 0001\n",
}
FIELDS = "From: Ann <a@example.org>\nDate: Mon, 4 Mar 2024 10:00:00 +0000\nSubject: hi\n"


@pytest.mark.parametrize("case", MAILS)
def test_mail_is_known_by_its_headers(tmp_path: Path, case: str) -> None:
    assert text_of(opened(tmp_path, "a", f"{MAILS[case]}{FIELDS}\nbody\n")) == f"{FIELDS}\nbody\n"


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"\n\r\n", b"\xef\xbb\xbf\n"])
def test_what_precedes_the_headers_does_not_end_them(tmp_path: Path, before: bytes) -> None:
    mail = f"Subject: hi\nContent-Transfer-Encoding: base64\n\n{b64encode(b'body').decode()}\n"
    assert text_of(opened(tmp_path, "a.eml", before + mail.encode())) == "Subject: hi\n\nbody\n"


SENTENCES = [
    "From 12 March to 14 April 2020 the ferry is closed.\nPlease use the bridge: it is open.",
    "From 2019 we own 3.\n",
    "From Monday, 10:30, until 4 May 2020 it is closed.\nNote: use the bridge.",
    "From bob@example.org Mon Mar  4 11:00:00 2024\nwe heard nothing.",
]


@pytest.mark.parametrize("sentence", SENTENCES)
def test_a_paragraph_that_begins_with_from_is_no_message(tmp_path: Path, sentence: str) -> None:
    message = "From ann@example.org Mon Mar  4 10:00:00 2024\nFrom: Ann\nSubject: {}\n\nDear all,\n\n{}\n\n"
    document = opened(tmp_path, "box.mbox", message.format(1, sentence) + message.format(2, "bye"))
    assert text_of(document).startswith(f"From: Ann\nSubject: 1\n\nDear all,\n\n{sentence}\n\n\nFrom: Ann")
    assert places(document) == [("From: Ann", "message 1"), ("From: Ann", "message 2")]


HEAD = "Subject: hi\n"
INNER = "From: D <d@x>\nSubject: inner\n\nInner body\n"
PUT_TOGETHER = {
    "an encoded message": (
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n" + b64encode(INNER.encode()).decode(),
        f"\n{INNER}",
        "",
    ),
    "a quoted message": (
        "Content-Type: message/rfc822\nContent-Transfer-Encoding: quoted-printable\n\n"
        + INNER.replace("@", "=40").replace("inner", "inn=\ner")
        + "From =31=32 on\n",
        f"\n{INNER}From 12 on\n",
        "",
    ),
    "no boundary": (
        "Content-Type: multipart/mixed; boundary=x\n\nThis is the body.\n",
        "This is the body.\n",
        "a part of message 1 is damaged: its own parts are not found, and it is read as text",
    ),
    "space after an encoding": (
        "Content-Type: text/plain\nContent-Transfer-Encoding: Quoted-Printable \n\nA long =\nline=21\n",
        "A long line!\n",
        "",
    ),
    "a page with its styles": (
        "Content-Type: multipart/related; boundary=x\n\n--x\nContent-Type: text/html\n\n<p>Page\n"
        "--x\nContent-Type: text/css\nContent-Location: a.css\n\np { color: red }\n"
        "--x\nContent-Type: text/javascript\n\nalert(1)\n"
        "--x\nContent-Type: text/css; name=b.css\n\np { color: red }\n--x--\n",
        "Page\nAttachments: b.css (text/css)\n",
        "attachments of mail are not read, only named",
    ),
}


@pytest.mark.parametrize("case", PUT_TOGETHER)
def test_mail_is_read_however_it_is_put_together(tmp_path: Path, case: str) -> None:
    mail, text, notice = PUT_TOGETHER[case]
    document = opened(tmp_path, "a.eml", HEAD + mail)
    assert text_of(document) == f"{HEAD}\n{text}"
    assert document.notices == ((f"{tmp_path}/a.eml: {notice}",) if notice else ())


@pytest.mark.parametrize(
    ("separator", "header"),
    [
        ("From joe@x.org 1/2/2001 3:04:05 AM", "From: Joe"),
        ("From joe@x.org Tue, 2 Jan 2001 03:04:05 GMT", "From: Joe"),
        ("From joe Tue, 02 Jan 2001 03:04:05", "Return-Path:<joe@x.org>\nFrom: Joe"),
        ("From joe@x.org Mon Jan  1 03:04:05 2001", ">From daemon Mon Jan  1 03:04:05 2001\nFrom: Joe"),
    ],
)
def test_separators_in_a_mailbox_may_have_other_forms(tmp_path: Path, separator: str, header: str) -> None:
    first = "From ann@x.org Mon Mar  4 10:00:00 2024\nFrom: Ann\nSubject: 1\n\nOne.\n\n"
    document = opened(tmp_path, "box.mbox", f"{first}{separator}\n{header}\nSubject: 2\n\nTwo.\n")
    assert "From: Joe\nSubject: 2\n\nTwo." in text_of(document)
    assert separator not in text_of(document)


def test_a_mail_is_known_by_its_subject_too(tmp_path: Path) -> None:
    mail = "Return-Path: <ann@x.org>\nFrom: Ann <ann@x.org>\nSubject: =?utf-8?q?R=C3=A9?= C:\\users\n\nText.\n"
    assert text_of(opened(tmp_path, "a", mail)).startswith("From: Ann <ann@x.org>\nSubject: Ré C:\\users\n")


@pytest.mark.parametrize(
    "head",
    [
        "From " + "@" * 4000 + " " + "1:00 " * 4000 + "\nA: b\n",
        "From - " + "1:00 " * 4000 + "\nA: b\n",
        "Received: a\nDate: " + "1 abc 11 " * 4000 + "\n",
    ],
    ids=["address", "times", "dates"],
)
def test_a_first_line_that_was_made_to_be_slow_is_not(head: str) -> None:
    started = time.monotonic()
    assert kind_of(head.encode(), "a.txt") != "mail"
    assert time.monotonic() - started < 1
