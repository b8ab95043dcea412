"""A sample of a document holds parts from all over it."""

from __future__ import annotations

from pathlib import Path

from readers import reader

from gemma10m.documents import open_source
from gemma10m.documents.excerpts import sampled
from gemma10m.reading.ids import IdStream

CONTENTS = "Chapter 1 . . . . . . . . . . . . . . . . . . 17\n" * 3000
PROSE = "It rained all day, and nobody came to the house by the sea.\n" * 12000


def test_a_short_document_is_taken_whole(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(PROSE[:30_000])
    (tmp_path / "b.txt").write_text("")
    (tmp_path / "c.txt").write_text("the end")
    found = list(sampled(open_source(tmp_path)))
    assert "".join(text for text, _ in found[:-1]) == PROSE[:30_000][: sum(size for _, size in found[:-1])]
    assert sum(size for _, size in found) >= 30_000


def test_parts_come_from_the_start_the_middle_and_the_end(tmp_path: Path) -> None:
    for number in range(10):
        (tmp_path / f"{number}.txt").write_text(f"{number}" * 30_000)
    seen = {text[0] for text, _ in sampled(open_source(tmp_path))}
    assert {"0", "9"} < seen
    assert len(seen) >= 8


def test_whole_characters_of_other_encodings(tmp_path: Path) -> None:
    for encoding in ("utf-16", "utf-32", "cp1252"):
        (tmp_path / "a.txt").write_bytes(("dé" * 60_000).encode(encoding))
        for text, _ in sampled(open_source(tmp_path / "a.txt")):
            assert set(text) <= set("dé\ufeff")


def test_wrong_bytes_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("dé".encode() * 60_000 + b"\xff\0")
    document = open_source(tmp_path / "a.txt")
    assert document.files[0].encoding == "lossy-utf-8"
    assert {character for text, _ in sampled(document) for character in text} <= set("dé\0")


def test_a_file_that_is_gone_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(PROSE)
    document = open_source(tmp_path / "a.txt")
    (tmp_path / "a.txt").unlink()
    assert list(sampled(document)) == []


def test_tokens_are_not_estimated_from_the_table_of_contents(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(CONTENTS + PROSE)
    tokenizer, document = reader().tokenizer, open_source(tmp_path / "a.txt")
    stream = IdStream(tokenizer, document, [])
    stream.take(100)
    estimate, exact = stream.tokens, len(tokenizer.encode(CONTENTS + PROSE))
    assert not stream.exact
    assert abs(estimate - exact) < 0.2 * exact
    assert abs(len(tokenizer.encode(CONTENTS)) / len(CONTENTS) * document.nbytes - exact) > 0.3 * exact
