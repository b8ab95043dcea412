"""OpenDocument: boxes and shapes wherever they are anchored, and what is hidden."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import odt, opened, text_of

BOX = "<draw:frame><draw:text-box><text:p>7 boxed</text:p></draw:text-box></draw:frame>"
SHAPE = "<draw:custom-shape><text:p>7 boxed</text:p></draw:custom-shape>"
NOTE = "<text:note><text:note-body><text:p>5{}0</text:p></text:note-body></text:note>"
ROW = (
    "<table:table><table:table-row><table:table-cell>{}</table:table-cell><table:table-cell><text:p>c2</text:p>"
    "</table:table-cell></table:table-row></table:table>"
)
HIDDEN = "<text:hidden-paragraph text:is-hidden='true'/>"
TITLE = "<draw:frame><svg:title xmlns:svg='s'>A lamp</svg:title></draw:frame>"
ANCHORED = {
    "in a cell": (ROW.format(f"<text:p>Total 5{BOX}0 end</text:p>"), "Total 50 end 7 boxed\tc2\n"),
    "in a cell of several paragraphs": (
        ROW.format(f"<text:p>5{BOX}0</text:p><text:p>end</text:p>"),
        "50 7 boxed end\tc2\n",
    ),
    "in a cell without a paragraph": (ROW.format(BOX), "7 boxed\tc2\n"),
    "in a note": (f"<text:p>a{NOTE.format(BOX)}</text:p>", "a[1]\n[1] 50 7 boxed\n"),
    "in a box": (
        f"<text:p>a<draw:frame><draw:text-box><text:p>5{BOX}0</text:p></draw:text-box></draw:frame>b</text:p>",
        "ab\n50\n7 boxed\n",
    ),
    "on a page": (f"{BOX}<text:p>a</text:p>", "a\n7 boxed\n"),
    "on the last page": (f"<text:p>a</text:p>{BOX}", "a\n7 boxed\n"),
    "before a table": (f"<text:section>{BOX}</text:section>{ROW.format('')}", "\tc2\n7 boxed\n"),
    "a shape": (f"<text:p>Total 5{SHAPE}0</text:p>", "Total 50\n7 boxed\n"),
    "a shape in a cell": (ROW.format(f"<text:p>Total 5{SHAPE}0</text:p>"), "Total 50 7 boxed\tc2\n"),
    "a shape without text": ("<text:p>a<draw:line/>b</text:p>", "ab\n"),
    "a picture on the last page": (f"<text:p>a</text:p>{TITLE}", "a\nA lamp\n"),
}


@pytest.mark.parametrize("case", ANCHORED)
def test_a_box_comes_after_the_words_around_it(tmp_path: Path, case: str) -> None:
    body, text = ANCHORED[case]
    assert text_of(opened(tmp_path, "a.odt", odt(body))) == text


def test_what_is_anchored_in_hidden_text_is_hidden(tmp_path: Path) -> None:
    style = "<style:style style:name='H'><style:text-properties text:display='none'/></style:style>"
    note = NOTE.format("")
    body = (
        f"<text:p>{HIDDEN}gone{BOX}{note}</text:p><text:p>a<text:span text:style-name='H'>{BOX}{note}</text:span>"
        f"{note.replace('50', 'kept')}</text:p>"
    )
    document = opened(tmp_path, "a.odt", odt(body, style))
    assert text_of(document) == "a[1]\n[1] kept\n"
    assert "23 characters of hidden text are not read" in document.notices[0]


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("text:display='none'", "a\n"),
        ("text:display='condition' text:is-hidden='true'", "a\n"),
        ("text:display='condition' text:is-hidden='false'", "a\n48213\n"),
        ("text:display='true' text:is-hidden='true'", "a\n48213\n"),
    ],
)
def test_a_section_is_hidden_where_the_file_says_so(tmp_path: Path, given: str, shown: str) -> None:
    body = f"<text:p>a</text:p><text:section {given}><text:p>48213</text:p></text:section>"
    assert text_of(opened(tmp_path, "a.odt", odt(body))) == shown


def test_fields_that_show_nothing_are_no_text(tmp_path: Path) -> None:
    tags = ("variable-set", "variable-input", "user-field-get")
    body = "".join(f"5<text:{tag} text:display='none'>7</text:{tag}>0 <text:{tag}>8</text:{tag}> " for tag in tags)
    script = "<text:script>go()</text:script>"
    assert text_of(opened(tmp_path, "a.odt", odt(f"<text:p>{body}{script}end</text:p>"))) == "50 8 50 8 50 8 end\n"
