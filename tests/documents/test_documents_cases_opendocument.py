"""OpenDocument texts as they come in the wild: nothing twice, nothing lost without a word."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import ODF, odt, opened, places, text_of

from gemma10m.errors import DocumentError

TABLE = "<table:table>{}</table:table>"


OPEN = {
    "white space": ("<text:p>a\n  b<text:s text:c='3'/>c<text:tab/>d<text:line-break/>e</text:p>", "a b   c\td\ne\n"),
    "list": ("<text:list><text:list-item><text:p>a</text:p></text:list-item></text:list>", "a\n"),
    "tracked": (
        "<text:tracked-changes><text:deletion><text:p>gone</text:p></text:deletion></text:tracked-changes>"
        "<text:p>kept</text:p>",
        "kept\n",
    ),
    "table": (
        TABLE.format(
            "<table:table-row><table:table-cell><text:p>a</text:p><text:p>b</text:p></table:table-cell>"
            "<table:table-cell table:number-columns-repeated='2'/>"
            "<table:table-cell><text:p>c</text:p></table:table-cell>"
            "</table:table-row><table:table-row table:number-rows-repeated='2'><table:table-cell><text:p>9</text:p>"
            "</table:table-cell><table:covered-table-cell/></table:table-row>"
        ),
        "a b\t\t\tc\n9\t\n9\t\n",
    ),
    "repeats without an end": (
        TABLE.format(
            "<table:table-row table:number-rows-repeated='1048576'>"
            "<table:table-cell table:number-columns-repeated='16384'/>"
            "</table:table-row>"
        )
        + "<text:p>x</text:p>",
        "\nx\n",
    ),
    "note": (
        "<text:p>a<text:note><text:note-citation>1</text:note-citation><text:note-body><text:p>n</text:p></text:note-body>"
        "</text:note>b</text:p>",
        "a[1]b\n[1] n\n",
    ),
    "comment": (
        "<text:p>a<office:annotation><dc:creator xmlns:dc='d'>Ann</dc:creator><dc:date xmlns:dc='d'>2020</dc:date>"
        "<m:creator-initials xmlns:m='m'>A</m:creator-initials><text:p>why</text:p></office:annotation>b"
        "<office:annotation><text:p>so</text:p></office:annotation></text:p>",
        "ab\n[comment by Ann] why\n[comment by somebody] so\n",
    ),
    "box": (
        "<text:p>a<draw:frame><draw:text-box><text:p>in</text:p></draw:text-box></draw:frame>b</text:p>",
        "ab\nin\n",
    ),
    "date": ("<text:p>on <text:date>1 May</text:date></text:p>", "on 1 May\n"),
    "raised": ("<text:p>48213<text:span text:style-name='R'>7</text:span></text:p>", "48213[7]\n"),
    "hidden": ("<text:p>a<text:span text:style-name='H'>gone</text:span></text:p>", "a\n"),
    "struck": ("<text:p>is <text:span text:style-name='S'>10</text:span>12</text:p>", "is 12\n"),
    "picture": (
        "<text:p><draw:frame><svg:title xmlns:svg='s'>A</svg:title><svg:desc xmlns:svg='s'>red\nlamp</svg:desc>"
        "</draw:frame>here</text:p>",
        "A red lamp here\n",
    ),
    "title of the document": ("<text:p>on <text:title>Boats</text:title></text:p>", "on Boats\n"),
}


@pytest.mark.parametrize("case", OPEN)
def test_what_opendocument_shows_is_read_once(tmp_path: Path, case: str) -> None:
    body, text = OPEN[case]
    styles = (
        "<style:style style:name='R'><style:text-properties style:text-position='super 58%'/></style:style>"
        "<style:style style:name='H'><style:text-properties text:display='none'/></style:style>"
        "<style:style style:name='S'><style:text-properties style:text-line-through-style='solid'/></style:style>"
    )
    flat = (
        f"<?xml version='1.0'?>\n<office:document {ODF} office:mimetype='application/vnd.oasis.opendocument.text'>"
        f"<office:meta><dc:title xmlns:dc='d'>Boats</dc:title></office:meta><office:automatic-styles>{styles}"
        f"</office:automatic-styles><office:body><office:text>{body}</office:text></office:body></office:document>"
    )
    assert text_of(opened(tmp_path, "a.fodt", flat)) == text
    assert text_of(opened(tmp_path, "a.odt", odt(body, styles))) == text


def test_opendocument_headings_and_damage(tmp_path: Path) -> None:
    body = "<text:h text:outline-level='1'>The Inn</text:h><text:p>It was late.</text:p>"
    document = opened(tmp_path, "a.odt", odt(body + "<text:p>" + "</text:h>"))
    assert places(document) == [("The Inn", "section The Inn")]
    assert text_of(document) == "The Inn\nIt was late.\n"
    assert "part of its content.xml is not read" in document.notices[0]


def test_what_is_not_read_of_an_opendocument_text_is_said(tmp_path: Path) -> None:
    styles = "<style:style style:name='S'><style:text-properties style:text-line-through-style='solid'/></style:style>"
    body = (
        "<text:section text:display='none'>\n <text:p>gone <text:span>too</text:span></text:p>\n</text:section>"
        "<text:p>a<text:hidden-text text:string-value='48' text:is-hidden='true'/>"
        "<text:span text:style-name='S'>9</text:span></text:p>"
        "<text:p>secret<text:hidden-paragraph text:is-hidden='true'/></text:p><text:p>b</text:p>"
    )
    document = opened(tmp_path, "a.odt", odt(body, styles))
    assert text_of(document) == "a\nb\n"
    said = "16 characters of hidden text are not read; 1 character of struck text is not read"
    assert document.notices == (f"{tmp_path}/a.odt: {said}",)


def test_a_flat_opendocument_text_that_is_damaged(tmp_path: Path) -> None:
    flat = f"<office:document {ODF} office:mimetype='application/vnd.oasis.opendocument.text'><text:p>a</text:p>"
    document = opened(tmp_path, "a.fodt", flat)
    assert text_of(document) == "a\n"
    assert "part of it is not read (damaged: its text is not XML)" in document.notices[0]
    with pytest.raises(DocumentError, match="an OpenDocument text without text"):
        opened(tmp_path, "b.fodt", flat.replace("<text:p>a</text:p>", "</office:document>"))


def test_an_encrypted_opendocument_text(tmp_path: Path) -> None:
    manifest = {"META-INF/manifest.xml": "<manifest><encryption-data/></manifest>"}
    with pytest.raises(DocumentError, match="only a password opens"):
        opened(tmp_path, "a.odt", odt("x", **manifest))
