"""The parts of a mail: alternatives, invitations, reports of a delivery, damaged encodings, lines that flow."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, text_of

HEAD = "Subject: hi\n"
ONLY_NAMED = "attachments of mail are not read, only named"
CALENDAR = """BEGIN:VCALENDAR
BEGIN:VTIMEZONE
DTSTART:19700101T000000
END:VTIMEZONE
BEGIN:VEVENT
SUMMARY;LANGUAGE=en:Meeting\\, and a very long
  title
DTSTART;TZID="Europe/Berlin":20240105T100000
LOCATION:Room 5
END:VEVENT
END:VCALENDAR
"""


def part(kind: str, text: str, more: str = "") -> str:
    return f"Content-Type: {kind}\n{more}\n{text}\n"


def multipart(kind: str, *parts: str) -> str:
    mark = f"mark{len(''.join(parts))}"
    body = "".join(f"--{mark}\n{each}" for each in parts)
    return f"Content-Type: multipart/{kind}; boundary={mark}\n\n{body}--{mark}--\n"


PAGE, PLAIN, BLANK = part("text/html", "<p>Rich text"), part("text/plain", "Plain text"), part("text/plain", " ")
LINES = part("text/plain", "Ten lines of text.")
PICTURE = part("image/png; name=x.png", "iVBO", "Content-Disposition: inline\n")
PDF = part("application/pdf; name=a.pdf", "JVBE")
INVITATION = part("text/calendar; method=REQUEST", CALENDAR)
SUMMARY = "Meeting, and a very long title; 2024-01-05 10:00 Europe/Berlin; Room 5 (text/calendar)"
ALTERNATIVES = {
    "an empty plain text": ((BLANK, PAGE, INVITATION), f"Rich text\nAttachments: {SUMMARY}\n"),
    "a page with attachments": ((PLAIN, multipart("mixed", PAGE, PDF, PAGE)), "Plain text\nAttachments: a.pdf ({})\n"),
    "a page with a picture": (
        (PLAIN, multipart("related", PAGE, PICTURE)),
        "Plain text\nAttachments: x.png (image/png)\n",
    ),
    "a page with a picture alone": (
        (multipart("related", PAGE, PICTURE),),
        "Rich text\nAttachments: x.png (image/png)\n",
    ),
    "plain text in parts": ((multipart("mixed", PLAIN), PAGE), "Plain text\n"),
    "another kind of text": ((BLANK, part("text/enriched", "Other")), "Other\n"),
    "a page that says more": ((PLAIN, part("text/html", "<p>The <b>text</b> is long.")), "The text is long.\n"),
    "a page of several parts": ((PLAIN, multipart("mixed", PAGE, LINES)), "Rich text\nTen lines of text.\n"),
    "a page that says the same": (
        (part("text/plain", "The _text_ is\nlong, it is."), part("text/html", "<p>THE text is <i>long</i>, and it is")),
        "The _text_ is\nlong, it is.\n",
    ),
    "an invitation alone": ((INVITATION,), f"Attachments: {SUMMARY}\n"),
}


@pytest.mark.parametrize("case", ALTERNATIVES)
def test_one_alternative_is_written_and_the_attachments_of_all_are_named(tmp_path: Path, case: str) -> None:
    alternatives, text = ALTERNATIVES[case]
    document = opened(tmp_path, "a.eml", HEAD + multipart("alternative", *alternatives))
    assert text_of(document) == f"{HEAD}\n{text.format('application/pdf')}"
    assert bool(document.notices) == ("Attachments" in text)


def test_attachments_are_named_under_the_message_that_has_them(tmp_path: Path) -> None:
    inner = part("message/rfc822", f"Subject: inner\n{PLAIN}")
    document = opened(tmp_path, "a.eml", HEAD + multipart("mixed", PDF, inner))
    assert text_of(document) == f"{HEAD}\n\nSubject: inner\n\nPlain text\nAttachments: a.pdf (application/pdf)\n"


def test_a_page_that_shows_nothing_is_no_damage(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.eml", HEAD + part("text/html", "<img src=x>"))
    assert (text_of(document), document.notices) == (f"{HEAD}\n\n", ())


def test_a_report_of_a_delivery_is_written(tmp_path: Path) -> None:
    status = "Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822; bob\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 no\n"
    report = multipart("report", PLAIN, part("message/delivery-status", status))
    assert text_of(opened(tmp_path, "a.eml", HEAD + report)) == f"{HEAD}\nPlain text\n\n{status}"
    read = part("message/disposition-notification", "Disposition: manual-action; displayed\n")
    assert "Disposition: manual-action" in text_of(opened(tmp_path, "b.eml", HEAD + multipart("report", PLAIN, read)))


DAMAGED = {
    "base64: a character too many": ("base64", "SGVsbG8gd29ybGQgYWJjZGVm\nZ", "Hello world abcdef"),
    "base64: foreign characters": ("base64", "SGVsb*G8gd2\u00e99ybGQ=", "Hello world"),
    "base64: no padding": ("base64", "SGVsbG8gd29ybGQ", "Hello world"),
    "base64: a footer": ("base64", "SGVsbG8gd29ybGQ=\n______\nlist", "Hello world"),
    "quoted-printable": ("quoted-printable", "Hello =77orld =3", "Hello world =3"),
    "unknown": ("x-none", "Hello world", "Hello world"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_encoding_is_decoded_as_far_as_possible_and_said(tmp_path: Path, case: str) -> None:
    encoding, body, text = DAMAGED[case]
    mail = HEAD + part("text/plain; charset=utf-8", body, f"Content-Transfer-Encoding: {encoding}\n")
    document = opened(tmp_path, "a.eml", mail)
    assert text_of(document).startswith(f"{HEAD}\n{text}")
    (notice,) = document.notices
    assert "a part of message 1 is damaged: its" in notice or "unknown transfer encoding (x-none)" in notice


UNDAMAGED = [
    ("base64", "SGVs\r\nbG8=\r\n"),
    ("quoted-printable", "Hel=\nlo=20=\n"),
    ("quoted-printable", "Hel= \t\nlo=  \r\n"),
]


@pytest.mark.parametrize(("encoding", "body"), UNDAMAGED)
def test_an_encoding_that_is_not_damaged_is_not_remarked_on(tmp_path: Path, encoding: str, body: str) -> None:
    document = opened(tmp_path, "a.eml", HEAD + part("text/plain", body, f"Content-Transfer-Encoding: {encoding}\n"))
    assert (text_of(document).rstrip(), document.notices) == (f"{HEAD}\nHello", ())


FLOWING = "A paragraph \nof two lines.\n> a quote \n> of two.\n>> deeper \n> less\n From here.\n\n-- \nname\n"
JOINED = "A paragraph of two lines.\n> a quote of two.\n>> deeper \n> less\nFrom here.\n\n-- \nname\n"


def test_lines_that_flow_are_joined(tmp_path: Path) -> None:
    flowed = opened(tmp_path, "a.eml", HEAD + part("text/plain; format=flowed", FLOWING).removesuffix("\n"))
    assert text_of(flowed) == f"{HEAD}\n{JOINED}"
    fixed = opened(tmp_path, "b.eml", HEAD + part("text/plain", FLOWING).removesuffix("\n"))
    assert text_of(fixed) == f"{HEAD}\n{FLOWING}"


def test_the_space_of_a_line_that_flows_may_be_no_part_of_it(tmp_path: Path) -> None:
    mail = HEAD + part("text/plain; format=flowed; delsp=yes", "half a wo \nrd, and  \nanother\r")
    assert text_of(opened(tmp_path, "a.eml", mail)) == f"{HEAD}\nhalf a word, and another\n"


def test_notices_are_those_of_the_alternative_that_is_written(tmp_path: Path) -> None:
    for words, notices in (("text", 0), ("text of this page", 1)):
        page = part("text/html; charset=us-ascii", f"<p>{words} =E9", "Content-Transfer-Encoding: quoted-printable\n")
        document = opened(tmp_path, f"{words}.eml", HEAD + multipart("alternative", PLAIN, page))
        assert len(document.notices) == notices


NAMED = part("text/plain; name=a.txt", "Named")
INLINE = part("text/csv; name=t.csv", "Inline", "Content-Disposition: inline; filename=t.csv\n")
ATTACHED = part("text/plain", "Attached", "Content-Disposition: attachment; filename=b.txt\n")
NAMES = {
    "a message": (NAMED, "Named\n"),
    "an attached message": (ATTACHED, "Attachments: b.txt (text/plain)\n"),
    "the only text": (multipart("mixed", PDF, NAMED, ATTACHED), "Named\nAttachments: a.pdf ({pdf}), b.txt ({text})\n"),
    "all texts": (multipart("mixed", NAMED, NAMED), "Named\nNamed\n"),
    "inline": (multipart("mixed", PLAIN, INLINE), "Plain text\nInline\n"),
    "beside a text": (multipart("mixed", PLAIN, NAMED), "Plain text\nAttachments: a.txt ({text})\n"),
    "beside a message with a text": (
        multipart("mixed", NAMED, part("message/rfc822", f"Subject: inner\n{PLAIN}")),
        "Named\n\nSubject: inner\n\nPlain text\n",
    ),
}


@pytest.mark.parametrize("case", NAMES)
def test_a_text_with_a_name_is_shown_where_clients_show_it(tmp_path: Path, case: str) -> None:
    mail, text = NAMES[case]
    document = opened(tmp_path, "a.eml", HEAD + mail)
    assert text_of(document) == f"{HEAD}\n{text.format(pdf='application/pdf', text='text/plain')}"
    assert document.notices == ((f"{tmp_path}/a.eml: {ONLY_NAMED}",) if "Attachments" in text else ())


APPLE = "MIME-Version: 1.0\nSubject: hi\n\nbody\n"


@pytest.mark.parametrize("more", [0, 1000])
def test_a_message_of_apple_mail_is_read_without_its_properties(tmp_path: Path, more: int) -> None:
    properties = "" if more else '<?xml version="1.0"?>\n<plist><dict/></plist>\n'
    document = opened(tmp_path, "1.emlx", f"{len(APPLE) + more}      \n{APPLE}{properties}")
    assert text_of(document) == "Subject: hi\n\nbody\n"


TABLE = "<table><tr><th>Item<th>Number<tr><td>amber<td><tr><td>cedar<td>5</table>"
ROWS = "Item\tNumber\namber\t\ncedar\t5\n"
STORY = "A story of so many words that no one holds them for data of a table."
TABLES = {
    "lost": ("Item\n\nNumber\n\namber\n\n\n\ncedar\n\n5", TABLE, ROWS),
    "kept": ("| Item | Number |\n| amber | |\n| cedar | 5 |", TABLE, "| Item | Number |\n| amber | |\n| cedar | 5 |\n"),
    "one row": ("Item\nNumber", "<table><tr><td>Item<td>Number</table>", "Item\nNumber\n"),
    "the page's layout": (
        f"Home\n{STORY}\nShop\n{STORY}",
        f"<table><tr><td>Home<td>{STORY}<tr><td>Shop<td>{STORY}</table>",
        f"Home\n{STORY}\nShop\n{STORY}\n",
    ),
}


@pytest.mark.parametrize("case", TABLES)
def test_the_page_is_written_where_the_plain_text_has_lost_a_table(tmp_path: Path, case: str) -> None:
    plain, page, text = TABLES[case]
    mail = multipart("alternative", part("text/plain", plain), part("text/html", page))
    assert text_of(opened(tmp_path, "a.eml", HEAD + mail)) == f"{HEAD}\n{text}"


def test_files_in_a_text_are_named_and_not_written(tmp_path: Path) -> None:
    text = "text\nbegin 644 a b.txt\n%:&5L;&\\\n`\nend\nbegin 644 words\nare no file\nend\n"
    document = opened(tmp_path, "a.eml", f"{HEAD}\n{text}")
    words = "text\nbegin 644 words\nare no file\nend\n"
    assert text_of(document) == f"{HEAD}\n{words}Attachments: a b.txt (uuencoded)\n"
    assert document.notices == (f"{tmp_path}/a.eml: {ONLY_NAMED}",)


def test_tags_of_enriched_text_are_not_written(tmp_path: Path) -> None:
    text = (
        "<bold>Bold</bold> text, 1 << 2\n<x-color><param>red</param>red</x-color>\n\n\nnext\n\n"
        "<nofill>as\nit is</nofill>\n\nend"
    )
    document = opened(tmp_path, "a.eml", HEAD + part("text/enriched", text).removesuffix("\n"))
    assert text_of(document) == f"{HEAD}\nBold text, 1 < 2 red\n\nnext\nas\nit is\nend\n"


def test_tags_of_rich_text_are_not_written(tmp_path: Path) -> None:
    text = "<Bold>Bold</Bold> text, 1 <lt> 2\nmore<nl>\n<italic>next</italic><comment>no\nno</comment><paragraph>end"
    document = opened(tmp_path, "a.eml", HEAD + part("text/richtext", text))
    assert text_of(document) == f"{HEAD}\nBold text, 1 < 2 more\nnext\nend\n"
