"""RTF: its escapes, code pages, fields and formulas, as the programs of three systems write them."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, text_of

FORM = r"{\field{\*\fldinst{ FORMCHECKBOX }{\*\formfield{\fftype1\ffres%s\ffdefres1}}}{\fldrslt}}"
RICH = {
    "escapes": (r"C:\\a.txt \{1, 2\} \u123\{x\par", "C:\\a.txt {1, 2} {x\n"),
    "a line's end after a backslash": ("one\\\ntwo\\\r\nthree\\\n", "one\ntwo\nthree\n"),
    "a large first letter": (
        r"\pard\dropcapli3\dropcapt1 {\dn12 T}\par\pard he mill.\par\pard\dropcapli0 A\par end\par",
        "The mill.\nA\nend\n",
    ),
    "the last paragraph": (r"One\par Two\line Three\tab four", "One\nTwo\nThree\tfour\n"),
    "the last row": (r"\pard\intbl a\cell b\cell", "a\tb\n"),
    "the last heading": (r"\outlinelevel0 Head", "Head\n"),
    "a code page that the file decides": (
        r"\ansicpg1251{\fonttbl{\f0\fcharset1 Arial;}}\f0 \'cf\'f0\par",
        "Пр\n",
    ),
    "the usual font": (
        r"\ansicpg1252\deff0{\fonttbl{\f0\fcharset204 A;}{\f1\fcharset0 B;}}\'cf{\f1 \'e9}\f1\plain\'cf\par",
        "ПéП\n",
    ),
    "johab": (r"{\fonttbl{\f0\fcharset130 J;}}\f0 \'d0\'65\par", "한\n"),
    "spaces": (r"a\qmspace b\zwnj c\par", "a\u2005b\u200cc\n"),
    "a sign in two ways": (r"It\u8217{\'92}s \u8217\'92 {\u8217{?}}\par", "It’s ’ ’\n"),
    "a list": (
        r"{\field{\*\fldinst{ FORMDROPDOWN }{\*\formfield{\fftype2\ffres1{\*\ffname n}{\*\ffl Red}{\*\ffl Blue}}}}"
        r"{\fldrslt}} x\par",
        "Blue x\n",
    ),
    "a list with a result": (
        r"{\field{\*\fldinst{FORMDROPDOWN}{\*\formfield{\fftype2\ffres1{\*\ffl Red}{\*\ffl Blue}}}}"
        r"{\fldrslt Blue}}\par",
        "Blue\n",
    ),
    "fields without a result": (
        r'{\field{\*\fldinst EQ \\f(1,2)}} {\field{\*\fldinst SYMBOL 163 \\f "Symbol"}{\fldrslt }}'
        r"{\field{\*\fldinst PAGE}}\par",
        "1/2 ≤\n",
    ),
    "a field in a field": (
        r"{\field{\*\fldinst IF {\field{\*\fldinst MERGEFIELD s}{\fldrslt M}} = M}{\fldrslt Mr}} Quist\par",
        "Mr Quist\n",
    ),
    "a formula": (
        r"is {\mmath{\*\moMath{\msSup{\*\msSupPr{\mctrlPr\f34 }}{\me{\mr\mscr0\msty2 x}}{\msup{\mr 2}}}"
        r"{\mr =9}}} end\par",
        "is x^2=9 end\n",
    ),
    "a formula with a sign": (
        r"{\*\moMath{\mnary{\*\mnaryPr{\mchr \u8721?}{\mlimLoc undOvr}}{\msub{\mr i=1}}{\msup{\mr n}}"
        r"{\me{\mr i}}}}\par",
        "∑_(i=1)^n i\n",
    ),
    "a note of deleted text": (r"a{\deleted b{\footnote\pard\plain gone}}{\footnote kept} c\par", "a[1] c\n[1] kept\n"),
    "other symbol fonts": (r"{\fonttbl{\f2\fcharset2 Webdings;}}{\f2 a} b\par", "\ufffd b\n"),
}


@pytest.mark.parametrize("case", RICH)
def test_what_rtf_shows_is_read(tmp_path: Path, case: str) -> None:
    body, text = RICH[case]
    assert text_of(opened(tmp_path, "a.rtf", rf"{{\rtf1\ansi {body}}}")) == text


@pytest.mark.parametrize(("value", "shown"), [(0, "[ ]"), (1, "[x]"), (25, "[x]")])
def test_a_box_to_check(tmp_path: Path, value: int, shown: str) -> None:
    assert text_of(opened(tmp_path, "a.rtf", rf"{{\rtf1 {FORM % value} agree\par}}")) == f"{shown} agree\n"


def test_a_note_of_hidden_text_is_counted(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.rtf", r"{\rtf1 a{\v b{\footnote\pard\plain gone}}\par}")
    assert text_of(document) == "a\n"
    assert "5 characters of hidden text are not read" in document.notices[0]


def test_an_embedded_object_is_said(tmp_path: Path) -> None:
    document = opened(tmp_path, "a.rtf", r"{\rtf1 a{\object\objemb{\*\objdata 0105}{\result{\pict 00}}}\par}")
    assert "1 embedded object of another program is not read" in document.notices[0]


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (r"Hello {\*\fldinst HYPERLINK x}world", "Hello world"),
        (r"Hello {\field{\fldrslt shown}{\*\fldinst PAGE}} world", "Hello shown world"),
        (r"A {\field\fldinst{HYPERLINK x}\fldrslt{text}} B", "A text B"),
        ("{\\field{\\*\\fldinst PAGE}" * 300 + "deep" + "}" * 300, "deep"),
    ],
    ids=["without a field", "result before the code", "without groups", "too many"],
)
def test_fields_in_any_order_end_nothing(tmp_path: Path, body: str, shown: str) -> None:
    assert text_of(opened(tmp_path, "a.rtf", rf"{{\rtf1 {body}\par}}")) == f"{shown}\n"
