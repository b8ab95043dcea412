"""Cutting: nothing of the text is left out, and a passage ends where a reader would end it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from passage_texts import FILLER, written

from gemma10m.documents import open_source
from gemma10m.encodings import LOSSY
from gemma10m.passages.cutting import LONGEST, cut_document, sentences

TEXTS = st.text(st.sampled_from("ab .\n\té—#。玛"), min_size=1, max_size=4000).filter(str.strip)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@given(text=TEXTS)
def test_passages_side_by_side_are_the_file(tmp_path_factory: pytest.TempPathFactory, encoding: str, text: str) -> None:
    path = tmp_path_factory.mktemp("cut") / "text.txt"
    path.write_bytes(text.encode(encoding, "ignore") or b" ")
    document, content = open_source(path), path.read_bytes()
    kept = "".join(piece.text for piece in document.pieces())
    passages = list(cut_document(document))
    assert "".join(passage.text for passage in passages) == kept
    assert [passage.start for passage in passages[1:]] == [passage.stop for passage in passages[:-1]]
    assert (passages[0].start, passages[-1].stop) == (document.files[0].mark, len(content))
    for passage in passages:
        assert 0 < len(passage.text) <= LONGEST
        body = content[passage.start : passage.stop]
        assert decoded(body, document.files[0].encoding) == passage.text


def decoded(body: bytes, encoding: str) -> str:
    """Decode as the program does: in LOSSY each wrong byte is one U+FFFD."""
    if encoding != LOSSY:
        return body.decode(encoding.removesuffix("-sig"))
    escaped = body.decode("utf-8", "surrogateescape").replace("\ufffd", 3 * "\ufffd")  # which has three bytes
    return "".join("\ufffd" if "\udc80" <= character <= "\udcff" else character for character in escaped)


def test_lines_are_counted_from_the_file(tmp_path: Path) -> None:
    document = written(tmp_path / "lines.txt", "".join(f"line {number}\n" for number in range(1, 2001)))
    for passage in cut_document(document):
        lines = passage.text.splitlines()
        assert (lines[0], lines[-1]) == (f"line {passage.first_line}", f"line {passage.last_line}")


def test_a_definition_is_not_cut_in_two_where_it_need_not_be(tmp_path: Path) -> None:
    functions = [f"def f{number}(x):\n" + "    y = x + 1\n" * 30 + "    return y\n\n\n" for number in range(20)]
    passages = list(cut_document(written(tmp_path / "code.py", "".join(functions))))
    assert len(passages) > 3
    assert all(passage.text.startswith("def ") for passage in passages)


def test_a_heading_begins_a_passage(tmp_path: Path) -> None:
    chapters = [f"## What happened in {year}\n\n" + "It rained and it shone.\n\n" * 30 for year in range(1990, 2000)]
    passages = list(cut_document(written(tmp_path / "notes.md", "".join(chapters))))
    assert [passage.text[:22] for passage in passages] == [chapter[:22] for chapter in chapters]


def test_prose_is_cut_after_a_paragraph(tmp_path: Path) -> None:
    passages = list(cut_document(written(tmp_path / "prose.txt", FILLER)))
    assert len(passages) > 3
    assert all(passage.text.endswith("minds.  It was a day like any other.\n\n") for passage in passages)


def test_sentences_end_where_they_are_said_to() -> None:
    text = 'He said "No." Then he left!\nA line without an end\n\n 玛丽走了。她回来了。'
    found = [text[first:last] for first, last in sentences(text)]
    assert found == ['He said "No."', "Then he left!", "A line without an end", "玛丽走了。", "她回来了。"]
