"""Sources of manual pages in BSD's mdoc macros."""

from __future__ import annotations

import gzip
import random
from contextlib import suppress
from pathlib import Path

import pytest
from formats import opened, places, text_of

from gemma10m.documents.detect import kind_of
from gemma10m.documents.formats.mdoc_words import CALLED
from gemma10m.errors import DocumentError

HEAD = ".Dd May 1, 2020\n.Dt AMBER 1\n.Os\n"
NAMED = ".Sh NAME\n.Nm amber\n.Nd keep resin\n.Sh DESCRIPTION\n"
IN_LINES = {
    "flags and arguments": (".Nm\n.Fl v Fl -long Ar file , dir\n.Op Fl abc | d\nof\n.Ar", "amber -v --long file, dir"),
    "flags alone": (".Fl\n.Fl a , b\n.Fl a | b", "- -a, -b -a | -b"),
    "enclosures": (
        ".Op Fl f Ar file ,\n.Pq Pa ~/.rc .\n.Dq a Sq b\n.Bq x\n.Brq y\n.Aq Mt a@b.org\n.Ql z\n.Qq q",
        '[-f file], (~/.rc). “a ‘b’” [x] {y} <a@b.org> ‘z’ "q"',
    ),
    "enclosures over lines": (
        ".Oo\n.Fl x\n.Po a\nb\n.Pc\n.Oc .\n.Do c Dc Ns d\n.Bro e Brc , So f Sc Qo g Qc Ao h Ac",
        '[-x (a b)]. “c”d {e}, ‘f’ "g" <h>',
    ),
    "words that touch": (
        ".Fl o Ns Ar x\n.Pf # Ar y\n.No it Ap s\n.Sm off\n.Ar host : port\n.Ar more\n.Sm on\n.Ar end\n.Pa ( /a )",
        "-ox #y it's host:portmore end (/a)",
    ),
    "references and systems": (
        ".Xr ls 1 , Xr cat\n.Bx 4.4\n.Nx 9\n.Ux\n.At v7\n.At V.4\n.St -p1003.1-2008\n.St -other\n"
        ".Lk http://x.org site\n.Lb libz",
        "ls(1), cat 4.4BSD NetBSD 9 UNIX Version 7 AT&T UNIX AT&T System V Release 4 UNIX "
        "IEEE Std 1003.1-2008 (“POSIX.1”) other site: http://x.org library (libz, -lz)",
    ),
    "functions": (
        '.Fn f "int a" "char *b" .\n.Fo g\n.Fa "int c"\n.Fa d\n.Fc\n.Fa alone\n.In stdio.h\n.Vt int',
        "f(int a, char *b). g(int c, d) alone <stdio.h> int",
    ),
    "sentences": (
        ".Ex -std\n.Rv -std f\n.Nm\n.Bt",
        "The amber utility exits 0 on success, and >0 if an error occurs. The f() function returns the value 0 if "
        "successful; otherwise the value -1 is returned and the global variable errno is set to indicate the error. "
        "amber is currently in beta test.",
    ),
    "a literature reference": (
        ".Rs\n.%T Title\n.%A A. B\n.%A C. D\n.%D 1999\n.Re\n.An -nosplit\n.An E. F",
        "A. B and C. D, Title, 1999. E. F",
    ),
    "no macros, in quotes or behind an escape": (
        '.Ar "Fl x" \\&Fl \\&. "," y\n.Em a\\(emb \\*[Gt]',
        "Fl x Fl . , y a—b >",
    ),
    "requests": (".if n .Ar a\n.de own\n.Ar no\n..\n.own b\n.ie t no\n.el .Ar c\n.sp 2\n.Bk -words\n.Tg x", "a b c"),
}
BLOCKS = {
    "a list of tags": (
        ".Bl -tag -width Ds\n.It Fl x Ar y\nDo.\n.Pp\nMore.\n.It Xo a\n.Ar b\n.Xc\nEnd.\n.El\nbehind",
        "-x y  Do.\nMore.\na b  End.\nbehind",
    ),
    "lists in lists": (
        ".Bl -enum\n.It\none\n.Bl -bullet\n.It\nx\n.It\ny\n.El\n.It\ntwo\n.El\n.Bl -item\n.It\nz\n.El",
        "1.  one\n•  x\n•  y\n2.  two\nz",
    ),
    "columns": (
        '.Bl -column "a" "b"\n.It Sy Name Ta Sy Price\n.It amber\t5\n.It resin\n.Ta\n.Ar 6\n.El',
        "Name\tPrice\namber\t5\nresin\t6",
    ),
    "displays": (
        "a\n.Bd -literal\n  b   c\n\n.Ar d\n.Ed\ne\n.Bd -filled\nf\n.Ed\n.Dl g Ar h\n.D1 i\nj",
        "a\n  b   c\n\nd\ne\nf\ng h\ni\nj",
    ),
    "tables": (".TS\ntab(@);\nl l.\na@b\n.TE\nc", "a\tb\nc"),
}


def written(folder: Path, body: str) -> str:
    return (
        text_of(opened(folder, "amber.1", HEAD + NAMED + body + "\n")).partition("DESCRIPTION\n")[2].removesuffix("\n")
    )


@pytest.mark.parametrize("name", IN_LINES)
def test_words_of_a_line(name: str, tmp_path: Path) -> None:
    body, expected = IN_LINES[name]
    found = written(tmp_path, body)
    assert found == expected if name != "flags and arguments" else found == f"{expected} [-abc | -d] of file ..."


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_of_lines(name: str, tmp_path: Path) -> None:
    body, expected = BLOCKS[name]
    assert written(tmp_path, body) == expected


def test_headings_are_places_and_a_synopsis_has_lines(tmp_path: Path) -> None:
    body = (
        ".Sh SYNOPSIS\n.Nm\n.Op Fl a\n.Nm\n.Fl b\n.In stdio.h\n.Ft int\n.Fn f void\n.Ft char\n.Fo g\n.Fa x\n.Fc\n"
        '.Ss "A part"\nend'
    )
    document = opened(tmp_path, "amber.1.gz", gzip.compress((HEAD + NAMED.replace(".Sh DESCRIPTION\n", body)).encode()))
    assert text_of(document) == (
        "AMBER(1)\n\nNAME\namber – keep resin\n\nSYNOPSIS\namber [-a]\namber -b\n#include <stdio.h>\nint f(void);\n"
        "char g(x);\n\nA part\nend\n"
    )
    assert places(document) == [(name, f"section {name}") for name in ("NAME", "SYNOPSIS", "A part")]


def test_a_page_is_found_by_its_title() -> None:
    licence = b'.\\" a licence\n' * 60
    for head in (b".Dd May 1\n.Dt X 1\n", licence + b".Dd $Mdocdate$\n", b".\n.Dt X 1\n"):
        assert kind_of(head, "page") == "manual"
    for head in (b"int x;\n.Dd y\n", b"text\n\n.Dt X 1\n", b".Ddx\n"):
        assert kind_of(head, "page") == "text"


@pytest.mark.parametrize(
    "body",
    [
        "." + "Op " * 50_000,
        "." + "Dq , " * 50_000,
        ".Pq " + ", " * 50_000,
        ".Bl -tag\n.It\n" * 20_000,
        ".Bd -literal\n" * 50_000,
        ".Fo f\n" + ".Fa x\n" * 50_000,
        ".%A x\n" * 50_000,
        "." + "Fl " * 50_000,
    ],
)
def test_a_page_is_read_in_bounded_time_and_depth(tmp_path: Path, body: str) -> None:
    opened(tmp_path, "a.1", HEAD + body + "\n.El\n.Ed\n.Re\nend\n")


def test_a_damaged_page_is_text_or_an_error_of_ours(tmp_path: Path) -> None:
    draw = random.Random(3)
    names = [
        *sorted(CALLED),
        *'It Bl El Bd Ed Re Sm Nd Sh Ss Dt Ex Rv D1 %A -tag -column -enum off , . ( ) | \\& " x'.split(),
    ]
    for _ in range(200):
        lines = ["." + " ".join(draw.choice(names) for _ in range(draw.randrange(8))) for _ in range(30)]
        with suppress(DocumentError):
            opened(tmp_path, "a.1", HEAD + "\n".join(lines))
