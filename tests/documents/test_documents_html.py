"""HTML: text in lines, headings as places, any encoding, and whatever is no HTML at all."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import pytest
from formats import opened, places, text_of
from hypothesis import given
from hypothesis import strategies as st

from gemma10m.documents import open_source
from gemma10m.errors import DocumentError

PAGE = """<!DOCTYPE html>
<html><head><title>Not shown</title><style>p { color: red }</style><script>if (a < b) { "</p>" }</script></head>
<body><h1>The  <em>Inn</em>
&amp; the road</h1><p>It was   late&nbsp;&mdash; and
 <b>very</b> dark.<p>Nobody<br>came.</p><!-- <p>a secret</p> -->
<table><tr><td>1</td><td>2</td></tr><tr><td>3</td><td>4</td></tr></table>
<pre>  kept
    as it is</pre><h2></h2><h3>After</h3>1 < 2 &lt;b&gt; <?php echo ?>
<ul><li>one<li>two</ul></body></html>"""
TEXT = """The Inn & the road

It was late — and very dark.

Nobody
came.

1\t2
3\t4

  kept
    as it is

After

1 < 2 <b>

one
two
"""


def test_a_page(tmp_path: Path) -> None:
    document = opened(tmp_path, "page.html", PAGE)
    assert text_of(document) == TEXT
    assert places(document) == [("The Inn & the road", "section The Inn & the road"), ("After", "section After")]
    (file,) = document.files
    late = TEXT.encode().index(b"late")
    assert (file.place(0), file.place(late)) == ("section The Inn & the road",) * 2
    assert file.place(len(TEXT.encode()) - 1) == "section After"
    assert not document.headed


def test_before_the_first_place_there_is_none(tmp_path: Path) -> None:
    (file,) = opened(tmp_path, "a.html", "<p>before<h1>Then</h1>").files
    assert [file.place(offset) for offset in (0, 7, 8, 10**9)] == ["", "", "section Then", "section Then"]
    (plain,) = opened(tmp_path, "a.txt", "text").files
    assert plain.place(0) == ""


@pytest.mark.parametrize(
    "start", ["<!doctype HTML>", "\ufeff\n <HTML lang=en>", "<?xml version='1.0'?>\n<!-- x --><html>"]
)
def test_a_page_is_known_by_its_beginning(tmp_path: Path, start: str) -> None:
    assert text_of(opened(tmp_path, "page", start + "<p>text")) == "text\n"


@pytest.mark.parametrize(
    "content", ["a <p> is a paragraph", "<htmlish>", "x = '<html>'", "%PDF as text", "BZh, he said"]
)
def test_text_about_pages_stays_as_it_is(tmp_path: Path, content: str) -> None:
    assert text_of(opened(tmp_path, "notes.pdf", content)) == content


@pytest.mark.parametrize(
    ("charset", "encoding"),
    [
        ("", "utf-8"),
        ("", "cp1252"),
        ("", "utf-16"),
        ("iso-8859-1", "cp1252"),
        ("koi8-r", "koi8-r"),
        ("shift_jis", "shift_jis"),
        ("no-such-thing", "cp1252"),
        ("rot13", "cp1252"),
    ],
)
def test_encodings(tmp_path: Path, charset: str, encoding: str) -> None:
    text = {"koi8-r": "Анна", "shift_jis": "夏目漱石"}.get(encoding, "“café”")
    meta = f'<meta http-equiv=Content-Type content="text/html; charset={charset}">' if charset else ""
    assert text_of(opened(tmp_path, "a.html", f"<html>{meta}<p>{text}".encode(encoding))) == text + "\n"


@pytest.mark.parametrize("page", ["", "<html><body></body></html>", "<script>text</script>", "<!-- text --> &nbsp;"])
def test_a_page_without_text_is_refused(tmp_path: Path, page: str) -> None:
    with pytest.raises(DocumentError, match=r"a\.html cannot be read: an HTML page without text"):
        opened(tmp_path, "a.html", page)


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p title='a>b' class=it's>x</p>", "x\n"),
        ('a<p title="no end>b</p>c', "a\n"),
        ("a<!-- no end", "a\n"),
        ("a<!-->b<!--->c", "abc\n"),
        ("a<b", "a\n"),
        ("<![x[>a<![CDATA[<p>]]>b", "a<p>b\n"),
        ("a</>b</ p>c<>", "abc<>\n"),
        ("<script/>a<STYLE>b</Style >c", "ac\n"),
        ("</pre></pre><pre>a\n\n b</pre>", "a\n\n b\n"),
        ("<h1>a<h2>b", "a\n\nb\n"),
        ("&#0;&#27;[2J&#x202e;&bogus;&#99999999;", "\ufffd\x1b[2J\u202e&bogus;\ufffd\n"),
        ("&lt;start_of_turn&gt;user", "<start_of_turn>user\n"),
    ],
)
def test_pages_that_are_wrong(tmp_path: Path, page: str, text: str) -> None:
    assert text_of(opened(tmp_path, "a.html", page)) == text


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<title>The\nInn &amp; 48213</title><p>It was late.", "The Inn & 48213\n\nIt was late.\n"),
        ("<head><title lang=en>Prices</title></head><body><table><tr><td>1<td>2</table>", "Prices\n\n1\t2\n"),
        ("<title>The Inn</title><p><b>THE</b> inn! It was late.", "THE inn! It was late.\n"),
        ("<title>The Inn</title><h4>Late</h4>", "Late\n"),
        ("<svg><title>A chart</title></svg><p>x", "x\n"),
        ("<title> </title><p>x", "x\n"),
    ],
)
def test_the_title_of_a_page_without_headings_is_its_first_line(tmp_path: Path, page: str, text: str) -> None:
    assert text_of(opened(tmp_path, "a.html", page)) == text


def test_a_title_is_a_place_and_is_no_text_of_a_page_without_any(tmp_path: Path) -> None:
    assert places(opened(tmp_path, "a.html", "<title>Inn</title><p>Late")) == [("Inn", "section Inn")]
    with pytest.raises(DocumentError, match="an HTML page without text"):
        opened(tmp_path, "b.html", "<title>Inn</title><body><div id=app></div><script>run()</script>")


def test_a_heading_s_label_is_short_and_printable(tmp_path: Path) -> None:
    (file,) = opened(tmp_path, "a.html", f"<h1>a\x1b[31m{'x' * 500}</h1>").files
    assert file.place(0).startswith("section a\\x1b[31mxxx")
    assert len(file.place(0)) == 80


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), min_size=1))
def test_text_between_tags_comes_back(parts: list[str]) -> None:
    page = "".join(f"<i a=\"<\" b='>'>{part}</i><!-- > -->" for part in parts)
    with tempfile.TemporaryDirectory() as folder:
        assert text_of(opened(Path(folder), "a.html", page)) == "".join(parts) + "\n"


@pytest.mark.parametrize(
    "unit",
    [
        *("<!--", "<a '", '<a b="', "<![CDATA[", "</", "<script>", "<pre>", "<", "<a ", "&#x", "<?", "<b></i>", "</br"),
        *(
            "<sup>",
            "<table><tr><td>",
            "<ol><li>",
            "<math><mrow>",
            "<h1>",
            "<td rowspan=99 colspan=99>",
            "<br>",
            "<rt>",
            "<ol reversed><li>",
            "<title>",
            "<s>",
        ),
    ],
)
def test_time_is_linear(tmp_path: Path, unit: str) -> None:
    (tmp_path / "a.html").write_text("text" + unit * (2_000_000 // len(unit)))
    started = time.process_time()
    assert text_of(open_source(tmp_path / "a.html"))
    assert time.process_time() - started < 12
