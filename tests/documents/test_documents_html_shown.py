"""Pages whose tables, lists, forms, charts and hidden text were read in another way than browsers show them."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import epub, opened, text_of

INNER = "<table><tr><th>Item<th>Price<th>Number<tr><td>amber<td>48213<td><tr><td>cedar<td><td>90417</table>"
ROWS = "Item\tPrice\tNumber\namber\t48213\t\ncedar\t\t90417"
LONG = "It was late, and nobody came down the road to the inn that winter. " * 4

TABLES = {
    "a receipt": (
        f"<table><tr><td><table><tr><td><h1>Receipt</h1><p>Thank you.</p>{INNER}<p>Paid.</table></table>",
        f"Receipt\n\nThank you.\n\n{ROWS}\n\nPaid.",
    ),
    "between empty cells": (
        "<table><tr><td>&nbsp;<td><table><tr><td>1<td><td>3</table><td>&nbsp;</table>",
        "1\t\t3",
    ),
    "beside a menu": (f"<table><tr><td>Menu<td>{INNER}</table>", f"Menu\n\n{ROWS}"),
    "paragraphs beside a menu": (
        "<table><tr><td><p>Menu<p>Home<td><p>First.<p>Second.<ul><li>one<li>two</ul></table>",
        "Menu\n\nHome\n\nFirst.\n\nSecond.\n\none\ntwo",
    ),
    "long paragraphs": (f"<table><tr><td>Menu<td><p>{LONG}<p>b<p>c</table>", f"Menu\n\n{LONG.strip()}\n\nb\n\nc"),
    "news in columns": (
        "<table><tr><td><h3>A</h3><p>one<td><h3>B</h3><p>two</table>",
        "A\n\none\n\nB\n\ntwo",
    ),
    "one column": ("<table><tr><td>Anne<br>High Street<tr><td><p>Ives</table>", "Anne\nHigh Street\n\nIves"),
    "paragraphs under a heading": (
        f"<table><tr><th>a<th>b<tr><td><p>{LONG}<p>2<p>3<td>4</table>",
        f"a\tb\n{LONG.strip()} 2 3\t4",
    ),
    "paragraphs under a plain row": (
        f"<table><tr><td>a<td>b<tr><td><p>{LONG}<p>2<p>3<td>4</table>",
        f"a\tb\n{LONG.strip()} 2 3\t4",
    ),
    "short paragraphs beside a number": (
        "<table><tr><td><p>amber<p>blue<p>new<td>48213</table>",
        "amber blue new\t48213",
    ),
    "columns of no width": ("<table><tr><td colspan=0>one<td>two</table>", "one\ttwo"),
    "rows to the end": ("<table><tr><td rowspan=0>a<td>b<tr><td>c<tr><td>d</table>", "a\tb\n\tc\n\td"),
    "a foot before its body": (
        "<table><thead><tr><th>Item<th>Price<tfoot><tr><td>Total<td>30<tbody><tr><td>pear<td>30</table><p>x",
        "Item\tPrice\npear\t30\nTotal\t30\n\nx",
    ),
    "a foot without an end": ("<table><tfoot><tr><td>Total<td>30", "Total\t30"),
    "a foot in a cell": (
        "<table><tr><td><table><tfoot><tr><td>1<td>2</tfoot><tr><td>3<td>4</table></table>",
        "3\t4\n1\t2",
    ),
    "stray cells": ("<p>before<td>a<td>b</td><p>after 1<p>after 2", "before\n\na\tb\n\nafter 1\n\nafter 2"),
    "stray cells before a table": (
        "<td>a<td>b</td><div><table><tr><td>1<td>2</table></div>",
        "a\tb\n\n1\t2",
    ),
    "lines in a cell": (
        "<table><tr><th>Cmd<th>Out<tr><td>ls<td><pre>a\nb</pre><tr><td>Notes<td><textarea>1\n2</textarea></table>",
        "Cmd\tOut\nls\ta b\nNotes\t1 2",
    ),
    "lines behind text in a cell": (
        "<table><tr><td>2.2.<td>It says:<pre>a\nb</pre></table>",
        "2.2.\nIt says:\n\na\nb",
    ),
    "tables by role": (
        "<div role=table><div role=rowgroup><div role=row><b role=columnheader>Name</b><b role=columnheader>2019</b>"
        "</div></div>\n<div role=row> <i role=cell></i> <i role=cell>5</i> </div></div><ul role=grid><li role=row>"
        "<b role=gridcell>a</b><b role=gridcell><span role=row><span role=cell>b</span>c</span></b></ul>d",
        "Name\t2019\n\t5\n\na\tbc\n\nd",
    ),
    "tables by style": (
        "<b style='display:table'><b style='display:table-row'><b style='display:table-cell'>a</b>"
        "<b style='display:table-cell'>b</b></b><b style='display: table-row'><b style='display:table-cell'></b>"
        "<b style='display:table-cell'>5</b></b></b>c",
        "a\tb\n\t5\nc",
    ),
    "a table by role in a cell": (
        "<table><tr><td><div role=table><p role=row><b role=cell>1</b><b role=cell>2</b></p></div><td>3</table>",
        "1 2\t3",
    ),
    "roles that are in no table": ("<p role=row><b role=cell>a</b><b role=cell>b</b>", "ab"),
    "code in a cell": (
        "<table><tr><td>1<td><pre>  x = 1</pre><tr><td>2<td><pre>if x:\n  y()</pre></table>",
        "1\t  x = 1\n2\n\nif x:\n  y()",
    ),
}

LISTS = {
    "letters": ('<ol style="color:red; list-style-type: lower-alpha !important"><li>x<li>y</ol>', "a. x\nb. y"),
    "Roman numerals": ("<ol style='list-style: inside upper-roman'><li>x<li value=4>y</ol>", "I. x\nIV. y"),
    "zeros": ("<ol style=list-style-type:decimal-leading-zero start=9><li>x<li>y</ol>", "09. x\n10. y"),
    "behind z": ("<ol type=a start=26><li>x<li>y<li value=703>z</ol>", "z. x\naa. y\naaa. z"),
    "no numbers": ("<ol style='list-style: none'><li>x<li>y</ol>", "x\ny"),
    "no numbers counting down": ("<ol reversed style='list-style: none'><li>x<li>y</ol>", "x\ny"),
    "one item without": ("<ol><li style='list-style:none'>x<li>y<li type=disc>z</ol>", "x\n2. y\nz"),
    "one item of a kind": ("<ul><li type=i>x<li>y</ul>", "i. x\ny"),
    "numbers of a list with bullets": ("<ul style='list-style-type: decimal'><li>x</ul>", "1. x"),
    "a style that is not known": ("<ol style='list-style-type: georgian'><li>x</ol>", "1. x"),
    "a list first in an item": (
        "<ol><li><ol type=a><li>x<li>y</ol><li>z<li><ul><li>b</ul></ol>",
        "1. a. x\nb. y\n\n2. z\n\n3. b",
    ),
    "empty items": ("<ol><li>x<li><li><img><li><ol type=a><li></ol></ol>", "1. x\n2.\n3.\n\n4. a."),
}

FORMS = {
    "the option that is selected": ("<select><option>Yes<option selected>No</select>", "Yes\n[x] No"),
    "labels of options": (
        "<select><optgroup label=Small><option>S1</optgroup><optgroup label=Large><option label=Huge>L1</select>",
        "Small\nS1\nLarge\nHuge",
    ),
    "kinds of fields": (
        "<input type=datetime-local value=2024-03-01T10:00><input type='' value=b><input type=foo value=c>"
        "<input type=hidden value=d><input type=Password value=e><input type=submit value=f>",
        "2024-03-01T10:00 b c",
    ),
    "buttons": ("<button>Save</button><button>Cancel</button>", "Save Cancel"),
}

INLINE = {
    "texts of a chart": (
        "<svg><text>Sales 2019</text><text>48213</text><g><text>North<tspan x=0 dy=10>South</tspan>"
        "<tspan x=0 y=20>East</tspan><tspan x=9>West</tspan><tspan dy=-3>2</tspan></text></g></svg>",
        "Sales 2019\n48213\nNorth\nSouth\nEast West2",
    ),
    "lines of Chinese and Japanese": (
        "<p>東京\n   タワー、 \n日本 語\nx\n語<pre>東\n京</pre>",
        "東京タワー、日本 語 x 語\n\n東\n京",
    ),
    "a raised note in its link": (
        "<p>50<a href='#n'><sup>7</sup></a>, 50<a href='n.html#n' style='vertical-align: super'>7</a>,"
        "50<a href=#n><span class=sup>7</span></a>, 50<sup><a href='n.html#n'>7</a></sup>",
        "50[7], 50[7],50[7], 50[7]",
    ),
    "a power in a link": (
        "<p><a href='#n'>see 10<sup>6</sup></a>, 10<a href=n><sup>6</sup></a><p><sup>a</sup> c",
        "see 10^6, 10^6\n\na c",
    ),
    "pieces shown as blocks": (
        "<p><span style='display:block'>a</span><span style='color:red;display: flex'>b</span>c"
        "<span style='display:inline-block'>d</span>",
        "a\nb\ncd",
    ),
    "lines that a block keeps": ("<div style='white-space:pre-wrap'>a\n  b</div><p>c\nd", "a\n  b\n\nc d"),
    "lines that a piece keeps": (
        "<p>x <span style='white-space:pre-wrap'>a\n  b  c\n</span>y\nz <b style=line-break:after-white-space>1\n2</b>",
        "x a\n  b c\ny z 1 2",
    ),
    "text that only eyes get": (
        "<p>Price <span aria-hidden=true>4.5</span> stars, <b aria-hidden=true>77</b><i class='x material-icons' "
        "aria-hidden=true>menu</i><a aria-hidden=true href=#x>The link</a><a aria-hidden=true href=#x> # </a>",
        "Price 4.5 stars, 77The link",
    ),
    "a shadow tree": (
        "<div><template shadowrootmode=open><p>Shadow <slot></slot></template>light</div><template>no</template>",
        "Shadow\n\nlight",
    ),
    "a page in a frame": (
        "<p>a<table><tr><td>b<td><iframe srcdoc='<p>c<p>d'>no</iframe></table><p>e",
        "a\n\nb\tc d\n\ne",
    ),
    "brackets of MathML": (
        "<math><mfenced><mi>x</mi><mi>y</mi></mfenced></math>, <math><mfenced open=[ close=] separators=' ; '>"
        "<mn>1</mn><mn>2</mn><mn>3</mn></mfenced></math>, <math><mi>f</mi><mfenced><mi>x</mi></mfenced></math>",
        "(x,y), [1;2;3], f(x)",
    ),
    "MathML's scripts before a sign": (
        "<math><mmultiscripts><mi>C</mi><mprescripts/><mn>6</mn><mn>14</mn></mmultiscripts></math>, "
        "<math><mi>x</mi><mmultiscripts><mi>R</mi><mi>i</mi><none></none><none></none><mi>j</mi><mprescripts/>"
        "<none></none><mrow><mi>a</mi><mo>+</mo><mn>2</mn></mrow></mmultiscripts><mo>=</mo><mn>1</mn></math>",
        "_6^14C, x ^(a+2)R_i^j=1",
    ),
    "MathML that is not shown": (
        "<math><mi>x</mi><mo>=</mo><mphantom><msup><mn>9</mn><mn>9</mn></msup></mphantom><mn>3</mn></math>, "
        "<math><msup><mi>x</mi><mrow></mrow></msup></math>",
        "x=3, x",
    ),
    "MathML's stacks and roots": (
        "<math><mo>(</mo><mfrac linethickness=0.0pt><mi>n</mi><mi>k</mi></mfrac><mo>)</mo></math>, "
        "<math><menclose notation=radical><mn>7</mn></menclose></math>",
        "(n; k), √7",
    ),
    "MathML's spaces": (
        "<math><mn>1</mn><mtext>&nbsp;if&nbsp;</mtext><mi>x</mi><mspace width='1em'></mspace><mi>y</mi><mspace "
        "width='0.17em'></mspace><mi>z</mi><mtext>&#x2003;</mtext><mi>w</mi><mspace width='-1em'></mspace><mo>&thinsp;"
        "</mo><mi>v</mi></math>",
        "1 if x yz wv",
    ),
    "MathML's bounds before a word": (
        "<math><munderover><mo>∑</mo><mn>1</mn><mi>n</mi></munderover><mi>k</mi></math>, <math><msubsup><mo>∫</mo><mn>0"
        "</mn><mn>1</mn></msubsup><mo>(</mo><msubsup><mi>x</mi><mn>1</mn><mn>2</mn></msubsup><mo>)</mo></math>",
        "∑_1^n k, ∫_0^1(x_1^2)",
    ),
    "MathML's signs for speech": (
        "<math><mi>f</mi><mo>&#x2061;</mo><mo>(</mo><mi>a</mi><mo>&#x2062;</mo><mi>b</mi><mo>)</mo><mo>=</mo><mi>sin</mi>"
        "<mo>&#x2061;</mo><mi>x</mi></math>",
        "f(ab)=sin x",
    ),
    "where a printed page begins": (
        "<p>in 19<span role=doc-pagebreak>14</span>84, word<span epub:type=pagebreak>[xi]</span>s. "
        "A<span epub:type=pagebreak></span>B the <span class=pagenum>13</span>road<p epub:type=pagebreak>16</p>",
        "in 1984 [14], words [xi]. AB the [13] road\n\n[16]",
    ),
    "a choice of a book": ("<p><epub:switch><epub:case>a</epub:case><epub:default>b</epub:default></epub:switch>", "b"),
}
STYLES = {
    "properties with a longer name": (
        "<p>It is <b style='backface-visibility:hidden'>not</b> 42<p style='--menu-display: none'>a"
        "<p style='background:url(display:none)'>b<p style='/* display:none */'>c<p style=\"x:';display:none'\">d",
        "It is not 42\n\na\n\nb\n\nc\n\nd",
    ),
    "the declaration that counts": (
        "<p style='display:none;display:block'>a<p style='display:none !important; display:block'>b"
        "<p style='Display : NONE'>c<p>d",
        "a\n\nd",
    ),
    "a cell that is not seen": (
        "<table><tr><th>Item<th>2019<th>2020<tr><td>amber<td style='visibility:hidden'>0<td>48213<tr><td>cedar"
        "<td style='display:none'>1<td>7</table>",
        "Item\t2019\t2020\namber\t\t48213\ncedar\t7",
    ),
    "what shows itself in what is not seen": (
        "<p style='visibility:hidden'>a <b style='visibility:visible'>b <i>c</i></b> d</p><p>e",
        "b c\n\ne",
    ),
    "pieces set apart": (
        "<p><b style='display:table-cell'>Price</b><b style='display:table-cell'>500</b><p><b style='float:left'>"
        "Total</b><b style='float:right'>6</b><p><b style='position:absolute'>Sum</b><b style='position:fixed'>7</b>",
        "Price 500\n\nTotal 6\n\nSum 7",
    ),
    "a chapter's first letter": ("<p><span style='float: left'>“T</span>he inn", "“The inn"),
    "a chart's hidden parts": (
        "<svg><defs><text>a</text></defs><symbol><text>b</text></symbol><g visibility=hidden><text>c</text></g>"
        "<g display=none><text>d</text></g><text>e</text></svg>",
        "e",
    ),
}
CASES = {**TABLES, **LISTS, **FORMS, **INLINE, **STYLES}


def test_no_case_hides_another() -> None:
    assert len(CASES) == len(TABLES) + len(LISTS) + len(FORMS) + len(INLINE) + len(STYLES)


@pytest.mark.parametrize("case", CASES)
def test_a_page_is_read_as_browsers_show_it(tmp_path: Path, case: str) -> None:
    page, text = CASES[case]
    assert text_of(opened(tmp_path, "a.html", page)) == text + "\n"
    assert text_of(opened(tmp_path, "a.epub", epub({"1.xhtml": page}))) == text + "\n"


def test_a_receipt_in_a_mail_keeps_its_rows(tmp_path: Path) -> None:
    page, text = TABLES["a receipt"]
    mail = f"From: Shop <a@x.org>\nSubject: Receipt\nMIME-Version: 1.0\nContent-Type: text/html\n\n{page}"
    assert text in text_of(opened(tmp_path, "a.eml", mail))


def test_frames_that_are_not_read_are_named(tmp_path: Path) -> None:
    inner = "<iframe src='menu.html'></iframe><iframe srcdoc='<p>deep'></iframe><p>b"
    page = f'<p>a<iframe src="about:blank"></iframe><iframe srcdoc="{inner}"></iframe><div hidden><iframe src=x></div>'
    document = opened(tmp_path, "a.html", page)
    assert text_of(document) == "a\n\nb\n"
    (notice,) = document.notices
    assert notice.endswith("its frame menu.html is a page of its own, and not read; a frame in a frame is not read")
