"""Pages, books, subtitles and texts that were read wrongly, each as it is to be read, and what is reported."""

from __future__ import annotations

import base64
import codecs
import gzip
from pathlib import Path

import pytest
from formats import CONTAINER, epub, notebook, opened, places, text_of, zipped

from gemma10m.documents.guessing import WINDOWS_1252, not_utf8

TEX = '<annotation encoding="application/x-tex">x+2</annotation>'
KATEX = (
    f'<span class="katex"><span class="katex-mathml"><math><semantics><mrow><mi>x</mi><mo>+</mo><mn>2</mn></mrow>{TEX}'
    '</semantics></math></span><span class="katex-html" aria-hidden="true"><span>x</span><span>+</span>2</span></span>'
)
MATHJAX = (
    '<mjx-container><mjx-math aria-hidden="true"><mjx-mi>x</mjx-mi>+2</mjx-math><mjx-assistive-mml><math><mi>x</mi>'
    "<mo>+</mo><mn>2</mn></math></mjx-assistive-mml></mjx-container>"
)
WIKIPEDIA = (
    '<span style="display: none;"><math><semantics><annotation encoding="application/x-tex">{\\displaystyle x+2}'
    '</annotation></semantics></math></span><img alt="{\\displaystyle x+2}" aria-hidden="true" src="a.svg">'
)
FRACTION = (
    "<math><msup><mn>10</mn><mn>6</mn></msup><mo>+</mo><mfrac><mrow><mi>a</mi><mo>+</mo><mi>b</mi></mrow><mi>c</mi></mfrac>"
    "<annotation-xml><ci>a</ci></annotation-xml></math>"
)
LAYOUT = f"<table><tr><td>Menu</td><td><h2>News</h2><p>{'word ' * 500}</p><p>End.</p></td></tr></table>"
PICTURE = base64.b64encode(bytes(range(256)) * 4).decode()

PAGES = {
    "a note behind a number": ("<p>48213<sup>7</sup>.", "48213[7]."),
    "a note that is a link": ('<p>10<sup><a href="#n6">6</a></sup>', "10[6]"),
    "a note by its type": ('<p>48213<a epub:type="noteref" href="n.xhtml#7">7</a>', "48213[7]"),
    "a note by its class": ('<p>48213<a class="footnote-ref" href="#7"><sup>7</sup></a>', "48213[7]"),
    "raised by a style": ('<p>48213<span style="vertical-align: super">7</span>', "48213[7]"),
    "a power": ("<p>10<sup>6</sup> kg, 10<sup>&minus;6</sup>, x<sup>2</sup>", "10^6 kg, 10^−6, x^2"),
    "an ordinal": ("<p>the 1<sup>st</sup> I<sup>2</sup>C bus", "the 1st I2C bus"),
    "a fraction": ("<p>3<sup>1</sup>/<sub>2</sub>", "3 1/2"),
    "what is lowered": ("<p>H<sub>2</sub>O, x<sub>n</sub>, 48213<sub>7</sub>", "H2O, x_n, 48213_7"),
    "ruby": ("<p><ruby>東京<rp>(</rp><rt>とうきょう</rt><rp>)</rp></ruby>タワー", "東京タワー"),
    "ruby without ends": ("<p><ruby><rb>東<rb>京<rt>とう<rt>きょう</ruby>タワー", "東京タワー"),
    "ruby in turns": ("<p><ruby>東<rt>とう<rb>京<rt>きょう</ruby>タワー", "東京タワー"),
    "blocks in cells": (
        "<table><tr><th><p>Name<th><p>Number<tr><td><div>a</div><div>b</div><td><ul><li>1<li>2</ul><tr><td>a<br>b<td>c</table>",
        "Name\tNumber\na b\t1 2\na b\tc",
    ),
    "empty cells": (
        "<table><tr><th>a<th>b<th>c<tr><td><td>&nbsp;<td>3<tr><td>1<td><td>3</table>",
        "a\tb\tc\n\t\t3\n1\t\t3",
    ),
    "wide cells": ("<table><tr><td colspan=2>a<td>b<tr><td colspan=99>c</table>", "a\t\tb\nc"),
    "tall cells": (
        "<table><tr><td rowspan=2>a<td>b<td rowspan=2>c<td>d<tr><td>e<td>f<tr><td>g</table>",
        "a\tb\tc\td\n\te\t\tf\ng",
    ),
    "a tall cell ends with its rows": (
        "<table><tbody><tr><td rowspan=0>a<td>b<tr><td>c</tbody><tbody><tr><td>d</table>",
        "a\tb\n\tc\nd",
    ),
    "a table in a cell": ("<table><tr><td>a<td><table><tr><td>1<td>2</table><td>z</table>", "a\t1 2\tz"),
    "a caption": (
        "<table><caption>Prices</caption><thead><tr><th>a<th>b</thead><tr><td>1<td>2</table>",
        "Prices\na\tb\n1\t2",
    ),
    "cells without a table": ("<td>a<td>b", "a\tb"),
    "a table for the layout": (LAYOUT, f"Menu\n\nNews\n\n{('word ' * 500).strip()}\n\nEnd."),
    "code in a cell": ("<table><tr><td><pre>1\n2</pre><td><pre>a\n  b</pre></table>", "1\n2\n\na\n  b"),
    "KaTeX": (f"<p>So {KATEX} holds.", "So x+2 holds."),
    "MathJax": (f"<p>So {MATHJAX} holds.", "So x+2 holds."),
    "MathJax that has not run": ('<p>So <script type="math/tex">x+2</script> holds.', "So x+2 holds."),
    "Wikipedia's formulas": (f"<p>So {WIKIPEDIA} holds.", "So x+2 holds."),
    "MathML with a prefix": ("<p><m:math alttext='x+2'><m:mi>x</m:mi></m:math>", "x+2"),
    "MathML alone": (f"<p>{FRACTION}", "10^6+(a+b)/c"),
    "MathML in a matrix": (
        "<math><mn>7</mn><mtable><mtr><mtd>12<mtd>34<mtr><mtd>5<mtd>6</mtable></math>, "
        "<math><mo>(</mo><mtable> <mtr> <mtd>a</mtd> <mtd>b</mtd></mtr></mtable><mo>)</mo></math>",
        "7 12 34; 5 6, (a b)",
    ),
    "MathML's roots": (
        "<math><mroot><mi>x</mi><mn>3</mn></mroot></math>, <math><msqrt><mi>x</mi><mo>+</mo><mn>1</mn></msqrt></math>",
        "x^(1/3), √(x+1)",
    ),
    "MathML's numbers": (
        "<math><mn>1</mn><mfrac><mrow><mn>1</mn></mrow><mn>2</mn></mfrac></math>, "
        "<m:math><m:msup><m:mrow><m:mi>a</m:mi><m:mo>+</m:mo><m:mi>b</m:mi></m:mrow><m:mn>2</m:mn></m:msup></m:math>",
        "1 1/2, (a+b)^2",
    ),
    "quotes": ("<p>He said <q>no</q>.", "He said “no”."),
    "hidden": (
        "<p>a<span hidden>b</span><b style='color:red; DISPLAY : none'>c</b><i hidden aria-hidden=true>d</i>"
        "<template>e</template><noscript>f</noscript>g",
        "ag",
    ),
    "soft hyphens": ("<p>am&shy;ber&#x200b;-lan&#173;tern<wbr>s", "amber-lanterns"),
    "entities without an end": ("<p>caf&eacute &copy 1 &ampx", "café © 1 &x"),
    "line breaks": ("a<br/>b</br>c<BR clear=all>d<br><br>e", "a\nb\nc\nd\n\ne"),
    "a form": (
        "<textarea>a\n  b</textarea><select><option>c<option>d</select><input value=48213>",
        "a\n  b\nc\nd\n48213",
    ),
    "a picture": ('<p>See <img alt="a chart" src="data:image/png;base64,AAAA">.', "See a chart ."),
    "what opens": ("<details><summary>More</summary>It was late.</details>", "More\nIt was late."),
    "numbered lists": (
        "<ol><li>one<li><p>two</p><ol type=a start=3><li>c<li>d</ol><li value=9>nine</ol><ol type=I><li>x<li>y</ol>",
        "1. one\n\n2. two\n\nc. c\nd. d\n\n9. nine\n\nI. x\nII. y",
    ),
    "lists that count down": (
        "<ol reversed><li>c<li>b<table><tr><td><ol reversed type=a><li>x<li>y<td>z</table>"
        "<li></li><li value=9>i<li>h</ol><ol reversed start=4><li>d</ol>",
        "5. c\n4. b\n\nb. x a. y\tz\n\n3.\n9. i\n8. h\n\n4. d",
    ),
    "CDATA": ("<p>a<![CDATA[ < b & c]]></p>", "a < b & c"),
    "a document type with more in it": ('<!DOCTYPE html [<!ENTITY a "b">]><html><p>text', "text"),
    "a comment in a comment": ("a<!-- <!-- -->b", "ab"),
}


@pytest.mark.parametrize("case", PAGES)
def test_a_page_is_read_as_it_is_shown(tmp_path: Path, case: str) -> None:
    page, text = PAGES[case]
    assert text_of(opened(tmp_path, "a.html", page)) == text + "\n"
    if "DOCTYPE" not in page:
        assert text_of(opened(tmp_path, "a.epub", epub({"1.xhtml": page}))) == text + "\n"


@pytest.mark.parametrize(
    "page",
    [
        "<p><del>10</del><ins>12</ins>",
        "<p><s>10</s>12",
        "<p><strike>10</strike>12",
        "<p><span style='color: red; text-decoration: 2px LINE-THROUGH'>10</span>12",
        "<p><span style='text-decoration-line: underline line-through'>10</span>12",
        "<p><span role=deletion>10</span>12",
        "<del><p><b>10</b></p></del><p>12",
    ],
)
def test_struck_text_is_left_out_as_deletions_are_and_reported(tmp_path: Path, page: str) -> None:
    for document in (
        opened(tmp_path, "a.html", page),
        opened(tmp_path, "a.epub", epub({"1.xhtml": page, "2.xhtml": "<p/>"})),
    ):
        assert text_of(document).strip() == "12"
        assert [notice.partition(": ")[2] for notice in document.notices] == [
            "2 characters of struck text are not read"
        ]


def test_a_heading_in_a_list_that_counts_down_is_a_place(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.html", "<ol reversed><li><h2>Two</h2><li><h2>One</h2></ol>")
    assert places(document) == [("2. Two", "section 2. Two"), ("1. One", "section 1. One")]


def test_a_row_s_heading_is_its_place(tmp_path: Path) -> None:
    assert places(opened(tmp_path, "a.html", "<table><tr><td>x</td><td><h2>In</h2>y</table>")) == [
        ("x\tIn y", "section In")
    ]


GUESSED = f"{{}}: it is {not_utf8(WINDOWS_1252)}"
ONE = "{}: 1 byte is not UTF-8: read as U+FFFD"
CHARSETS = {
    "gb2312 is gb18030": (b'<meta charset="gb2312"><p>' + "朱镕基在北京".encode("gbk"), "朱镕基在北京", ()),
    "latin1 is Windows-1252": (b"<meta charset=latin1><p>\x93caf\xe9\x94 \xc3\xa9", "“café” Ã©", ()),
    "a label of a browser": (b"<meta charset=x-sjis><p>" + "夏目漱石①".encode("cp932"), "夏目漱石①", ()),
    "one wrong byte": ("<meta charset=utf-8><p>Zoë “€”".encode() + b"\x80", "Zoë “€”\ufffd", (ONE,)),
    "one wrong byte, nothing declared": ("<p>Zoë “€”".encode() + b"\x80", "Zoë “€”\ufffd", (ONE,)),
    "a script's charset": (
        b"<script src=x charset=utf-8></script><form accept-charset=utf-8>"
        b"<meta http-equiv=content-type content='text/html; charset=koi8-r'><p>" + "Анна".encode("koi8-r"),
        "Анна",
        (),
    ),
    "in a comment": (b"<!-- <meta charset=koi8-r> --><p>caf\xe9", "café", (GUESSED,)),
    "after the first kilobyte": (b"<p>" + b" " * 1024 + b"<meta charset=koi8-r>caf\xe9", "café", (GUESSED,)),
    "nothing declared": ("<p>Größe".encode("cp1252"), "Größe", (GUESSED,)),
    "a mark before what is declared": (codecs.BOM_UTF8 + "<meta charset=koi8-r><p>café".encode(), "café", ()),
    "UTF-16 says UTF-8": (codecs.BOM_UTF16_LE + "<meta charset=utf-8><p>café".encode("utf-16-le"), "café", ()),
    "UTF-16 without a mark": ("<p>café".encode("utf-16-be"), "café", ("{}: no byte-order mark: read as UTF-16-BE",)),
    "half a character of UTF-16": (codecs.BOM_UTF16_LE + "<p>a".encode("utf-16-le") + b"\0\xd8", "a\ufffd", (ONE,)),
    "declared in XML": ("<?xml version='1.0' encoding='windows-1251'?><p>Анна".encode("cp1251"), "Анна", ()),
}


@pytest.mark.parametrize("case", CHARSETS)
def test_charsets_are_as_browsers_take_them(tmp_path: Path, case: str) -> None:
    page, text, notices = CHARSETS[case]
    document = opened(tmp_path, "a.html", page)
    assert text_of(document) == text + "\n"
    said = [each.format(tmp_path / "a.html") for each in notices]
    assert [each.replace("UTF-16-LE", "UTF-8") for each in document.notices] == said


def package(items: str, spine: str, before: str = "") -> str:
    return f"{before}<package><manifest>{items}</manifest><spine>{spine}</spine></package>"


def item(name: str, href: str, more: str = "") -> str:
    return f'<item id="{name}" href="{href}" {more}/>'


A, B = item("a", "a.xhtml"), item("b", "b.xhtml")
ORDER = '<itemref idref="a"/><itemref idref="b"/>'
OEB = '<!DOCTYPE package PUBLIC "+//I" "http://o.org/p" [<!ENTITY % e PUBLIC "e" "http://o.org/e">%e;<!ENTITY n "x">]>'
MISSING = "a chapter is missing: "
BOOKS: dict[str, tuple[dict[str, str], str]] = {
    "an id of nothing": (
        {"OPF": package(A + B, '<itemref idref="cover"/>' + ORDER)},
        "its list of files has no cover",
    ),
    "a file that is not there": (
        {"OPF": package(A + B + item("c", "c.xhtml"), '<itemref idref="c"/>' + ORDER)},
        "the book has no file OPS/c.xhtml",
    ),
    "a chapter that is none": (
        {"OPF": package(A + B + item("c", "c.bin"), ORDER + '<itemref idref="c"/>'), "OPS/c.bin": "\0\1\2"},
        "its OPS/c.bin is binary (a NUL byte at offset 0)",
    ),
    "a chapter out of the book": (
        {"OPF": package(A + B + item("c", "/etc/passwd"), ORDER + '<itemref idref="c"/>')},
        "/etc/passwd would lie outside of the book",
    ),
    "one that is encrypted": (
        {
            "OPF": package(A + B + item("c", "c.xhtml"), ORDER + '<itemref idref="c"/>'),
            "OPS/c.xhtml": "<p>c",
            "META-INF/encryption.xml": '<e><CipherReference URI="OPS/c.xhtml"/></e>',
        },
        "its OPS/c.xhtml is encrypted (DRM)",
    ),
    "pictures": (
        {
            "OPF": package(A + B + item("c", "c.jpg", 'media-type="image/jpeg"'), '<itemref idref="c"/>' + ORDER),
            "OPS/c.jpg": "\0\1",
        },
        "",
    ),
    "a picture instead of which a page is read": (
        {"OPF": package(item("c", "c.svgz", 'media-type="image/x" fallback="a"') + A + B, ORDER.replace('"a"', '"c"'))},
        "",
    ),
    "a document type": ({"OPF": package(A + B, ORDER, '<!DOCTYPE package PUBLIC "+//ISBN" "http://o.org/p.dtd">')}, ""),
    "a document type with more in it": ({"OPF": package(A + B, ORDER, OEB)}, ""),
    "white space first": ({"OPF": package(A + B, ORDER, '\n <?xml version="1.0"?>\n')}, ""),
    "white space in names": (
        {
            "OPF": package(item(" a\n", " a.xhtml "), '<itemref idref=" a"/>' + '<itemref idref="b"/>').replace(
                "</m", B + "</m"
            )
        },
        "",
    ),
    "percent signs, case, places": (
        {"OPF": package(item("a", "%41.XHTML#start") + item("b", "../OPS/./b.xhtml"), ORDER)},
        "",
    ),
    "from the top": ({"OPF": package(item("a", "/OPS/a.xhtml") + item("b", "..\\OPS\\b.xhtml"), ORDER)}, ""),
}


@pytest.mark.parametrize("case", BOOKS)
def test_a_book_is_read_without_what_it_lacks(tmp_path: Path, case: str) -> None:
    members, missing = BOOKS[case]
    book: dict[str, bytes | str] = {"META-INF/container.xml": CONTAINER.format("OPS/book.opf")}
    book |= {"OPS/a.xhtml": "<h1>One</h1>", "OPS/b.xhtml": "<p>two</p>", "OPS/book.opf": members["OPF"]}
    book |= {name: content for name, content in members.items() if name != "OPF"}
    document = opened(tmp_path, "a.epub", zipped(book))
    assert text_of(document) == "One\n\ntwo\n"
    assert list(document.notices) == ([f"{tmp_path}/a.epub: {MISSING}{missing}"] if missing else [])


def test_all_notices_of_a_book_are_said(tmp_path: Path) -> None:
    opf = package(item("1", "1") + item("2", "2"), '<itemref idref="1"/><itemref idref="2"/>')
    content = zipped(
        {
            "META-INF/container.xml": CONTAINER.format("b.opf"),
            "b.opf": opf,
            "1": f"<p>Zoë’s café data:image/png;base64,{PICTURE}".encode() + b" \xff",
        }
    )
    (notice,) = opened(tmp_path, "a.epub", content).notices
    assert "1 byte is not UTF-8" in notice
    assert "characters of base64 left out" in notice
    assert "the book has no file 2" in notice


SRT = (
    "1\n00:00:01,000 --> 00:00:04,000 X1:1\n<i>Hello</i> there,\n\n"
    "2\n00:01:05,500 --> 00:01:07,000\n{\\an8}48213\n2 &amp; 3\n"
)
VTT = (
    "WEBVTT - Title\nKind: captions\n\nSTYLE\n::cue { color: red }\n\nNOTE a\nremark\n\n"
    "intro\n00:01.000 --> 00:04.000 line:0\n"
    "<v Anne>Hello <c.loud>there</c>,\n\n00:01:05.500 --> 01:01:07.000\n48213\n2 &amp; 3\n"
)
SBV = "0:00:01.000,0:00:04.000\nHello there,\n\n0:01:05.500,0:01:07.000\n48213[br]2 & 3\n"
ASS = (
    "[Script Info]\nTitle: x\n\n[Events]\n"
    "Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n"
    "Comment: 0,0:00:00.00,0:00:01.00,D,,0,0,0,,no\n"
    "Dialogue: 0,0:00:01.00,0:00:04.00,D,,0,0,0,,{\\i1}Hello{\\i0} there,\n"
    "Dialogue: 0,0:01:05.50,0:01:07.00,D,,0,0,0,,48213\\N2 & 3\n"
    "Dialogue: 0,0:02:00.00,0:02:07.00,D,,0,0,0,,{\\p1}m 0 0\n"
)


@pytest.mark.parametrize(
    ("name", "content"), [("a.srt", SRT), ("a.vtt", VTT), ("a.sbv", SBV), ("a.ass", ASS), ("a.ssa", ASS)]
)
def test_subtitles_are_what_is_said(tmp_path: Path, name: str, content: str) -> None:
    for ends in (content, content.replace("\n", "\r\n"), "\ufeff" + content):
        document = opened(tmp_path, name, ends)
        assert text_of(document).removeprefix("Anne: ") == "Hello there,\n48213\n2 & 3\n"
        assert [label for _, label in document.files[0].places] == ["time 00:00:01", "time 00:01:05"]
        assert document.files[0].place(len(text_of(document)) - 2) == "time 00:01:05"


def test_readings_are_left_out_of_subtitles(tmp_path: Path) -> None:
    cue = (
        "WEBVTT\n\n00:01.000 --> 00:04.000\n<ruby>東<rt>とう</rt>京<rt.a>きょう</ruby>タワー\n<ruby>48<rt>213</ruby>\n"
    )
    assert text_of(opened(tmp_path, "a.vtt", cue)) == "東京タワー\n48\n"


def test_a_text_that_is_called_subtitles_stays_as_it_is(tmp_path: Path) -> None:
    assert text_of(opened(tmp_path, "a.srt", "no times\n")) == "no times\n"


@pytest.mark.parametrize(
    "name", ["index.php", "App.vue", "a.svelte", "a.jsx", "a.html.erb", "a.jinja", "a.aspx", "b.php.gz"]
)
def test_source_is_read_as_source(tmp_path: Path, name: str) -> None:
    source = "<!DOCTYPE html>\n<html><?php $limit = 48213; ?>\n<script>const retries = 7;</script></html>\n"
    content = gzip.compress(source.encode()) if name.endswith(".gz") else source
    assert text_of(opened(tmp_path, name, content)) == source


def test_a_program_that_is_called_a_page_is_source(tmp_path: Path) -> None:
    source = "<?php $limit = 48213;\n?><html><p>x</html>"
    assert text_of(opened(tmp_path, "a.html", source)) == source


@pytest.mark.parametrize("end", ["\r", "\x85"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_other_ends_of_lines_are_lines(tmp_path: Path, encoding: str, end: str) -> None:
    if end == "\r" or encoding.startswith("utf-8"):  # elsewhere NEL is an ellipsis, or ends no line
        text = f"first é{end}{end}third – “x”{end}"
        assert text_of(opened(tmp_path, "a.txt", text.encode(encoding))) == text.replace(end, "\n")


URI = f"data:image/png;base64,{PICTURE}"
SHORT = "data:image/png;base64,..."
WITH_PICTURES = {
    "a.md": (f"# Notes\n\n![plot]({URI})\n\n[1]: {URI}\n", f"# Notes\n\n![plot]({SHORT})\n\n[1]: {SHORT}\n"),
    "a.css": (f"a {{ background: url('{URI}') }}\n", f"a {{ background: url('{SHORT}') }}\n"),
    "a.html": (f"<pre>{URI}</pre>", f"{SHORT}\n"),
    "a.ipynb": (notebook({"source": f"![]({URI})", "outputs": [{"text": [URI]}]}), f"![]({SHORT})\n{SHORT}\n"),
}


@pytest.mark.parametrize("name", WITH_PICTURES)
def test_files_in_base64_are_shortened_and_said(tmp_path: Path, name: str) -> None:
    content, text = WITH_PICTURES[name]
    document = opened(tmp_path, name, content)
    assert text_of(document) == text
    (notice,) = document.notices
    assert "characters of base64 left out" in notice


def test_frames_are_named(tmp_path: Path) -> None:
    page = "<frameset><frame src='menu.html'><frame src='main.html'><noframes>Use a browser.</noframes></frameset>"
    (notice,) = opened(tmp_path, "a.html", page).notices
    assert "its frame menu.html is a page of its own, and not read" in notice
    assert "its frame main.html is a page of its own, and not read" in notice
