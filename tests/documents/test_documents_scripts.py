"""Raised and lowered text is written in one form in all formats, and joins no number that it is beside."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import docx, odt, opened, text_of

from gemma10m.documents.formats.raised import APART, LOWERED, RAISED, Scripts
from gemma10m.documents.formats.symbols import in_font

PIECES = {
    "base": ([("1010", ""), ("2", LOWERED), (" = 10", "")], "1010_2 = 10"),
    "logarithm": ([("log", ""), ("2", LOWERED), ("8", "")], "log2 8"),
    "water": ([("H", ""), ("2", LOWERED), ("O", "")], "H2O"),
    "index": ([("x", ""), ("k", LOWERED), ("+1", LOWERED), (" y", "")], "x_(k+1) y"),
    "Greek exponent": ([("e", ""), ("iπ", RAISED), (" + 1", "")], "e^(iπ) + 1"),
    "exponent in two pieces": ([("2", ""), ("k", RAISED), ("+1", RAISED)], "2^(k+1)"),
    "fraction": ([("3", ""), ("1/2", RAISED)], "3^(1/2)"),
    "decimal": ([("10", ""), ("-3.5", RAISED), (" m", "")], "10^(-3.5) m"),
    "ion": ([("SO", ""), ("4", LOWERED), ("2−", RAISED)], "SO4^(2−)"),
    "mixed number": ([("3", ""), ("1", RAISED), ("/", ""), ("2", LOWERED), (" cups", "")], "3 1/2 cups"),
    "unit": ([("10", ""), ("6", RAISED), ("/ml", "")], "10^6/ml"),
    "per second": ([("m", ""), ("2", RAISED), ("/", ""), ("s", "")], "m^2/s"),
    "half of a square": ([("x", ""), ("2", RAISED), ("/2", "")], "x^2/2"),
    "note before a slash": ([("word", ""), ("7", RAISED), ("/other", "")], "word[7]/other"),
    "note between capitals": ([("WHO", ""), ("3", RAISED), ("UN", "")], "WHO[3]UN"),
    "power on an index": ([("x", ""), ("i", LOWERED), ("2", RAISED), (" y", "")], "x_i^2 y"),
    "ordinal": ([("the 5", ""), ("th", RAISED), (" day", "")], "the 5th day"),
    "note": ([("48213", ""), ("7", RAISED), (".", "")], "48213[7]."),
    "note with a parenthesis": ([("48213", ""), ("7)", RAISED), (".", "")], "48213[7)]."),
    "bus": ([("I", ""), ("2", RAISED), ("C", "")], "I2C"),
    "degrees": ([("20", ""), ("o", RAISED), ("C to 5 ", ""), ("0", RAISED), ("F", "")], "20°C to 5 °F"),
    "isotope": ([("the [", ""), ("14", RAISED), ("C] of 10", ""), ("6", RAISED), (" C", "")], "the [14C] of 10^6 C"),
    "price": ([("5", ""), (".99", RAISED)], "5.99"),
    "first": ([("7", RAISED), (" See", "")], "7 See"),
}


@pytest.mark.parametrize("case", PIECES)
def test_scripts_in_all_formats(tmp_path: Path, case: str) -> None:
    pieces, text = PIECES[case]
    word = "".join(
        f'<w:r><w:rPr><w:vertAlign w:val="{WORD_NAMES[kind]}"/></w:rPr><w:t xml:space="preserve">{piece}</w:t></w:r>'
        for piece, kind in pieces
    )
    assert text_of(opened(tmp_path, "a.docx", docx(f"<w:p>{word}</w:p>"))) == f"{text}\n"
    spans = "".join(f"<text:span text:style-name='{ODF_NAMES[kind]}'>{piece}</text:span>" for piece, kind in pieces)
    assert text_of(opened(tmp_path, "a.odt", odt(f"<text:p>{spans}</text:p>", ODF_STYLES))) == f"{text}\n"
    rich = (
        "".join(f"{{{RTF_WORDS[kind]} {piece}}}" for piece, kind in pieces)
        .replace("−", r"\u8722?")
        .replace("π", r"\u960?")
    )
    assert text_of(opened(tmp_path, "a.rtf", rf"{{\rtf1 {rich}\par}}")) == f"{text}\n"


WORD_NAMES = {RAISED: "superscript", LOWERED: "subscript", "": "baseline"}
RTF_WORDS = {RAISED: r"\super", LOWERED: r"\sub", "": r"\nosupersub"}
ODF_NAMES = {RAISED: "U", LOWERED: "L", "": "N"}
ODF_STYLES = "".join(
    f"<style:style style:name='{name}'><style:text-properties style:text-position='{position}'/></style:style>"
    for name, position in (("U", "super 58%"), ("L", "-33% 58%"), ("N", "0% 100%"))
)


def test_a_formula_joins_no_number() -> None:
    scripts = Scripts()
    assert [scripts.write("2"), scripts.write("1/2", APART), scripts.write("7 cups")] == ["2", " 1/2", " 7 cups"]
    assert [scripts.write("a"), scripts.write("48", APART), scripts.write("213", APART)] == ["a", "48", " 213"]


def test_other_ways_to_raise_and_lower(tmp_path: Path) -> None:
    runs = "".join(
        '<w:r><w:t xml:space="preserve"> 48213</w:t></w:r>'
        f'<w:r><w:rPr><w:position w:val="{points}"/></w:rPr><w:t>7</w:t></w:r>'
        for points in (6, -6, 0)
    )
    assert text_of(opened(tmp_path, "a.docx", docx(f"<w:p>{runs}</w:p>"))) == " 48213[7] 48213_7 482137\n"
    rich = r"{\rtf1 48213{\up6 7} 48213{\dn6 7} 48213{\dn0 7}\par}"
    assert text_of(opened(tmp_path, "a.rtf", rich)) == "48213[7] 48213_7 482137\n"


def test_text_that_is_hardly_moved_is_in_its_line(tmp_path: Path) -> None:
    runs = (
        "<w:r><w:t>Name:</w:t></w:r>"
        '<w:r><w:rPr><w:position w:val="-1"/></w:rPr><w:t xml:space="preserve"> John Smith</w:t></w:r>'
    )
    assert text_of(opened(tmp_path, "a.docx", docx(f"<w:p>{runs}</w:p>"))) == "Name: John Smith\n"
    assert text_of(opened(tmp_path, "a.rtf", r"{\rtf1 Name:{\dn2 John Smith}\par}")) == "Name:John Smith\n"
    styles = ODF_STYLES.replace("-33% 58%", "-4% 100%")
    line = '<text:p>Name:<text:span text:style-name="L">John Smith</text:span></text:p>'
    assert text_of(opened(tmp_path, "a.odt", odt(line, styles))) == "Name:John Smith\n"


@pytest.mark.parametrize(
    ("text", "font", "shown"),
    [
        ("abc", "Symbol", "αβχ"),
        ("abc é", "Symbol", "αβχ é"),
        ("Hello world", "Symbola", "Hello world"),
        ("a b", "Webdings", "\ufffd \ufffd"),
        ("\uf020", "Wingdings 2", " "),
    ],
)
def test_a_font_of_signs_shows_them(text: str, font: str, shown: str) -> None:
    assert in_font(text, font) == shown
