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
    "flags and arguments": (
        ".Nm\n.Fl v Fl -long Ar file , dir\n.Op Fl abc | d\nof\n.Ar",
        "amber -v --long file, dir [-abc | -d] of file ...",
    ),
    "flags alone": (".Fl\n.Fl a , b\n.Fl a | b\n.Fl | Ar x\n.Op Fl a \\*(Ba Fl b", "- -a, -b -a | -b - | x [-a | -b]"),
    "enclosures": (
        ".Op Fl f Ar file ,\n.Pq Pa ~/.rc .\n.Dq a Sq b\n.Bq x\n.Brq y\n.Aq Mt a@b.org\n.Ql z\n.Qq q",
        '[-f file], (~/.rc). “a ‘b’” [x] {y} <a@b.org> ‘z’ "q"',
    ),
    "enclosures over lines": (
        ".Oo\n.Fl x\n.Po a\nb\n.Pc\n.Oc .\n.Do c Dc Ns d\n.Bro e Brc , So f Sc Qo g Qc Ao h Ac",
        '[-x (a b)]. “c”d {e}, ‘f’ "g" <h>',
    ),
    "words that touch": (
        ".Fl o Ns Ar x\n.Pf # Ar y\n.No it Ap s\n.Sm off\n.Ar host : port\n.Ar more\n.Sm on\n.Ar end\n.Pa ( /a )\n"
        '.Dq "$ "\n.Op Ar user Ns @ Ns\n.Ar host\n.Sm off\n.Ar \\&[ x \\&]\n.Sm on',
        "-ox #y it's host:portmore end (/a) “$ ” [user@]host [x]",
    ),
    "references and systems": (
        ".Xr ls 1 , Xr cat\n.Bx 4.4 Lite\n.Nx 9\n.Ux\n.At v7\n.At V.4\n.St -p1003.2-92\n.St -other\n"
        ".Lk http://x.org site\n.Lb libz\n.Lb libx",
        "ls(1), cat 4.4BSD-Lite NetBSD 9 UNIX Version 7 AT&T UNIX AT&T System V Release 4 UNIX "
        "IEEE Std 1003.2-92 (“POSIX.2”) other site: http://x.org Compression Library (libz, -lz) library (libx, -lx)",
    ),
    "functions": (
        '.Fn f "int a" "char *b" .\n.Fo g\n.Fa "int c"\n.Fa d\n.Fc\n.Fa alone\n.In stdio.h\n.Vt int',
        "f(int a, char *b). g(int c, d) alone <stdio.h> int",
    ),
    "sentences": (
        ".Ex -std\n.Ex -std a b c\n.Rv -std f\n.Pp\n.Nm\n.Bt",
        "The amber utility exits 0 on success, and >0 if an error occurs.\n"
        "The a, b, and c utilities exit 0 on success, and >0 if an error occurs.\n"
        "The f() function returns the value 0 if successful; otherwise the value -1 is returned and the global "
        "variable errno is set to indicate the error.\namber is currently in beta test.",
    ),
    "values of functions": (
        ".Rv -std f g\n.Rv -std",
        "The f() and g() functions return the value 0 if successful; otherwise the value -1 is returned and the global "
        "variable errno is set to indicate the error.\nUpon successful completion, the value 0 is returned; otherwise "
        "the value -1 is returned and the global variable errno is set to indicate the error.",
    ),
    "literature references": (
        ".Rs\n.%T Title\n.%A A. B\n.%A C. D\n.%D 1999\n.Re\n.An -nosplit\n.An E. F\n"
        ".Rs\n.%A G\n.%A H\n.%A I\n.%T Part\n.%J Journal\n.Re",
        "A. B and C. D, Title, 1999. E. F G, H, and I, “Part”, Journal.",
    ),
    "words of many kinds": (
        ".Cm a Ic b Li c\n.Em d Sy e , Va f\n.Ev HOME\n.Er EIO Dv NULL\n.Pa\n.Mt a@b.org\n.Sx NAME\n.Tn X\n"
        ".Bf -emphasis\n.Cd device\n.Ef\n.Ft int\n.Fd #define\n.Fx 4.0 ,\n.Ox 3 Dx 1\n.Bsx 3\n.Ud",
        "a b c d e, f HOME EIO NULL ~ a@b.org NAME X device int #define FreeBSD 4.0, OpenBSD 3 DragonFly 1 BSD/OS 3 "
        "currently under development.",
    ),
    "no macros, in quotes or behind an escape": (
        '.Ar "Fl x" \\&Fl \\&. "," y\n.Em a\\(emb \\*[Gt]',
        "Fl x Fl . , y a—b >",
    ),
    "requests": (
        ".if n .Ar a\n.ig\nno\n..\n.ie t no\n.el .Ar c\n.Bk -words\n.Tg x\nd\n.sp 2\ne\n.br\nf\n.nf\ng\nh\n.fi",
        "a c d\ne\nf\ng\nh",
    ),
    "a macro that the page defines": (
        '.de own\n.Fl \\\\$2\n.if !"\\\\$1"a b" no\n.if "\\\\$1"a b" of \\\\$*\n(\\\\$3)\n..\n.own "a b" c\nx',
        "-c of a b c () x",
    ),
}
BLOCKS = {
    "a list of tags": (
        ".Bl -tag -width Ds\n.It Fl x Ar y\nDo.\n.Pp\nMore.\n.It Xo a\n.Ar b\n.Xc\nEnd.\n.It Xo\n.Ar c Xc\nd\n.El\n"
        "behind\n.Bl -hang\n.It Em h\ni\n.El\n.Bl -diag\n.It a %s\nj\n.El",
        "-x y  Do.\nMore.\na b  End.\nc  d\nbehind\nh  i\na %s  j",
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
    assert written(tmp_path, body) == expected


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
    ignored = b'.ig \\" a comment\nlicence\n..\n'
    requests = b'.lf 1|.rn a b|.de EX\t\\"x\n.nf\n..|.if \\n(.g .ds x y|.nr x 1|. ds x y|\\" bare|.\\# bare'.split(b"|")
    for head in requests:
        assert kind_of(head + b"\n.TH X 1\n", "page") == kind_of(head + b"\n.  TH X 1\n", "page") == "manual"
        assert kind_of(head + b"\nTH X 1\n", "page") == "text"
    for head in (b".Dd May 1\n.Dt X 1\n", licence + b".Dd $Mdocdate$\n", b".\n.Dt X 1\n", ignored + b".Dd May 1\n"):
        assert kind_of(head, "page") == kind_of(head, "page.5") == "manual"
    for head in (b"int x;\n.Dd y\n", b"/* mdoc\n.Dd y\n*/\n", b"text\n\n.Dt X 1\n", b".Ddx\n", ignored):
        assert kind_of(head, "page") == kind_of(head, "page.c") == "text"


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
        "a" + " " * 200_000 + "b",
        ".Bl -column\n.It a" + " " * 200_000 + "\tb",
        ".No" + " a" * 500_000,
        ".Dq" + " ." * 100_000,
        ".Nm " + "long" * 50_000 + "\n" + ".Nm\n.Ex\n" * 2_000,
        "".join(f".de m{at}\n" + f".m{at + 1}\n" * 50 + "..\n" for at in range(20)) + ".m0\n" * 1_000,
        ".de m\n" + r"\\$*" * 100_000 + "\n..\n" + (".m " + "z" * 5_000 + "\n") * 1_000,
    ],
    ids=range(15),
)
def test_a_page_is_read_in_bounded_time_and_depth(tmp_path: Path, body: str) -> None:
    document = opened(tmp_path, "a.1", HEAD + body + "\n.El\n.Ed\n.Re\nend\n")
    assert len(text_of(document)) < 10_000_000


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
