"""Escapes of troff: signs, characters by name, strings and numbers."""

from __future__ import annotations

import pytest

from gemma10m.documents.formats.troff_escapes import TroffEscapes
from gemma10m.documents.formats.troff_glyphs import glyph

TEXTS = {
    "jane\\@x.org, \\; \\_ \\q": "jane@x.org, ; _ q",
    "a\\&b\\)c\\|d\\^e\\/f\\,g\\%h\\:i\\zj\\{\\}k": "abcdefghijk",
    "r\\(S2, \\(Po5, \\(*a \\(~= \\(*b, \\(sr2, \\(ua": "r², £5, α ≈ β, √2, ↑",
    "caf\\[u0065_0301] na\\N'239've \\[char65]\\C'u2019'": "café naïve A’",
    "\\[e aa]\\['e]\\[o ^]\\[a \"] \\[u110000]": "ééôa̋ \ufffd",
    "\\s-133\\s+2x\\s010\\s10y\\s(12z": "33x10yz",
    "\\o'ab'\\Z'c'\\w'no'\\h'-1n'd\\h'+2n'e\\h'0'f\\h'3n' g": "abcd ef g",
    "\\$1\\$(xx\\$[x]\\n[no]a\\(zz\\[none]": "a",
    "\\F[\\n[.fam]]a\\h'-\\w'b'u'c": "ac",
    "50\\\\\\e": "50\\\\",
}


@pytest.mark.parametrize("escaped", TEXTS)
def test_escapes_are_shown_as_on_a_terminal(escaped: str) -> None:
    assert TroffEscapes().text(escaped) == TEXTS[escaped]


def test_what_a_page_defines_is_shown() -> None:
    escapes = TroffEscapes()
    for request, rest in (
        ("ds", 'a "b \\\\(bu'),
        ("as", "a c"),
        ("ds", "T< \\\\FC"),
        ("ds", "R\" ''"),
        ("nr", "x 3 2"),
        ("nr", "x -1"),
        ("tr", "\\*(no\\(*W-~"),
    ):
        escapes.define(request, rest)
    assert escapes.text('\\*a \\*(T<d\\*(R" \\nx \\n+x \\n[x]') == "b •c d'' 2 2 2"
    assert escapes.text("\\(*W|~") == "-| "
    assert escapes.is_defined("a")
    assert not escapes.is_defined("b")


def test_there_is_no_character_without_a_name() -> None:
    assert [glyph(name) for name in ("", "xx", "-x", "u1", "char", "a")] == ["", "", "", "", "", "a"]
