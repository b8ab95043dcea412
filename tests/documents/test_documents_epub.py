"""EPUB: the spine's order, chapters as places, and books that are wrong in ordinary ways."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import CONTAINER, epub, opened, places, text_of

from gemma10m.documents import open_source
from gemma10m.errors import DocumentError

PAGES = {
    "z.xhtml": "<h1>The Inn</h1><p>It was late.</p>",
    "c.xhtml": "<h2>The Road</h2><p>Nobody came.</p><h2>Home</h2>",
}


def test_chapters_in_the_order_of_the_spine(tmp_path: Path) -> None:
    document = opened(tmp_path, "book.epub", epub(PAGES, spine=["c.xhtml", "z.xhtml"]))
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
        (epub({"1": "<p>x</p>"}, spine=[]), "its list of chapters is empty"),
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


OUTSIDE = """<package><manifest>
<item id="nav" href="nav.xhtml" properties="nav"/><item id="notes" href="notes.xhtml"/><item id="a" href="a.xhtml"/>
<item id="picture" href="p.svgz" fallback="text" media-type="image/x"/><item id="text" href="text.xhtml"/>
<item id="twice" href="./a.xhtml"/><item id="lost" href="lost.xhtml"/>
<item id="font" href="b.otf" media-type="font/otf"/>
<item id="b" href="b.xhtml" media-type="application/xhtml+xml"/><item id="empty" href="empty.xhtml"/>
</manifest><spine>
<itemref idref="notes" linear="no"/><itemref idref="picture"/><itemref idref="a"/></spine></package>"""


def test_pages_outside_the_reading_order_are_read_last(tmp_path: Path) -> None:
    pages = {f"{name}.xhtml": f"<p>{name}</p>" for name in ("nav", "notes", "text", "a", "b")} | {"empty.xhtml": ""}
    document = opened(tmp_path, "book.epub", epub(pages, **{"OPS__book.opf": OUTSIDE}))
    assert text_of(document).split() == ["text", "a", "notes", "b"]
    (notice,) = document.notices
    assert notice.endswith("book.epub: pages outside the book's reading order are read last: 2")


def test_a_file_of_another_kind_is_replaced_by_its_fallback_or_named(tmp_path: Path) -> None:
    package = """<package><manifest><item id="a" href="a.xhtml"/><item id="b" href="b.xhtml"/>
    <item id="data" href="d.json" media-type="application/json" fallback="b"/>
    <item id="sheet" href="s.pdf" media-type="application/pdf"/><item id="map" href="m.png" media-type="image/png"/>
    </manifest><spine><itemref idref="a"/><itemref idref="data"/><itemref idref="sheet"/><itemref idref="map"/>
    </spine></package>"""
    pages = {"a.xhtml": "<p>first", "b.xhtml": "<p>second", "d.json": '{"x": 1}', "s.pdf": "%PDF-1.4", "m.png": "png"}
    document = opened(tmp_path, "book.epub", epub(pages, **{"OPS__book.opf": package}))
    assert text_of(document) == "first\n\nsecond\n"
    (notice,) = document.notices
    assert notice.endswith("a chapter is missing: its OPS/s.pdf is no page")


LISTED = '<package><manifest><item id="c" href="c.xhtml"/><item id="z" href="z.xhtml"/></manifest>'
WITHOUT_ORDER = {
    "an empty order": ({"OPS__book.opf": f"{LISTED}<spine/></package>"}, "czu", "its list of chapters is empty"),
    "an order of a part": (
        {"OPS__book.opf": f'{LISTED}<spine><itemref idref="z"/></package>'},
        "zcu",
        "its list of chapters is not XML",
    ),
    "no list": ({"META-INF__container.xml": CONTAINER.format("no.opf"), "OPS__book.opf": ""}, "zcu", "no file no.opf"),
    "a list that is no XML": ({"OPS__book.opf": "<package"}, "zcu", "its list of chapters is not XML"),
}


@pytest.mark.parametrize("case", WITHOUT_ORDER)
def test_a_book_without_its_order_is_read_in_the_order_of_its_files(tmp_path: Path, case: str) -> None:
    more, order, why = WITHOUT_ORDER[case]
    content = epub({**{name: f"<p>{name[0]}</p>" for name in PAGES}, "u.htm": "<p>u</p>"}, **more)
    document = opened(tmp_path, "book.epub", content)
    assert "".join(text_of(document).split()) == order
    (notice,) = document.notices
    assert why in notice
    assert notice.endswith("; its chapters may be out of order")


@pytest.mark.parametrize("container", ["<container", "<container/>", CONTAINER.format("../../book.opf")])
def test_a_book_with_a_damaged_container_is_read_by_the_list_that_it_has(tmp_path: Path, container: str) -> None:
    content = epub(PAGES, spine=["c.xhtml", "z.xhtml"], **{"META-INF__container.xml": container})
    document = opened(tmp_path, "book.epub", content)
    assert text_of(document).startswith("The Road")
    assert "out of order" not in "".join(document.notices)
    assert len(document.notices) == 1


def test_a_damaged_list_of_encrypted_files_does_no_harm(tmp_path: Path) -> None:
    content = epub({"1": "<p>x</p>"}, **{"META-INF__encryption.xml": "<encryption"})
    assert text_of(opened(tmp_path, "book.epub", content)) == "x\n"


def titled(name: str, title: str) -> dict[str, str]:
    return {f"OPS__{name}": f"<html><head><title>{title}</title></head><body><p>It was late.</p></body></html>"}


def test_without_contents_a_page_has_its_own_title_unless_it_is_the_book_s_or_the_file_s(tmp_path: Path) -> None:
    pages = dict.fromkeys(("a.xhtml", "b.xhtml", "c.xhtml"), "")
    more = titled("a.xhtml", "The Inn") | titled("b.xhtml", "The Inn") | titled("c.xhtml", "c")
    text = "It was late.\n"
    assert text_of(opened(tmp_path, "book.epub", epub(pages, **more))) == f"The Inn\n\n{text}\n{text}\n{text}"
    with_contents = book_with_contents(dict.fromkeys(("a.xhtml", "b.xhtml"), "<p>x</p>"), nav(("b.xhtml", "B")))
    assert text_of(opened(tmp_path, "other.epub", with_contents)) == "x\n\nB\n\nx\n"


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
