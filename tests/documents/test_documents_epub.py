"""EPUB: the spine's order, chapters as places, and books that are wrong in ordinary ways."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import epub, opened, places, text_of

from gemma10m.documents import open_source
from gemma10m.errors import DocumentError

PAGES = {
    "z.xhtml": "<h1>The Inn</h1><p>It was late.</p>",
    "c.xhtml": "<h2>The Road</h2><p>Nobody came.</p><h2>Home</h2>",
}


def test_chapters_in_the_order_of_the_spine(tmp_path: Path) -> None:
    document = opened(tmp_path, "book.epub", epub({**PAGES, "unused.xhtml": "<p>x</p>"}, spine=["c.xhtml", "z.xhtml"]))
    assert text_of(document) == "The Road\n\nNobody came.\n\nHome\n\nThe Inn\n\nIt was late.\n"
    assert places(document) == [
        ("The Road", "part 1"),
        ("The Road", "chapter The Road"),
        ("Home", "chapter Home"),
        ("The Inn", "part 2"),
        ("The Inn", "chapter The Inn"),
    ]
    (file,) = document.files
    assert file.place(text_of(document).index("late")) == "chapter The Inn"
    assert not document.headed


def test_a_page_without_a_heading_has_its_number(tmp_path: Path) -> None:
    (file,) = opened(tmp_path, "book", epub({"1": "<h1>One</h1>", "2": "<p>two</p>"})).files
    assert [label for _, label in file.places] == ["part 1", "chapter One", "part 2"]


def test_names_are_percent_encoded_and_relative_to_the_list(tmp_path: Path) -> None:
    item, order = '<item id="p" href="../text/a%20b.xhtml"/>', '<itemref idref="p"/>'
    opf = f"<package><manifest>{item}</manifest><spine>{order}</spine></package>"
    content = epub({}, **{"OPS__book.opf": opf, "text__a b.xhtml": "<p>found</p>"})
    assert text_of(opened(tmp_path, "book.epub", content)) == "found\n"


def test_a_book_among_files(tmp_path: Path) -> None:
    opened(tmp_path, "book.epub", epub({"1": "<p>one</p>"}))
    (tmp_path / "broken.epub").write_bytes(epub({"1": "<p>one</p>"}, spine=["2"]))
    document = open_source(tmp_path)
    assert [(file.path, file.place(0)) for file in document.files] == [("book.epub", "part 1")]
    assert [skipped.path for skipped in document.skipped] == ["broken.epub"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (epub({"1": "<p>x</p>"}, spine=[]), "its list of chapters names none"),
        (epub({"1": "<p>x</p>"}, spine=["2"]), "its list of files has no 2"),
        (epub({"1": "<br/>"}), "a book without text"),
        (epub({}, **{"META-INF__container.xml": "<container/>"}), "names no book"),
        (epub({}, **{"META-INF__container.xml": "not XML"}), "META-INF/container.xml is not XML"),
        (epub({"1": "<p>x</p>"}, **{"OPS__book.opf": "<package"}), "its list of chapters is not XML"),
        (
            epub(
                {"1": "<p>x</p>"},
                **{"META-INF__encryption.xml": '<e><CipherReference URI="OPS/1"/><CipherReference URI="font"/></e>'},
            ),
            r"its OPS/1 is encrypted \(DRM\)",
        ),
    ],
)
def test_books_that_cannot_be_read(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=why):
        opened(tmp_path, "book.epub", content)


def test_encrypted_fonts_do_no_harm(tmp_path: Path) -> None:
    content = epub({"1": "<p>x</p>"}, **{"META-INF__encryption.xml": '<e><CipherReference URI="font"/></e>'})
    assert text_of(opened(tmp_path, "book.epub", content)) == "x\n"
