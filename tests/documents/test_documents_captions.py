"""Captions that are counted, sung, or markup: MicroDVD, MPL2, LRC, SAMI, TTML."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import opened, places, text_of

from gemma10m.errors import DocumentError

CAPTIONS = {
    "a.sub": ("{1}{1}25.000\n{50}{75}{y:i}Hello|there\n{100}{}end\n", [("Hello", 2), ("end", 4)]),
    "b.sub": ("{2398}{2400}Hello\n", [("Hello", 100)]),
    "c.sub": ("[INFORMATION]\n00:00:02.00,00:00:03.00\nHello[br]there\n", [("Hello", 2)]),
    "a.mpl": ("[10][20]/Hello|/there\n[250][]end | of it\n", [("Hello", 1), ("end", 25)]),
    "d.sub": ("[10][20] Hello\n", [("Hello", 1)]),
    "a.txt": ("\n[10][20]Hello\n[30][40]end\n", [("Hello", 1), ("end", 3)]),
    "b.txt": ("{24}{48}Hello\n{72}{96}end\n", [("Hello", 1), ("end", 3)]),
    "a.lrc": (
        "[ti:Song]\n[00:01.00]<00:01.00>Line <00:01.50>one\n[00:02.50][01:09]again\n",
        [("Line one", 1), ("again", 2), ("again", 69)],
    ),
    "a.smi": (
        "<SAMI><HEAD><STYLE><!-- P {x:y} --></STYLE></HEAD><BODY><SYNC Start=1000><P Class=ENCC>Tom &amp; Eve<br>there"
        "<SYNC Start='2000'><P Class=ENCC>&nbsp;<sync start=3000><p>Second</BODY></SAMI>",
        [("Tom & Eve", 1), ("Second", 3)],
    ),
    "a.ttml": (
        '<?xml version="1.0"?><tt xmlns="http://www.w3.org/ns/ttml" xmlns:p="http://www.w3.org/ns/ttml#parameter"'
        ' p:frameRate="25" p:tickRate="10000"><head><metadata><title>not said</title></metadata></head><body><div>'
        '<p begin="00:00:01.500">Hello<br/>\n<span>there</span></p><p begin="2.5s">Tom</p>'
        '<p begin="00:01:00:12">Eve</p>'
        '<p begin="100f">four</p><p begin="50000t">five</p><p>six</p></div></body></tt>',
        [("Hello", 1), ("Tom", 2), ("four", 4), ("five", 5), ("six", 5), ("Eve", 60)],
    ),
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("name", CAPTIONS)
def test_lines_are_read_with_their_times(tmp_path: Path, name: str, encoding: str) -> None:
    content, said = CAPTIONS[name]
    document = opened(tmp_path, name, content.encode(encoding))
    if encoding == "utf-8":
        times = [(text, f"time 00:{seconds // 60:02}:{seconds % 60:02}") for text, seconds in said]
        assert places(document) == times
    assert all(line in text_of(document).split("\n") for line, _ in said)
    assert "not said" not in text_of(document)


def test_ttml_that_is_cut_off_is_read_up_to_the_damage(tmp_path: Path) -> None:
    whole = CAPTIONS["a.ttml"][0]
    cut = opened(tmp_path, "a.xml", whole[: whole.index('<p begin="00:01')])
    assert text_of(cut) == "Hello\nthere\nTom\n"
    assert cut.notices == (f"{tmp_path}/a.xml: part of it is not read (damaged: its text is not XML)",)
    with pytest.raises(DocumentError, match="its text is not XML"):
        opened(tmp_path, "b.xml", whole[: whole.index("<p ")])


TEXTS = {
    "a.sub": "a{1}, b{2}\n",
    "a.lrc": "a song\n",
    "a.txt": "[00:01.00]a line\n",
    "b.txt": "[1][2] are notes\nand text\n",
    "a.html.txt": "<tt>code</tt>\n",
}


@pytest.mark.parametrize("name", TEXTS)
def test_a_text_without_times_is_text(tmp_path: Path, name: str) -> None:
    assert text_of(opened(tmp_path, name, TEXTS[name])) == TEXTS[name]
