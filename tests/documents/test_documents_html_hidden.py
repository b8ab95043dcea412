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
CASES = {**PERMALINKS}


@pytest.mark.parametrize("case", CASES)
def test_a_page_is_read_as_browsers_show_it_now(tmp_path: Path, case: str) -> None:
    page, text = CASES[case]
    assert text_of(opened(tmp_path, "a.html", page)) == text + "\n"
    assert text_of(opened(tmp_path, "a.epub", epub({"1.xhtml": page}))) == text + "\n"


def test_a_permalink_is_in_no_places_name(tmp_path: Path) -> None:
    page = "<h1>Widgets<a class=headerlink href='#w'>¶</a></h1><p>x</p>"
    assert places(opened(tmp_path, "a.html", page)) == [("Widgets", "section Widgets")]
