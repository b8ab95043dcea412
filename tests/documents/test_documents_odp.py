"""OpenDocument presentations: the text of slides, with the speaker's notes."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, places, text_of
from sheets import flat_odf, odf

from gemma10m.errors import DocumentError


def page(inside: str, style: str = "") -> str:
    return f'<draw:page draw:name="page1" draw:style-name="{style}">{inside}</draw:page>'


def frame(*paragraphs: str, kind: str = "") -> str:
    text = "".join(f"<text:p>{each}</text:p>" for each in paragraphs)
    return f'<draw:frame presentation:class="{kind}"><draw:text-box>{text}</draw:text-box></draw:frame>'


def notes(*paragraphs: str) -> str:
    return f"<presentation:notes><draw:page-thumbnail/>{frame(*paragraphs, kind='notes')}</presentation:notes>"


def table(*rows: tuple[str, ...]) -> str:
    cells = ("".join(f"<table:table-cell><text:p>{each}</text:p></table:table-cell>" for each in row) for row in rows)
    inside = "".join(f"<table:table-row>{row}</table:table-row>" for row in cells)
    return f'<draw:frame><table:table>{inside}</table:table><draw:image xlink:href="x"/></draw:frame>'


LIST = "<text:list><text:list-item><text:p>One</text:p></text:list-item></text:list>"
SHAPES = {
    "the title is in the heading": (
        frame("The", "Sea", kind="title") + frame("Body", kind="outline"),
        ": The Sea\n\nBody\n",
    ),
    "a title after the text": (frame("Body") + frame("The Sea", kind="title"), ": The Sea\n\nBody\n"),
    "tables": (
        frame("Before") + table(("City", "People"), ("Rome", "")) + frame("After"),
        "\n\nBefore\nCity\tPeople\nRome\nAfter\n",
    ),
    "lists": (f"<draw:frame><draw:text-box>{LIST}</draw:text-box></draw:frame>", "\n\nOne\n"),
    "shapes in groups": ("<draw:g><draw:custom-shape><text:p>In</text:p></draw:custom-shape></draw:g>", "\n\nIn\n"),
    "descriptions": (
        "<draw:frame><draw:text-box/><svg:desc xmlns:svg='s'>A map</svg:desc></draw:frame>",
        "\n\nA map\n",
    ),
    "line ends and spaces": (frame('a<text:line-break/>b<text:s text:c="3"/>c'), "\n\na\nb   c\n"),
    "notes": (frame("Hello") + notes("Smile.", "Bow."), "\n\nHello\n\nNotes\nSmile.\nBow.\n"),
    "footers": (frame("Hello") + frame("Page 7", kind="footer"), "\n\nHello\n"),
}


NUMBER = '<text:list-level-style-number text:level="{}" style:num-format="{}" style:num-suffix="{}"/>'
LEVELS = (
    f'<text:list-style style:name="L1">{NUMBER.format(1, 1, ".")}{NUMBER.format(2, "a", ")")}</text:list-style>'
    '<text:list-style style:name="L2"><text:list-level-style-bullet text:level="1"/></text:list-style>'
)
ITEM = "<text:list-item><text:p>{}</text:p>{}</text:list-item>"


def test_lists_have_their_numbers(tmp_path: Path) -> None:
    items = ITEM.format("One", f"<text:list>{ITEM.format('In', '')}</text:list>") + ITEM.format("Two", "")
    lists = (f'<text:list text:style-name="{style}">{items}</text:list>' for style in ("L1", "L2", "L1"))
    boxes = "".join(f"<draw:frame><draw:text-box>{each}</draw:text-box></draw:frame>" for each in lists)
    document = opened(tmp_path, "a.odp", odf("presentation", page(boxes), LEVELS))
    numbered = "1. One\na) In\n2. Two\n"
    assert text_of(document) == f"Slide 1\n\n{numbered}One\nIn\nTwo\n{numbered}"


@pytest.mark.parametrize("case", SHAPES)
def test_what_a_slide_shows_is_read_once(tmp_path: Path, case: str) -> None:
    shapes, text = SHAPES[case]
    document = opened(tmp_path, "nameless", odf("presentation", page(shapes)))
    assert text_of(document) == f"Slide 1{text}"
    assert text_of(opened(tmp_path, "a.fodp", flat_odf("presentation", page(shapes)))) == text_of(document)
    assert document.notices == ()


def test_slides_are_places_and_comments_follow_them(tmp_path: Path) -> None:
    comment = "<office:annotation><dc:creator>Zoe</dc:creator><text:p>Why?</text:p></office:annotation>"
    document = opened(tmp_path, "a.odp", odf("presentation", page(comment + frame("Hello")) + page(frame("Bye"))))
    assert text_of(document) == "Slide 1\n\nHello\n\n[comment by Zoe] Why?\n\nSlide 2\n\nBye\n"
    assert places(document) == [("Slide 1", "slide 1"), ("Slide 2", "slide 2")]


def test_slides_that_the_show_passes_over_are_read_and_pictures_counted(tmp_path: Path) -> None:
    properties = '<style:drawing-page-properties presentation:visibility="hidden"/>'
    styles = f'<style:style style:name="off" style:family="drawing-page">{properties}</style:style>'
    picture = '<draw:frame><draw:image xlink:href="x"/></draw:frame>'
    document = opened(tmp_path, "a.odp", odf("presentation", page(frame("Hello") + picture, "off"), styles))
    assert text_of(document) == "Slide 1\n\nHello\n"
    said = "1 slide that the show passes over is read; 1 picture is not read"
    assert document.notices == (f"{tmp_path}/a.odp: {said}",)


def test_a_damaged_file_is_read_up_to_the_damage(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.odp", odf("presentation", page(frame("One.")) + page(frame("Two.") + "</x>")))
    assert text_of(document) == "Slide 1\n\nOne.\n\nSlide 2\n\nTwo.\n"
    assert "part of its content.xml is not read" in document.notices[0]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (odf("presentation", page("")), "a slide presentation without text"),
        (
            odf("presentation", "", **{"META-INF/manifest.xml": "<m><encryption-data/></m>"}),
            "an OpenDocument presentation that only a password opens",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_sentence(tmp_path: Path, content: bytes, why: str) -> None:
    with pytest.raises(DocumentError, match=f"a.odp cannot be read: {why}"):
        opened(tmp_path, "a.odp", content)
