"""Pages that are XML: their encoding, the prefixes of their elements' names, and the entities that they declare."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import epub, opened, text_of

META = '<meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1"/>'
LATIN = f"<html><head>{META}</head><body><p>café</p></body></html>"
ENCODINGS = {
    "nothing": ('<?xml version="1.0"?>' + LATIN, "utf-8", "café"),
    "no declaration": (LATIN, "utf-8", "café"),
    "UTF-8": ('<?xml version="1.0" encoding="UTF-8"?>' + LATIN, "utf-8", "café"),
    "another encoding": ('<?xml version="1.0" encoding="koi8-r"?>' + LATIN.replace("é", "я"), "koi8-r", "cafя"),
    "nothing, and is not UTF-8": ('<?xml version="1.0"?>' + LATIN, "cp1252", "café"),
}


@pytest.mark.parametrize("case", ENCODINGS)
def test_a_meta_does_not_say_the_encoding_of_xml(tmp_path: Path, case: str) -> None:
    page, encoding, text = ENCODINGS[case]
    for name in ("a.xhtml", "a.xht"):
        assert text_of(opened(tmp_path, name, page.encode(encoding))) == text + "\n"
    if encoding == "utf-8":
        book = epub({"1.html": ""}, **{"OPS__1.html": page})
        assert text_of(opened(tmp_path, "a.epub", book)) == text + "\n"


def test_a_meta_says_the_encoding_of_html(tmp_path: Path) -> None:
    page = '<?xml version="1.0"?>' + LATIN
    assert text_of(opened(tmp_path, "a.html", page.encode("cp1252"))) == "café\n"
    assert text_of(opened(tmp_path, "a.html", page)) == "cafÃ©\n"


WORD = 'xmlns:o="urn:schemas-microsoft-com:office:office" xmlns:m="http://schemas.microsoft.com/office/2004/12/omml"'
PREFIXED = {
    "Word's elements": (
        f"<html {WORD}><body><p>The <st1:title>President</st1:title> lives at <st1:address>12 Mill Lane</st1:address>"
        "<o:p></o:p> now, as <m:mi>x</m:mi><m:math>y</m:math>.<table><tr><td><p>a<o:p></o:p></p><td><p>b<o:p>&nbsp;"
        "</o:p></table><fb:td>c</fb:td>d",
        "The President lives at 12 Mill Lane now, as xy.\n\na\tb\n\ncd",
    ),
    "prefixes that are declared": (
        "<x:p xmlns:x='http://www.w3.org/1999/xhtml'>a</x:p>b<y:math xmlns:y='http://www.w3.org/1998/Math/MathML'>"
        "<y:msup><y:mi>x</y:mi><y:mn>2</y:mn></y:msup></y:math>",
        "a\n\nbx^2",
    ),
    "prefixes that are usual": ("<html:p>a</html:p>b<svg:text>c</svg:text><svg:desc>no</svg:desc>", "a\n\nb\nc"),
    "a switch by another prefix": (
        "<p xmlns:ops='http://www.idpf.org/2007/ops'><ops:switch><ops:case>a</ops:case><ops:default>b</ops:default>"
        "</ops:switch><x:case>c</x:case>",
        "bc",
    ),
}


@pytest.mark.parametrize("case", PREFIXED)
def test_a_prefix_tells_whose_element_it_is(tmp_path: Path, case: str) -> None:
    page, text = PREFIXED[case]
    assert text_of(opened(tmp_path, "a.html", page)) == text + "\n"


def test_many_prefixes_are_not_kept(tmp_path: Path) -> None:
    many = "".join(f" xmlns:p{number}='http://www.w3.org/1999/xhtml'" for number in range(200))
    assert text_of(opened(tmp_path, "a.html", f"<div{many}><p1:p>a</p1:p>b<p199:p>c</p199:p>d")) == "a\n\nbcd\n"


@pytest.mark.parametrize("name", ["a.xhtml", "a.html"])
def test_short_texts_that_a_page_gives_names_are_written(tmp_path: Path, name: str) -> None:
    declared = (
        "<!ENTITY inn 'The \"Inn\"'><!ENTITY inn 'no'><!ENTITY % p 'no'><!ENTITY n '&inn;'><!ENTITY f SYSTEM 'f'>"
    )
    page = f"<!DOCTYPE html [{declared}]><html><body><p title='&inn;'>&inn; &n; &f; &p; &eacute;<img alt=\"&inn;\"/>"
    assert text_of(opened(tmp_path, name, page)) == 'The "Inn" &n; &f; &p; é The "Inn"\n'


def test_many_or_long_entities_are_not_written(tmp_path: Path) -> None:
    declared = f"<!ENTITY long '{'x' * 101}'>" + "".join(f"<!ENTITY e{number} 'x'>" for number in range(70))
    page = f"<!DOCTYPE html [{declared}]><p>&long; &e0; &e63; &e64;"
    assert text_of(opened(tmp_path, "a.xhtml", page)) == "&long; x x &e64;\n"


def test_a_small_page_does_not_become_a_large_text(tmp_path: Path) -> None:
    page = f"<!DOCTYPE html [<!ENTITY e '{'x' * 100}'>]><p>{'&e;' * 50_000}"
    assert len(text_of(opened(tmp_path, "a.xhtml", page))) < 300_000
