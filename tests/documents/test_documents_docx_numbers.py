"""DOCX: the numbers that Word computes for paragraphs, from the lists and styles of the document."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import WORD, docx, opened, places, text_of


def level(number: int, text: str, kind: str = "decimal", more: str = "", start: int = 1) -> str:
    return (
        f'<w:lvl w:ilvl="{number}"><w:start w:val="{start}"/><w:numFmt w:val="{kind}"/>{more}'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
    )


def abstract(*levels: str, key: str = "0") -> str:
    return f'<w:abstractNum w:abstractNumId="{key}">{"".join(levels)}</w:abstractNum>'


def num(key: str, of: str = "0", more: str = "") -> str:
    return f'<w:num w:numId="{key}"><w:abstractNumId w:val="{of}"/>{more}</w:num>'


def override(number: int, more: str) -> str:
    return f'<w:lvlOverride w:ilvl="{number}">{more}</w:lvlOverride>'


def item(text: str, at: int | None = 0, key: str = "1", style: str = "", mark: str = "") -> str:
    named = f'<w:pStyle w:val="{style}"/>' if style else ""
    depth = "" if at is None else f'<w:ilvl w:val="{at}"/>'
    listed = f'<w:numPr>{depth}<w:numId w:val="{key}"/></w:numPr>' if key else ""
    run = f"<w:r><w:t>{text}</w:t></w:r>" if text else ""
    return f"<w:p><w:pPr>{named}{listed}<w:rPr>{mark}</w:rPr></w:pPr>{run}</w:p>"


def style(key: str, more: str = "", base: str = "", name: str = "", given: str = "") -> str:
    based = f'<w:basedOn w:val="{base}"/>' if base else ""
    return (
        f'<w:style w:type="paragraph" w:styleId="{key}" {given}><w:name w:val="{name or key}"/>{based}'
        f"<w:pPr>{more}</w:pPr></w:style>"
    )


def numbered(key: str, at: int | None = None) -> str:
    depth = "" if at is None else f'<w:ilvl w:val="{at}"/>'
    return f'<w:numPr>{depth}<w:numId w:val="{key}"/></w:numPr>'


def word(body: str, numbering: str, styles: str = "") -> bytes:
    more = {"numbering": f"<w:numbering {WORD}>{numbering}</w:numbering>"}
    if styles:
        more["styles"] = f"<w:styles {WORD}>{styles}</w:styles>"
    return docx(body, **more)


CONTRACT = abstract(level(0, "%1."), level(1, "%1.%2"), level(2, "(%3)", "lowerLetter"), level(3, "%4.", "lowerRoman"))
DEEP = abstract(level(0, "Article %1", "upperRoman"), level(1, "%1.%2", more="<w:isLgl/>"))
SHARED = CONTRACT + num("1") + num("2") + num("3", more=override(0, '<w:startOverride w:val="7"/>'))
NEVER = abstract(level(0, "%1."), level(1, "%2)", more='<w:lvlRestart w:val="0"/>'))
UPPER = abstract(level(0, "%1."), level(1, "%1.%2"), level(2, "%3)", more='<w:lvlRestart w:val="1"/>'))
LINKED = (
    '<w:abstractNum w:abstractNumId="4"><w:numStyleLink w:val="Outline"/></w:abstractNum>'
    f'<w:abstractNum w:abstractNumId="5"><w:styleLink w:val="Outline"/>{level(0, "§ %1")}</w:abstractNum>'
)

CASES = {
    "levels": (
        item("a") + item("b", 1) + item("c", 2) + item("d", 3) + item("e", 3) + item("f", 2) + item("g") + item("h", 1),
        CONTRACT + num("1"),
        "1. a\n1.1 b\n(a) c\ni. d\nii. e\n(b) f\n2. g\n2.1 h\n",
    ),
    "legal numbers": (item("a") + item("b", 1), DEEP + num("1"), "Article I a\n1.1 b\n"),
    "lists that share a definition": (
        item("a") + item("b", key="2") + item("c", key="3") + item("d", key="3") + item("e"),
        SHARED,
        "1. a\n2. b\n7. c\n8. d\n9. e\n",
    ),
    "a level of its own": (
        item("a") + item("b", key="2"),
        CONTRACT + num("1") + num("2", more=override(0, level(0, "[%1]"))),
        "1. a\n[2] b\n",
    ),
    "a level that never begins anew": (
        item("a") + item("b", 1) + item("c") + item("d", 1),
        NEVER + num("1"),
        "1. a\n1) b\n2. c\n2) d\n",
    ),
    "a level that begins anew after the first": (
        item("a") + item("b", 1) + item("c", 2) + item("d", 1) + item("e", 2) + item("f") + item("g", 2),
        UPPER + num("1"),
        "1. a\n1.1 b\n1) c\n1.2 d\n2) e\n2. f\n1) g\n",
    ),
    "a level without the one above": (item("a", 1) + item("b"), CONTRACT + num("1"), "1.1 a\n2. b\n"),
    "another start": (item("a") + item("b"), abstract(level(0, "%1.", start=9)) + num("1"), "9. a\n10. b\n"),
    "a style's definition": (item("a", key="9"), LINKED + num("9", "4"), "§ 1 a\n"),
    "none": (item("a", key="0") + item("b", 8) + item("c", key="77"), CONTRACT + num("1"), "a\nb\nc\n"),
    "bullets": (item("a"), abstract(level(0, "\uf0b7", "bullet")) + num("1"), "a\n"),
    "a hidden number": (
        item("a"),
        abstract(level(0, "%1.", more="<w:rPr><w:vanish/></w:rPr>")) + num("1"),
        "a\n",
    ),
    "empty paragraphs": (item("a") + item("") + item("b"), CONTRACT + num("1"), "1. a\n2.\n3. b\n"),
    "a deleted paragraph": (item("a") + item("", mark="<w:del/>") + item("b"), CONTRACT + num("1"), "1. a\n2. b\n"),
    "joined paragraphs": (item("a", mark="<w:del/>") + item("b") + item("c"), CONTRACT + num("1"), "1. ab\n2. c\n"),
    "the list of before": (
        f"<w:p><w:pPr><w:pPrChange><w:pPr>{numbered('1')}</w:pPr></w:pPrChange></w:pPr><w:r><w:t>a</w:t></w:r></w:p>",
        CONTRACT + num("1"),
        "a\n",
    ),
    "cells": (
        f"<w:tbl><w:tr><w:tc>{item('')}</w:tc><w:tc>{item('x', key='')}</w:tc></w:tr></w:tbl>",
        CONTRACT + num("1"),
        "1.\tx\n",
    ),
    "a tab first": (
        f"<w:p><w:pPr>{numbered('1', 0)}</w:pPr><w:r><w:tab/><w:t>a</w:t></w:r></w:p>",
        CONTRACT + num("1"),
        "1. \ta\n",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_paragraph_begins_with_the_number_that_word_shows(tmp_path: Path, case: str) -> None:
    body, numbering, text = CASES[case]
    document = opened(tmp_path, "a.docx", word(item("first", key="5") + body, numbering + FIFTH))
    assert text_of(document) == "I first\n" + text
    assert document.notices == ()


FIFTH = abstract(level(0, "%1", "upperRoman"), key="first") + num("5", "first")


@pytest.mark.parametrize(
    ("kind", "start", "shown"),
    [
        ("upperLetter", 2, "B"),
        ("lowerLetter", 28, "bb"),
        ("lowerLetter", 999_999, "999999"),
        ("upperRoman", 1994, "MCMXCIV"),
        ("lowerRoman", 5000, "5000"),
        ("decimalZero", 7, "07"),
        ("ordinal", 12, "12th"),
        ("ordinal", 22, "22nd"),
        ("cardinalText", 3, "3"),
        ("chicago", 3, "‡"),
        ("chicago", 5, "**"),
        ("russianLower", 10, "к"),
        ("russianUpper", 29, "Я"),
        ("russianUpper", 30, "АА"),
        ("numberInDash", 3, "- 3 -"),
        ("decimalEnclosedCircle", 20, "⑳"),
        ("decimalEnclosedCircle", 21, "21"),
        ("japaneseCounting", 21, "二十一"),
        ("japaneseCounting", 10, "十"),
        ("japaneseCounting", 100, "100"),
    ],
)
def test_kinds_of_numbers(tmp_path: Path, kind: str, start: int, shown: str) -> None:
    numbering = abstract(level(0, "(%1)", kind, start=start)) + num("1")
    assert text_of(opened(tmp_path, "a.docx", word(item("x"), numbering))) == f"({shown}) x\n"


def test_a_style_numbers_its_paragraphs_and_a_heading_s_number_is_in_its_place(tmp_path: Path) -> None:
    styles = (
        style("H1", numbered("1"), name="heading 1")
        + style("H2", numbered("1", 5), "H1", "heading 2")  # the list's own link to the style counts, not this level
        + style("Mine", base="H2")
        + style("Plain", numbered("0"), "H1")
        + style("Clause", '<w:numPr><w:ilvl w:val="2"/></w:numPr>', "H1")
    )
    link = '<w:pStyle w:val="{}"/>'
    numbering = abstract(
        level(0, "%1", more=link.format("H1")),
        level(1, "%1.%2", more=link.format("H2")),
        level(2, "(%3)", "lowerLetter"),
    )
    body = "".join(
        item(text, None, key, named)
        for text, key, named in [
            ("Scope", "", "H1"),
            ("Terms", "", "H2"),
            ("Dates", "", "Mine"),
            ("sums", "", "Clause"),
            ("plain", "", "Plain"),
            ("out", "0", "H1"),
        ]
    )
    document = opened(tmp_path, "a.docx", word(body, numbering + num("1"), styles))
    assert text_of(document) == "1 Scope\n1.1 Terms\n1.2 Dates\n(a) sums\nplain\nout\n"
    assert places(document) == [
        ("1 Scope", "section 1 Scope"),
        ("1.1 Terms", "section 1.1 Terms"),
        ("out", "section out"),
    ]


def test_the_default_style_numbers_paragraphs_without_one(tmp_path: Path) -> None:
    styles = style("Usual", numbered("1"), given='w:default="1"')
    assert text_of(opened(tmp_path, "a.docx", word(item("a", key=""), CONTRACT + num("1"), styles))) == "1. a\n"


def test_styles_and_links_in_a_circle_end(tmp_path: Path) -> None:
    circle = (
        '<w:abstractNum w:abstractNumId="{0}"><w:numStyleLink w:val="{1}"/><w:styleLink w:val="{0}"/></w:abstractNum>'
    )
    numbering = circle.format("A", "B") + circle.format("B", "A") + num("2", "A") + CONTRACT + num("1")
    styles = style("S", base="T") + style("T", base="S")
    body = item("a", key="", style="S") + item("b", key="2") + item("c", None, style="T")
    assert text_of(opened(tmp_path, "a.docx", word(body, numbering, styles))) == "a\nb\n1. c\n"


def test_what_can_be_read_of_a_damaged_list_counts(tmp_path: Path) -> None:
    numbering = f"<w:numbering {WORD}>{CONTRACT}{num('1')}<w:num"
    document = opened(tmp_path, "a.docx", docx(item("a"), numbering=numbering))
    assert text_of(document) == "1. a\n"
    assert "part of its numbering is not read" in document.notices[0]


def test_hostile_lists_are_bounded(tmp_path: Path) -> None:
    many = "".join(num(str(key), "1") for key in range(2, 120_000))
    long = abstract(level(0, "%1" * 100_000, "lowerRoman", start=999_999), level(10**5, "%1"), key="1")
    document = opened(tmp_path, "a.docx", word(item("x", key="2") + item("y", 77_777, key="2"), long + many))
    assert text_of(document) == "999999" * 13 + "99 x\ny\n"
