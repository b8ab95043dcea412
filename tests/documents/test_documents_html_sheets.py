"""Pages whose own style sheets hide text, or seem to."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import epub, opened, text_of

HIDDEN = {
    "a class": ("<style>.hidden { display: none }</style><p class='x hidden'>no<p>a", "a"),
    "an id, an element and a compound": (
        "<style>#x{visibility:hidden} small, b.no{display:none!important}</style>"
        "<p id=x>no<i style='visibility:visible'>yes</i><p>a<small>no</small><b class=no>no</b><b>b</b>",
        "yes\n\nab",
    ),
    "an old sheet": (
        "<style type=text/css><!-- /* .a{} */ a:after{content:'}'} .no{display:none} --></style><p class=no>no<p>a",
        "a",
    ),
    "a sheet in the body": ("<p>a<style>@import 'x.css'; .no{display:none}</style><p class=no>no", "a"),
    "no sign of it": ("<p style='opacity: 0'>no<p>a<style>.no{opacity:0.0}</style><b class=no>no</b>", "a"),
    "a phone's words": (
        "<style>.phone{display:none}@media only screen and (max-width: 600px){.phone{display:block!important}"
        ".desk{display:none!important}}</style><p class=phone>no<p class=desk>a",
        "a",
    ),
    "a printer's words": (
        "<style media=print>.a{display:none}</style><style>.paper{display:none}@media print{.paper{display:block}"
        ".a{display:none}} @media(min-width:30em){.b{display:none}} @media not print{.c{display:none}}</style>"
        "<p class=paper>no<p class=a>a<p class=b>no<p class=c>no",
        "a",
    ),
    "a later rule": ("<style>.x{display:block}.x{display:none}</style><p class=x>no<p>a", "a"),
    "a rule without an end": ("<style>.x{display:none</style><p class=x>no<p>a", "a"),
    "data is no script": (
        "<script type='application/ld+json'>{}</script><style>.x{display:none}</style><p class=x>no<p>a",
        "a",
    ),
}
SHOWN = {
    "a later rule": "<style>.x{display:none}.x{display:block}</style><p class=x>a",
    "a rule of more weight": "<style>#x{display:block}p.x{display:none}</style><p class=x id=x>a",
    "its own style": "<style>.x{display:none}</style><p class=x style=display:block>a",
    "a script": "<style>.x{display:none}</style><p class=x>a<script>show()</script>",
    "a handler": "<style>.x{display:none}</style><p class=x onclick='show()'>a",
    "an animation": "<style>@keyframes k{to{opacity:1}}.x{opacity:0}</style><p class=x>a",
    "a tab that is checked": "<style>.x{display:none}#t:checked ~ .x{display:block}</style><p class=x>a",
    "any element behind a box": "<style>.x{display:none}#t:checked ~ p{display:block}</style><p class=x>a",
    "a state": "<style>.x{display:none}.x.active{display:block}</style><p class=x>a",
    "a closed panel": "<style>.accordion-body, i{display:none}</style><p class=accordion-body><i role=tabpanel>a</i>",
    "the whole page": "<style>body, main, .x{visibility:hidden}</style><main class=x><p>a</main>",
    "a condition": "<style>.js .x, [hidden], .x:not(.y){display:none}</style><p class=x>a",
    "what may be": "<style>@media (hover){.x{display:none}} @media (width<9px){p{display:none}}</style><p class=x>a",
    "shown at this width": "<style>.x{display:none}@media(min-width:768px){.x{display:block}}</style><p class=x>a",
    "for Outlook": "<!--[if mso]><style>.x{display:none}</style><![endif]--><p class=x>a",
}


@pytest.mark.parametrize("case", HIDDEN)
def test_what_a_sheet_hides_for_good_is_not_read(tmp_path: Path, case: str) -> None:
    page, text = HIDDEN[case]
    assert text_of(opened(tmp_path, "a.html", page)) == text + "\n"
    assert text_of(opened(tmp_path, "a.epub", epub({"1.xhtml": page}))) == text + "\n"
    assert text_of(opened(tmp_path, "a.eml", f"Subject: s\nContent-Type: text/html\n\n{page}\n")).endswith(text + "\n")


LINK = '<link rel="stylesheet" href="css/s%20s.css"/>'
BOOK = {
    "a class and a sign that cannot be seen": (LINK, ".x{display:none} .y{visibility:hidden}", "a"),
    "a sheet without quotation marks": ("<LINK REL=StyleSheet HREF=css/s%20s.css>", ".x,.y{display:none}", "a"),
    "an own rule after it": (LINK + "<style>.y{display:block}</style>", ".x,.y{display:none}", "b\n\na"),
    "a sheet for printers": (LINK.replace("rel", 'media="print" rel'), ".x{display:none}", "b\n\nb\n\na"),
    "rules for another reader": (LINK, "@media amzn-mobi{.x,.y{display:none}}", "b\n\nb\n\na"),
    "another sheet": (LINK.replace('"st', '"alternate st'), ".x{display:none}", "b\n\nb\n\na"),
    "another link": (LINK.replace("stylesheet", "next"), ".x{display:none}", "b\n\nb\n\na"),
    "a comment": (f"<!-- {LINK} -->", ".x{display:none}", "b\n\nb\n\na"),
    "no sheet": (LINK.replace("css/", "../../"), ".x{display:none}", "b\n\nb\n\na"),
    "too long a sheet": (LINK, ".x{display:none}" + " " * (1 << 20), "b\n\nb\n\na"),
    "what lets a text appear": (LINK, ".x{opacity:0;animation: k 1s}", "b\n\nb\n\na"),
}


@pytest.mark.parametrize("case", BOOK)
def test_the_sheets_of_a_book_count_as_those_of_a_page(tmp_path: Path, case: str) -> None:
    link, sheet, text = BOOK[case]
    page = f"<html><head>{link}</head><body><p class='x'>b</p><p class='y'>b</p><p>a</p></body></html>"
    book = epub({"1.xhtml": ""}, **{"OPS__css__s s.css": sheet, "OPS__1.xhtml": page})
    assert text_of(opened(tmp_path, "a.epub", book)) == text + "\n"
    assert text_of(opened(tmp_path, "a.html", page.replace(">b<", ">c<"))).startswith("c\n\nc")


def test_a_note_that_a_reader_opens_is_read(tmp_path: Path) -> None:
    notes = "<aside epub:type='footnote'>a</aside><p role='doc-endnote'>b</p><p class='footnote'>c</p><p>d</p>"
    page = f"<style>aside,p{{display:none}}</style>{notes}"
    assert text_of(opened(tmp_path, "a.epub", epub({"1.xhtml": page}))) == "a\n\nb\n\nc\n"


@pytest.mark.parametrize("case", SHOWN)
def test_what_may_be_shown_is_read(tmp_path: Path, case: str) -> None:
    assert text_of(opened(tmp_path, "a.html", SHOWN[case])) == "a\n"


def test_letters_that_run_from_right_to_left_are_read_as_they_are_shown(tmp_path: Path) -> None:
    page = "<p>Write to <bdo dir=rtl>gro.elpmaxe@enna</bdo>, or <bdo dir=ltr>Eve</bdo> <bdo dir=RTL>שלום</bdo>, "
    page += "<b style='unicode-bidi: bidi-override; direction: rtl'>mo<i>t</i></b> <b style='direction:rtl'>x y</b>."
    assert text_of(opened(tmp_path, "a.html", page)) == "Write to anne@example.org, or Eve שלום, tom x y.\n"


def test_numbers_of_lines_touch_no_code(tmp_path: Path) -> None:
    page = "<pre><b class=linenos>1</b>x = 1\n<b class='linenos'>2 </b>y</pre><b class=source-line-no>001</b>package"
    assert text_of(opened(tmp_path, "a.html", page)) == "1 x = 1\n2 y\n\n001 package\n"
