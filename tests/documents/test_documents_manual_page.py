"""Sources of manual pages: macros and escapes of man, tbl and pod2man."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from formats import opened, places, text_of

from gemma10m.documents.detect import kind_of
from gemma10m.errors import DocumentError

HEAD = ".TH AMBER 1 2020\n"
BODIES = {
    "fonts and words that touch": (
        '.B one two\n.BR amber (1),\n\\fIit\\fR\n.RB [ "-x y" ]\n.OP \\-f file',
        "one two amber(1), it [-x y] [-f file]",
    ),
    "tags and bullets": (
        ".TP\n.B \\-x\nDo x.\nMore.\n.IP \\(bu 2\nfirst\n.IP \\(bu\nsecond\n.PP\nend",
        "-x  Do x. More.\n•  first\n•  second\nend",
    ),
    "signs": (
        "it\\*(Aqs \\s-1UNIX\\s0 \\e n caf\\['e] na\\(:ive \\(em \\[u2019] 1\\~000\\h'3n' \\&.x a\\|b\\fP\\f(CWc\\f[R]",
        "it's UNIX \\ n café naïve — ’ 1 000 .x abc",
    ),
    "strings of its own": (".ds C+ C\\v'-.1v'+\\s-2+\n\\*(C+ and \\*[no]", "C++ and"),
    "lines that are kept": (".nf\na   b\n  c\n\nd\n.fi\ne\nf", "a   b\n  c\n\nd\ne f"),
    "what is not shown": (
        '.de XX\nno\n..\n.ig\nno\n..\n.\\" no\n.if t no\n.if t \\{\nno\n.\\}\n.ie n yes\n.el no\n.IX Item "no"\n.ad l\n'
        'a\\" no\n.ie !n no\n.el \\{\\\nb\n.\\}\n.if \\n(.g c',
        "yes a b c",
    ),
    "a table": (
        ".TS\ntab(@) allbox;\nlb lb\nl l.\nName@Price\n_\namber@T{\nlong\n\\fIcell\\fP\nT}\n@5\n.TE\nend",
        "Name\tPrice\namber\tlong cell\n\t5\nend",
    ),
    "links": (
        ".UR http://x.org\nthe site\n.UE .\n.MT a@b.org\n.ME",
        "the site <http://x.org>. <a@b.org>",
    ),
    "a macro of its own": (".OPTION -x words", "-x words"),
    "a macro that the page defines": (
        ".de OPT\n.  RB [ \\-\\-all\n.  IR id ]\n..\n.de CMD\n.BR prog\n.OPT\n..\n.CMD\n.CMD x\n.in 4",
        "prog [--all id] prog [--all id]",
    ),
    "lines that touch": (
        ".BR a | \\c\n.B b\n.TP\n.B c\\c\n.I d\ne \\c\nf\n.nf\n g\\c\nh\n.fi\n\\h'-04'\\(bu\\h'+03'\\c\n.if t no\ni",
        "a|b\ncd  e f\n gh\n• i",
    ),
    "a page in reStructuredText": (
        ".de1 INDENT\n. RS \\\\$1\n..\n.de UNINDENT\n. RE\n..\n.INDENT 0.0\n.INDENT 3.5\na\n.UNINDENT\n.UNINDENT\nb",
        "a\nb",
    ),
    "joined lines": ("one\\\ntwo\n three\n\nfour", "onetwo\nthree\n\nfour".replace("\n\n", "\n")),
}


@pytest.mark.parametrize("case", BODIES)
def test_macros_and_escapes_are_shown_as_man_shows_them(tmp_path: Path, case: str) -> None:
    body, text = BODIES[case]
    assert text_of(opened(tmp_path, "amber.1", HEAD + body)) == f"AMBER(1)\n{text}\n"


def test_headings_are_places(tmp_path: Path) -> None:
    page = '\'\\" t\n.\\" a comment\n' + HEAD + '.SH NAME\namber\n.SH\n"SEE ALSO"\nx\n.SS "One \\-two"\ny\n'
    document = opened(tmp_path, "amber.1.gz", gzip.compress(page.encode()))
    assert text_of(document) == "AMBER(1)\n\nNAME\namber\n\nSEE ALSO\nx\n\nOne -two\ny\n"
    assert places(document) == [(name, f"section {name}") for name in ("NAME", "SEE ALSO", "One -two")]


def test_only_a_page_with_a_title_is_one(tmp_path: Path) -> None:
    assert kind_of(b".SH NAME\n", "a.1") == kind_of(b".. a note\n\n.TH x\n", "a.rst") == "text"
    with pytest.raises(DocumentError, match="without text"):
        opened(tmp_path, "a.1", ".TH\n")


@pytest.mark.parametrize(
    "body",
    [
        ".if n " * 100_000 + "x",
        "x\\h'" * 100_000,
        "x\\[" * 100_000,
        ".TS\nl.\n" + "T{ T{ T}\n" * 50_000,
        '.B "' + '""' * 99_999,
    ],
    ids=["conditions", "motions", "glyphs", "cells", "quotes"],
)
def test_a_hostile_page_is_read_in_time(tmp_path: Path, body: str) -> None:
    assert text_of(opened(tmp_path, "a.1", HEAD + body)).startswith("AMBER(1)\n")
