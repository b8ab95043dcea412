"""Pages with text that browsers do not show, or that they show once: permalinks, icons, closed dialogs, preheaders."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import epub, opened, places, text_of

PERMALINKS = {
    "signs of headings": (
        "<h1>Widgets<a class=headerlink href='#w'>¶</a></h1><h4>Next <a href='a.html#n'><b>#</b></a></h4>"
        "<dl><dt><code>f</code>(x)<a class=headerlink href='#f'>\uf0c1</a><dd>It has <a href='#f'>#</a>.</dl>"
        "<h2><a class=anchor href='#r'>§</a>Rust</h2><p>Figure 1<a class=headerlink href='#i'>🔗\ufe0e</a>",
        "Widgets\n\nNext\n\nf(x)\nIt has #.\n\nRust\n\nFigure 1",
    ),
    "headings that are links": (
        "<h2><a class=anchor href='#t'>The Title</a></h2><h3><a href='#c'>C</a><a href=x>#</a></h3>"
        "<h2>Costs<a href='#n'>*</a></h2>",
        "The Title\n\nC#\n\nCosts*",
    ),
}
CLOSED = {
    "icons whose names are words": (
        "<p><i class=material-icons>arrow_back</i>Back<b class='x material-symbols-outlined'>expand_more</b> More "
        "<b class=material-icons-list>list</b>",
        "Back More list",
    ),
    "dialogs and what pops up": (
        "<p>a</p><dialog><p>no</dialog><dialog open>b</dialog><div popover>no</div><div popover=Manual>no</div>"
        "<div popover='A tip'>c</div>",
        "a\n\nb\nc",
    ),
    "frames": ("<p>a</p><noframes><p>no</noframes>", "a"),
    "frames alone": (
        "<frameset><frame src=about:blank><noframes><h1>It</h1>says <b>b</b>.</noframes></frameset>",
        "It\n\nsays b.",
    ),
    "frames without an end": ("<frameset><noframes><p>a<p>b", "a\n\nb"),
}
PREHEADERS = {
    "no height": (
        "<div style='max-height:0px;overflow:hidden'>no</div><div style='max-height:0;mso-hide:all'>no</div>"
        "<div style='max-height:0'>a</div><div style='max-height:0.5em;overflow:hidden'>b</div>",
        "a\nb",
    ),
    "one sign that does not hide": (
        "<a style='mso-hide:all'>Pay now</a><div style='opacity:0'>a</div><div style='opacity:0;mso-hide:all'>no</div>"
        "<script></script>",
        "Pay now\na",
    ),
    "no size of letters": (
        "<div style='font-size:0px'>no <b>no</b> <b style='font-size:9px'>a <i>b</i></b> no <b class=x>c</b></div>d",
        "a b c\nd",
    ),
    "no size around blocks": (
        "<table><tr><td style='font-size:0'><img alt=Shop><h1>Sale</h1><table><tr><td style='font-size:9px'>a<td>b"
        "</table></table>",
        "Shop\n\nSale\n\na\tb",
    ),
}
TWINS = {
    "eyes first": (
        "<p><b aria-hidden=true>An Engineer</b> <b class=visually-hidden>An <i>Engineer</i></b>.",
        "An Engineer .",
    ),
    "ears first": (
        "<p><b><b class=a-offscreen>$19.99</b><b aria-hidden=true><i>$</i>19<i>.</i><i>99</i></b></b>",
        "$19.99",
    ),
    "other texts": (
        "<p><b aria-hidden=true>5</b><b class=sr-only>five</b> <b aria-hidden=true>a</b><b aria-hidden=true>a</b> "
        "<b aria-hidden=true>b</b>c<b class=sr-only>b</b>",
        "5 five aa bc b",
    ),
    "paragraphs": (
        "<p aria-hidden=true>An <i>Engineer</i></p>\n<p class=sr-only>An Engineer</p><div class=sr-only>b</div>"
        "<div aria-hidden=true>b</div><p aria-hidden=true>c</p><p>d</p><p class=sr-only>c</p>",
        "An Engineer\n\nb\n\nc\n\nd\n\nc",
    ),
    "words for screen readers": (
        "<p><b class=sr-only>Page:</b>Home <a>Docs<b class=sr-only>(opens a tab)</b></a> 19<b class=sr-only>.</b>99",
        "Page: Home Docs (opens a tab) 19.99",
    ),
    "paragraphs that begin or end so": (
        "<p><b aria-hidden=true>5</b> is it.</p><p><b class=sr-only>5</b></p>",
        "5 is it.\n\n5",
    ),
    "blocks": (
        "<b aria-hidden=true>x</b><b class=sr-only><p>y</p>x</b>",
        "x\n\ny\n\nx",
    ),
}
CASES = {**PERMALINKS, **CLOSED, **PREHEADERS, **TWINS}


@pytest.mark.parametrize("case", CASES)
def test_a_page_is_read_as_browsers_show_it_now(tmp_path: Path, case: str) -> None:
    page, text = CASES[case]
    assert text_of(opened(tmp_path, "a.html", page)) == text + "\n"
    assert text_of(opened(tmp_path, "a.epub", epub({"1.xhtml": page}))) == text + "\n"


def test_a_permalink_is_in_no_places_name(tmp_path: Path) -> None:
    page = "<h1>Widgets<a class=headerlink href='#w'>¶</a></h1><p>x</p>"
    assert places(opened(tmp_path, "a.html", page)) == [("Widgets", "section Widgets")]
