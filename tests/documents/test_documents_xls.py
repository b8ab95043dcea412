"""XLS: files of Excel 97 to 2003, which a process of its own reads."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from formats import opened, places, text_of, zipped
from old_excel import compound, hidden_column, hidden_row, label, number, record, truth, xls

from gemma10m.documents import limits
from gemma10m.errors import DocumentError

FORMATS = ("yyyy\\-mm\\-dd", "0.0%", '"$"#,##0.00')


def test_rows_are_lines_and_sheets_are_places(tmp_path: Path) -> None:
    first = label(0, 0, "Näme") + number(0, 3, 48213.0) + number(1, 0, 45444, 1) + number(1, 1, 0.25, 2)
    first += number(1, 2, 1234.5, 3) + truth(3, 0, 1) + truth(3, 1, 7, is_error=True) + number(3, 2, 0.1 + 0.2)
    document = opened(tmp_path, "nameless", xls(first, label(0, 0, "two\nlines"), formats=FORMATS))
    assert text_of(document) == (
        "S1\n\nNäme\t\t\t48213\n2024-06-01\t25.0%\t$1234.50\nTRUE\t#DIV/0!\t0.3\n\nS2\n\ntwo lines\n"
    )
    assert places(document) == [("S1", "sheet S1"), ("S2", "sheet S2")]
    assert document.notices == ()


def test_what_is_hidden_is_counted_and_not_read(tmp_path: Path) -> None:
    sheet = hidden_column(1) + hidden_row(1) + label(0, 0, "a") + label(0, 1, "b") + label(0, 2, "c") + label(1, 0, "d")
    document = opened(tmp_path, "a.xls", xls(sheet, label(0, 0, "secret"), hidden=(1,)))
    assert text_of(document) == "S1\n\na\t\tc\n"
    said = "1 cell in hidden columns is not read; 1 hidden row is not read; 1 hidden sheet is not read"
    assert document.notices == (f"{tmp_path}/a.xls: {said}",)


def test_a_member_of_an_archive_is_read(tmp_path: Path) -> None:
    word = compound("WordDocument", b"")
    document = opened(tmp_path, "a.zip", zipped({"b.xls": xls(label(0, 0, "Ann")), "c.doc": word}))
    assert "S1\n\nAnn\n" in text_of(document)
    (skipped,) = document.skipped
    assert (skipped.path, skipped.reason.partition(" (")[0]) == ("c.doc", "an old Office file")


def test_a_sheet_may_claim_any_size(tmp_path: Path) -> None:
    claimed = record(0x0200, struct.pack("<IIHHH", 0, 0xFFFFFFFF, 0, 0xFFFF, 0))
    document = opened(tmp_path, "a.xls", xls(claimed + number(0, 0, 1) + number(65_535, 255, 2)))
    assert text_of(document) == "S1\n\n1\n" + "\t" * 255 + "2\n"


def test_a_damaged_sheet_leaves_the_others(tmp_path: Path) -> None:
    content = xls(label(0, 0, "Ann"), record(0x0204, b"\0"), label(0, 0, "Bob"))
    document = opened(tmp_path, "a.xls", content)
    assert text_of(document) == "S1\n\nAnn\n\nS3\n\nBob\n"
    assert document.notices == (f"{tmp_path}/a.xls: 1 damaged sheet is not read",)


ENCRYPTED = xls(label(0, 0, "Ann"), more=record(0x002F, bytes(54)))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (xls(b""), "a spreadsheet without text that is shown"),
        (xls(label(0, 0, "Ann"))[:1000], "damaged: it begins as an old Office file, and is cut short or broken"),
        (xls(label(0, 0, "Ann"))[:1700], "damaged: it begins as an old Excel file, and is cut short or broken"),
        (compound("Workbook", b"\xff" * 5000), "damaged: it begins as an old Excel file, and is cut short or broken"),
        (ENCRYPTED, "an old Excel file that only a password opens"),
        (compound("EncryptedPackage", b""), "an Office document that only a password opens"),
        (compound("WordDocument", b""), "an old Office file"),
        (compound("Quill", b""), "an old Office file"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=f"a.xls cannot be read: {why}"):
        opened(tmp_path, "a.xls", content)


def test_the_process_has_little_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "XLS_MEMORY", 12 << 20)
    with pytest.raises(DocumentError, match="an old Excel file that takes too much memory, or is damaged"):
        opened(tmp_path, "a.xls", xls(b"".join(number(row, 200, row) for row in range(3000))))


def test_without_xlrd_the_error_names_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gemma10m.documents.formats.xls.find_spec", lambda name: None)
    with pytest.raises(DocumentError, match="which needs xlrd") as caught:
        opened(tmp_path, "a.xls", xls(label(0, 0, "Ann")))
    assert caught.value.hint == "pip install 'gemma10m[office]'"
