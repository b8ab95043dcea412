"""PDF: pages, scans, and the process that reads them."""

from __future__ import annotations

import gzip
import importlib.util
import os
from pathlib import Path

import pytest
from formats import opened, pdf, pdf_file, places, tarred, text_of

from gemma10m.documents import limits, open_source
from gemma10m.errors import DocumentError

BOOK = pdf("It was late.", "", "Nobody came.", "")


def test_pages_are_places(tmp_path: Path) -> None:
    document = opened(tmp_path, "book.pdf", BOOK)
    assert text_of(document) == "It was late.\n\n\n\nNobody came.\n\n"
    (file,) = document.files
    assert [label for _, label in file.places] == ["page 1", "page 2", "page 3", "page 4"]
    assert file.place(0) == "page 1"
    assert file.place(text_of(document).index("Nobody")) == "page 3"
    assert not document.headed
    assert text_of(document) == text_of(document)


@pytest.mark.parametrize("pages", [["a" * 70] * 40, ["café \\(1\\)"], ["x\\fy"]])
def test_the_text_of_every_page_comes_whole(tmp_path: Path, pages: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from gemma10m.documents.formats import own_process as module

    monkeypatch.setattr(module, "BLOCK", 7)
    document = opened(tmp_path, "book", pdf(*pages))
    assert len(document.files[0].places) == len(pages)
    assert "\f" not in text_of(document)
    for text, label in places(document):
        assert (len(text) >= 3, label.startswith("page ")) == (True, True)


def test_a_pdf_wherever_it_is_found(tmp_path: Path) -> None:
    """A file is read that is compressed, in a folder, or in the middle of an archive."""
    text = text_of(opened(tmp_path, "book.pdf", BOOK))
    assert text_of(opened(tmp_path, "book.pdf.gz", gzip.compress(BOOK))) == text
    archive = opened(tmp_path, "a.tar", tarred({"one.txt": "1", "two.pdf": BOOK, "z.txt": "3"}))
    assert [file.path for file in archive.files] == ["one.txt", "two.pdf", "z.txt"]
    assert text in text_of(archive)
    folder = open_source(tmp_path)
    assert [file.path for file in folder.files] == ["book.pdf", "book.pdf.gz"]
    assert folder.files[0].sha256 == folder.files[1].sha256 == archive.files[1].sha256


def test_a_scan_is_not_read_as_empty(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="without text: it seems to be a scan") as caught:
        opened(tmp_path, "scan.pdf", pdf("", "", ""))
    assert "ocr" in caught.value.hint


@pytest.mark.parametrize(
    ("texts", "blank", "notices"),
    [
        (1, 9, ["half.pdf: 9 of 10 pages hold no text (scanned?)"]),
        (1, 1, ["half.pdf: 1 of 2 pages hold no text (scanned?)"]),
        (3, 1, []),
        (8, 2, []),
        (9, 0, []),
    ],
)
def test_a_pdf_of_mostly_scans_is_told(
    tmp_path: Path, texts: int, blank: int, notices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "half.pdf").write_bytes(pdf(*["It was late."] * texts, *[""] * blank))
    assert list(open_source(tmp_path).notices) == notices
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("gemma10m.documents.formats.own_process.BLOCK", 7)
    assert list(open_source("half.pdf").notices) == notices
    archive = opened(tmp_path, "a.tar", tarred({"half.pdf": (tmp_path / "half.pdf").read_bytes()}))
    assert list(archive.notices) == notices


def test_a_pdf_that_is_cut_or_has_attached_files(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="damaged: it begins as a PDF, and is cut short or broken"):
        opened(tmp_path, "cut.pdf", BOOK[:300])
    files = [
        b"<</Type/EmbeddedFile/Length 5>>stream\nhello\nendstream",
        b"<</Type/Filespec/F(a)/EF<</F 6 0 R>>>>",
        b"<</Names[(a) 7 0 R]>>",
    ]
    attached = pdf("Cover.", objects=files).replace(b"/Catalog", b"/Catalog/Names<</EmbeddedFiles 8 0 R>>")
    document = opened(tmp_path, "a.pdf", attached)
    assert document.notices == (f"{tmp_path}/a.pdf: 1 attached file is not read",)


def test_a_pdf_in_name_only_is_text(tmp_path: Path) -> None:
    assert text_of(opened(tmp_path, "notes.pdf", "just text")) == "just text"


@pytest.mark.parametrize(
    ("name", "before"),
    [
        ("a", b"\r\n"),
        ("a", b"\xef\xbb\xbf \n\0"),
        ("a", b"\0\x08from a Mac" + b"\0" * 100),
        ("a.pdf", b"HTTP/1.1 200 OK\r\n\r\n"),
        ("a.PDF", b"x" * 1000),
        ("a.pdf.gz", b"From the post office: "),
    ],
)
def test_a_pdf_may_begin_late(tmp_path: Path, name: str, before: bytes) -> None:
    content = before + BOOK
    late = opened(tmp_path, name, gzip.compress(content) if name.endswith(".gz") else content)
    assert text_of(late) == text_of(opened(tmp_path, "book.pdf", BOOK))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.txt", "A PDF begins with %PDF-1.7, as everybody knows."),
        ("a", "caf\u00e9:\n%PDF-1.4\n"),
        ("a.pdf", "x" * 1020 + "%PDF-1.7"),
    ],
)
def test_a_text_that_speaks_of_pdf_is_text(tmp_path: Path, name: str, text: str) -> None:
    assert text_of(opened(tmp_path, name, text)) == text


def test_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gemma10m.documents.formats.pdf.find_spec", lambda name: None)
    with pytest.raises(DocumentError, match="a PDF, which needs pypdfium2") as caught:
        opened(tmp_path, "book.pdf", BOOK)
    assert caught.value.hint == "pip install 'gemma10m[pdf]'"


def test_the_process_ends_with_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "ALWAYS", 100)
    monkeypatch.setattr(limits, "RATIO", 0)
    before = os.listdir("/proc/self/fd"), children()
    with pytest.raises(DocumentError, match="unpacks to more than"):
        opened(tmp_path, "book.pdf", pdf(*["many words " * 6] * 200))
    assert (os.listdir("/proc/self/fd"), children()) == before


def children() -> set[str]:
    """Return the children of this process; another test's may still run."""
    return {child for path in Path("/proc/self/task").glob("*/children") for child in path.read_text().split()}


def endless_pdf() -> bytes:
    """Return a page that draws a drawing, of which each draws the next one twenty times."""
    forms = [
        b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length 100/Resources<</XObject<</X %d 0 R>>>>>>" % (number + 1)
        + b"stream\n%s\nendstream" % (b"/X Do" * 20)
        for number in range(7, 20)
    ]
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]/Contents 5 0 R/Resources<</XObject<</X 7 0 R>>>>>>"
    content = b"<</Length 5>>stream\n/X Do\nendstream"
    head = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[4 0 R]/Count 1>>", b"null"]
    return pdf_file([*head, page, content, b"null", *forms])


def test_a_page_may_not_take_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PDF_SECONDS", 1)
    monkeypatch.setattr(limits, "PDF_MEMORY", 8 << 30)  # a fast processor would meet that limit first
    with pytest.raises(DocumentError, match=r"a PDF with a page that takes more than \d+ s"):
        opened(tmp_path, "slow.pdf", endless_pdf())


def test_a_page_may_not_take_all_memory(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match="a PDF that takes too much memory"):
        opened(tmp_path, "large.pdf", endless_pdf())


def test_the_library_is_there_to_be_tested() -> None:
    assert importlib.util.find_spec("pypdfium2")
