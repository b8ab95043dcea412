"""Megalodon reads documents: a file that has grown is read on from a chunk's beginning, and a note reports it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
import torch
from megalodons import tiny_megalodon
from readers import (
    SEGMENT,
    SENTENCE,
    assert_close,
    document,
    document_ids,
    fed_ids,
    read_all,
    read_book,
    read_tail,
    stretch_of,
)
from readers import reader as attending

from gemma10m.reading.tail import tail_room
from gemma10m.saved_states import Reader


@cache
def megalodon_reader(dtype: torch.dtype = torch.float64) -> Reader:
    other = attending()
    model = tiny_megalodon(dtype=dtype, chunk_size=SEGMENT, vocab_size=other.model.config.vocabulary)
    model.name, model.fingerprint = "megalodon", "f" * 64
    return Reader(model, other.tokenizer)


@pytest.mark.parametrize("tail", [" However", "n.", SENTENCE * 3])
def test_a_grown_document_is_read_on_and_the_state_is_that_of_a_whole_read(tail: str) -> None:
    tiny, text = megalodon_reader(), SENTENCE * 9 + "unive"
    old, new = document_ids(tiny, text), document_ids(tiny, text + tail)
    with stretch_of(3 * SEGMENT):
        start = read_all(tiny, document(text))[-1].bookmark
        with fed_ids(tiny.model) as fed:
            grown = read_all(tiny, document(text + tail), start)[-1]
        whole = read_all(tiny, document(text + tail))[-1]
    kept = len(old) if new[: len(old)] == old else len(old) // SEGMENT * SEGMENT
    assert fed == new[kept:]
    assert_close(grown.bookmark.state, whole.bookmark.state)


def test_every_token_is_read() -> None:
    tiny, text = megalodon_reader(), SENTENCE * 60
    assert tail_room(tiny.model, SEGMENT) is None
    with stretch_of(SEGMENT), fed_ids(tiny.model) as fed:
        assert read_tail(tiny, document(text))[-1].skipped == 0
    assert fed == document_ids(tiny, text)


def test_what_is_read_again_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny, book = megalodon_reader(torch.float32), tmp_path / "book.txt"
    book.write_text(SENTENCE * 9 + "truth truth truth univers")
    old, _ = read_book(tiny, book)
    capsys.readouterr()
    book.write_text(SENTENCE * 9 + "truth truth truth universally")
    source, fed = read_book(tiny, book)
    boundary = old.state.position // SEGMENT * SEGMENT
    opened = old.state.position - boundary
    told = capsys.readouterr().err
    assert f"resuming after {boundary} tokens read earlier; the {opened} after them" in told
    assert fed == document_ids(tiny, book.read_text())[boundary:]
    assert source.tokens_read == source.tokens_in_document
