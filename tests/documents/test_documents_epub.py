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


def book_with_contents(pages: dict[str, str], nav: str = "", ncx: str = "", in_spine: bool = False) -> bytes:
    """Make a book whose tables of contents are in a folder of their own."""
    listed = '<item id="nav" href="toc/nav.xhtml" media-type="application/xhtml+xml" properties="scripted nav"/>'
    listed += '<item id="ncx" href="toc/toc.ncx" media-type="application/x-dtbncx+xml"/>'
    items = "".join(f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in pages)
    order = "".join(f'<itemref idref="{name}"/>' for name in ["nav"] * in_spine + list(pages))
    opf = f"<package><manifest>{listed}{items}</manifest><spine toc='ncx'>{order}</spine></package>"
    more = {"OPS__toc__nav.xhtml": nav, "OPS__toc__toc.ncx": ncx}
    return epub(pages, **{"OPS__book.opf": opf, **{name: text for name, text in more.items() if text}})


def nav(*entries: tuple[str, str], kind: str = "toc", end: str = "</html>") -> str:
    links = "".join(f'<li><a href="../{href}"> {title}</a></li>' for href, title in entries)
    names = 'xmlns="http://www.w3.org/1999/xhtml" xmlns:epub="http://www.idpf.org/2007/ops"'
    other = '<nav epub:type="landmarks"><ol><li><a href="../a.xhtml">Start</a></li></ol></nav>'
    return f'<html {names}><body>{other}<nav epub:type="{kind}"><ol>{links}</ol></nav></body>{end}'


def ncx(*entries: tuple[str, str]) -> str:
    points = "".join(
        f'<navPoint><navLabel><text>{title}</text></navLabel><content src="../{href}"/></navPoint>'
        for href, title in entries
    )
    pages = (
        '<pageList><pageTarget><navLabel><text>7</text></navLabel><content src="../b.xhtml"/></pageTarget></pageList>'
    )
    return f"<ncx><docTitle><text>Book</text></docTitle>{pages}<navMap>{points}</navMap></ncx>"


BARE = {"a.xhtml": "<p>It was late.</p>", "b c.xhtml": "<h2><img/></h2><p>Nobody came.</p>"}
ENTRIES = (("a.xhtml", "The <i>Inn</i>"), ("b%20c.xhtml#x", "The Road"), ("b%20c.xhtml#y", "Later"))
TITLED = "The Inn\n\nIt was late.\n\nThe Road\n\nNobody came.\n"


@pytest.mark.parametrize(
    "content",
    [
        book_with_contents(BARE, nav(*ENTRIES)),
        book_with_contents(BARE, ncx=ncx(("a.xhtml", "The Inn"), *ENTRIES[1:])),
        book_with_contents(BARE, nav(ENTRIES[0]), ncx(*ENTRIES[1:])),
        book_with_contents(BARE, nav(*ENTRIES, end="<p>")),
    ],
    ids=["EPUB 3", "EPUB 2", "both", "damaged behind the entries"],
)
def test_a_page_without_a_heading_has_its_title_from_the_contents(tmp_path: Path, content: bytes) -> None:
    document = opened(tmp_path, "book.epub", content)
    assert text_of(document) == TITLED
    assert [label for _, label in document.files[0].places] == [
        "part 1",
        "chapter The Inn",
        "part 2",
        "chapter The Road",
    ]
    assert document.notices == ()


def test_a_page_that_begins_with_its_title_only_has_the_place(tmp_path: Path) -> None:
    content = book_with_contents({"a.xhtml": "<p><b>THE</b> inn!</p><p>x</p>"}, nav(("a.xhtml", "The Inn")))
    document = opened(tmp_path, "book.epub", content)
    assert text_of(document) == "THE inn!\n\nx\n"
    assert places(document) == [("THE inn!", "part 1"), ("THE inn!", "chapter The Inn")]


def test_titles_are_not_taken_for_pages_with_headings_or_without_text_nor_from_other_lists(tmp_path: Path) -> None:
    pages = {"a.xhtml": "<h4><i>Own</i></h4>", "b.xhtml": "<img/>", "c.xhtml": "<p>x</p>"}
    contents = nav(("a.xhtml", "A"), ("b.xhtml", "B"), ("../../c.xhtml", "C"), ("c.xhtml", "Read"))
    document = opened(tmp_path, "book.epub", book_with_contents(pages, contents))
    assert text_of(document) == "Own\n\n\nRead\n\nx\n"
    other = opened(tmp_path, "other.epub", book_with_contents(pages, nav(("c.xhtml", "C"), kind="page-list")))
    assert text_of(other) == "Own\n\n\nx\n"


def test_hostile_contents_and_headings_are_bounded(tmp_path: Path) -> None:
    page = "<h1>" + "a" * 2000 + ">" + ("<h1>" + "<" * 90) * 50_000
    contents = nav(*[("a.xhtml", "x" * 100_000)] * 50, ("..//%", "<a>" * 1000 + "</a>" * 1000))
    document = opened(tmp_path, "book.epub", book_with_contents({"a.xhtml": "<p>y</p>", "b.xhtml": page}, contents))
    assert text_of(document).startswith("x" * 80 + "\n\ny\n")


def test_contents_in_the_spine_are_read_once(tmp_path: Path) -> None:
    content = book_with_contents({"a.xhtml": "<p>x</p>"}, nav(("a.xhtml", "The Inn")), in_spine=True)
    assert text_of(opened(tmp_path, "book.epub", content)) == "1. Start\n\n1. The Inn\n\nThe Inn\n\nx\n"
