"""DOCX: formulas as one line, in which no number is another one than the formula's."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import docx, opened, paragraph, text_of


def m(tag: str, *inside: str, **values: str) -> str:
    given = "".join(f'<m:{name} m:val="{value}"/>' for name, value in values.items())
    return f"<m:{tag}><m:{tag}Pr>{given}</m:{tag}Pr>{''.join(inside)}</m:{tag}>"


def r(text: str) -> str:
    return f"<m:r><m:t>{text}</m:t></m:r>"


def part(tag: str, *inside: str) -> str:
    return f"<m:{tag}>{''.join(each if each.startswith('<') else r(each) for each in inside)}</m:{tag}>"


def e(*inside: str) -> str:
    return part("e", *inside)


MATRIX = m("m", part("mr", e("1"), e("2")), part("mr", e("3"), e("4")))
SQUARE = m("sSup", e("x"), part("sup", "2"))
LIMIT = m("limLow", e("lim"), part("lim", "n→∞"))

FORMULAS = {
    "root": (m("rad", part("deg"), e("y")), "√y"),
    "root of a sum": (m("rad", part("deg"), e("x", "+1")), "√(x+1)"),
    "cube root": (m("rad", part("deg", "3"), e("x")), "x^(1/3)"),
    "sum": (m("nary", part("sub", "i=1"), part("sup", "n"), e("i"), chr="∑"), "∑_(i=1)^n i"),
    "integral": (m("nary", part("sub"), part("sup"), e(SQUARE, "dx")), "∫ (x^2 dx)"),
    "delimiters": (m("d", e("a"), e("b"), begChr="[", endChr="]"), "[a|b]"),
    "usual delimiters": (m("d", e("a+b")), "(a+b)"),
    "other separator": (m("d", e("1"), e("2"), sepChr=","), "(1,2)"),
    "matrix": (MATRIX, "[1 2; 3 4]"),
    "matrix in parentheses": (m("d", e(MATRIX)), "(1 2; 3 4)"),
    "equations": (m("eqArr", e("x=1"), e("y=2")), "[x=1; y=2]"),
    "fraction": (r("2") + m("f", part("num", "1"), part("den", "2")) + r("7"), "2 1/2 7"),
    "fraction of sums": (m("f", part("num", "a+1"), part("den", "2b")), "(a+1)/(2b)"),
    "no bar": (m("d", e(m("f", part("num", "n"), part("den", "k"), type="noBar"))), "(n; k)"),
    "powers": (r("2") + SQUARE + r("y+") + m("sSup", e(m("d", e("a+b"))), part("sup", "10")), "2x^2 y+(a+b)^10"),
    "both": (m("sSubSup", e("x"), part("sub", "1"), part("sup", "n+1")), "x_1^(n+1)"),
    "before": (m("sPre", part("sub", "6"), part("sup", "14"), e("C")), "_6^14 C"),
    "accents": (m("acc", e("x")) + m("acc", e("v"), chr="⃗") + m("bar", e("y"), pos="top"), "x\u0302 v⃗ y\u0305"),
    "functions": (
        m("func", part("fName", "sin"), e("x")) + m("func", part("fName", LIMIT), e("n")),
        "sin x lim_(n→∞) n",
    ),
    "limit above": (m("limUpp", e("="), part("lim", "def")), "=^(def)"),
    "unknown": (m("box", e("1")) + m("phant", e("2")) + r("3"), "1 2 3"),
    "invisible": (r("1") + m("phant", e("2"), show="0") + m("phant", e("3"), show="1"), "1 3"),
    "one number in two runs": (r("48") + r("213"), "48213"),
    "deleted": (r("1") + f"<w:del>{r('0')}</w:del>" + r("2"), "12"),
    "too deep": ("<m:e>" * 5000 + r("1") + "</m:e>" * 5000, "1"),
}


@pytest.mark.parametrize("case", FORMULAS)
def test_a_formula_is_a_line_that_says_the_same(tmp_path: Path, case: str) -> None:
    formula, text = FORMULAS[case]
    body = f'<w:p xmlns:m="x"><w:r><w:t>is </w:t></w:r><m:oMath>{formula}</m:oMath></w:p>{paragraph("z")}'
    assert text_of(opened(tmp_path, "a.docx", docx(body))) == f"is {text}\nz\n"
