"""Requests of troff: definitions, conditions, numbers and tables."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, text_of

HEAD = ".TH AMBER 1 2020\n"
DEFINITIONS = {
    "ends that are spaced": (".if n \\{\\\n.  am URL\n.    ad l\n.  .\n.de X\nno\n'  .\n.\\}\na", "a"),
    "ends of other names": ('.de X YY\nno\n.YY\n.ig zZ\nno\n..\n.zZ\n.de EX\t\\"A comment\n.nf\n..\na', "a"),
    "arguments": (
        ".de X\n\\\\$1 \\$2,\n\\\\$*;\n.Y \\\\$@\n\\\\n(.$ \\\\n[.$] \\\\$0 \\\\$9.\n..\n"
        '.de Y\n(\\\\$2)\n..\n.X "a b" "c d" e',
        "a b c d, a b c d e; (c d) 3 3 X .",
    ),
    "a name of the program's own": (".de BR\nown \\\\$1\n..\n.BR x", "own x"),
    "more lines": (".de X\na\n..\n.am X\nb\n..\n.am SH\nno\n..\n.X", "a b"),
    "other names": (
        ".rn SH OLD\n.de SH\nb\n.OLD \\\\$1\n..\n.als T SH\n.T x\nc\n.rn T U\n.U y",
        "b\n\nx\nc b\n\ny",
    ),
    "a definition in a definition": (".de X\n.de Y\nb\n\\\\..\n..\n.X\n.Y\na", "b a"),
    "text as it is": (".nop .SH is a macro", ".SH is a macro"),
}
CONDITIONS = {
    "alternatives in one another": (
        ".ie n \\{\\\n.ie t no\n.el a\n.\\}\n.el no\n.ie t \\{\\\n.ie n no\n.el no\n.\\}\n.el b\n.el no",
        "a b",
    ),
    "numbers": (
        ".nr x 2\n.nr x +1\n.if \\nx a\n.if !\\nx no\n.if \\nx=3 b\n.if (\\nx>3:\\n(.g)&\\nx<=3 c\n.if \\nx>=4 no\n"
        ".if !\\n(zz d\n.if \\nx<>3 no\n.if 0 no\n.if \\w'x' e\n.if \\w|| no\n.if \\nx-3 no\n.if \\nx-1=2 f\n"
        ".if (1:(1==0)) g\n.if ((1:1)==0) no\n.if \\nx*2+2/4<>2 no\n.if 1/0%0 no\n.if !c\\(*S no\n.if F x no",
        "a b c d e f g",
    ),
    "equal texts": (".if 'a'a' a\n.if !\"a\"b\" b\n.if ''b' no", "a b"),
    "what is defined": (
        ".ds s x\n.nr r 1\n.de m\n..\n.if d s a\n.if dm b\n.if r r c\n.if !r q d\n.if d no no",
        "a b c d",
    ),
    "a loop, once": (".while \\n(.g \\{\\\na\n.\\}", "a"),
}
TABLES = {
    "macros in cells": (
        "tab(:);\nl l.\nInterface:Value\nT{\n.BR err (),\n.BR errx ()\nT}:T{\nMT-Safe\n\nor not\nT}\nT{\nplain\nT}:b\n",
        "Interface\tValue\nerr(), errx()\tMT-Safe or not\nplain\tb",
    ),
    "lines that are kept in a cell": ("l l.\nT{\n.nf\na  b\nc\nT}\td\ne\tf\n", "a  b c\td\ne\tf"),
    "rules and spans": ('l l.\n=\na\tb\n\\^\t_\n.\\" no\n.sp\nc\td\n', "a\tb\n\t\nc\td"),
    "a cell that does not end": ("l l.\na\tT{\nb\n", "a\tb"),
}


def shown(folder: Path, body: str) -> str:
    return text_of(opened(folder, "amber.1", HEAD + body + "\n")).removeprefix("AMBER(1)\n").removesuffix("\n")


@pytest.mark.parametrize("case", DEFINITIONS)
def test_macros_of_a_page_are_expanded(tmp_path: Path, case: str) -> None:
    body, text = DEFINITIONS[case]
    assert shown(tmp_path, body) == text


@pytest.mark.parametrize("case", CONDITIONS)
def test_conditions_are_those_of_a_terminal(tmp_path: Path, case: str) -> None:
    body, text = CONDITIONS[case]
    assert shown(tmp_path, body) == text


@pytest.mark.parametrize("case", TABLES)
def test_a_row_is_a_line(tmp_path: Path, case: str) -> None:
    body, text = TABLES[case]
    assert shown(tmp_path, f".TS\n{body}.TE\nend") == f"{text}\nend"
    assert shown(tmp_path, f".TS\n{body}.SH END") == f"{text}\n\nEND"


@pytest.mark.parametrize(
    "body",
    [
        ".de X\n.X\n.X\n..\n.X",
        ".de X\na \\\\$* \\\\$@ \\\\$1\n.X \\\\$* \\\\$*\n.X \\\\$@\n..\n.X " + "word " * 9,
        "".join(f".de X{at}\n" + f".X{at + 1} a\n" * 50 + "..\n" for at in range(20)) + ".X0\n" * 1_000,
        ".rn A B\n.rn B A\n" * 10_000 + ".A x",
        "a\\c\n" * 200_000,
        ".if " + "1" * 200_000 + "x a",
        ".if " + "\\n(xx=" * 50_000 + " a",
        ".if " + "(" * 100_000 + "1" + ")" * 100_000 + " a",
        ".if " + "9*" * 100_000 + "9 a",
        ".nr x " + "9" * 100_000 + "\n.nr x 999999999 999999999\n" + "\\n+x\n" * 100_000,
        ".tr " + "ab" * 100_000 + "\na",
        ".TS\nl.\nT{\n" + "a\n" * 100_000,
        ".TS\nl.\n" + "T{\nT}\tT{\n" * 50_000,
        ".ie n \\{\n" * 50_000,
        "\\" * 200_000 + '"x',
        "." + "X " + "\\" * 200_000 + '"x',
        ("\\" * 199 + "\n") * 1_000,
    ],
    ids=range(17),
)
def test_a_hostile_page_is_read_in_bounded_time_and_space(tmp_path: Path, body: str) -> None:
    assert len(shown(tmp_path, body)) < 10_000_000
