"""Going on: from a bookmark, through a state file, and a few tokens back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from readers import (
    KINDS,
    SEGMENT,
    SENTENCE,
    assert_close,
    document,
    document_ids,
    fed_ids,
    read_all,
    reader,
    stretch_of,
)
from states import same_bits

from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.reading import Step

TEXT = SENTENCE * 15
STRETCH = 3 * SEGMENT


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("done", [1, 4])
def test_going_on_from_a_bookmark_gives_the_bits_of_an_unbroken_read(kind: str, done: int) -> None:
    tiny, book = reader(kind), document(TEXT)
    with stretch_of(STRETCH):
        unbroken = read_all(tiny, book)
        start = unbroken[done - 1].bookmark
        with fed_ids(tiny.model) as fed:
            rest = read_all(tiny, book, start)
    assert fed == document_ids(tiny, TEXT)[start.state.position :]
    assert len(rest) == len(unbroken) - done
    assert_same_end(rest[-1], unbroken[-1])
    assert rest[-1].tokens_read_now == len(fed)
    assert rest[-1].bookmark.seconds > start.seconds


def assert_same_end(found: Step, expected: Step) -> None:
    mine, theirs = found.bookmark, expected.bookmark
    assert same_bits(mine.state, theirs.state)
    assert (mine.ids_sha256, mine.open_ids, mine.file_tokens) == (
        theirs.ids_sha256,
        theirs.open_ids,
        theirs.file_tokens,
    )
    assert mine.complete
    assert theirs.complete
    assert found.progress.tokens_read == expected.progress.tokens_read == found.progress.tokens_total


@pytest.mark.parametrize("kind", KINDS)
def test_going_on_through_a_state_file_gives_the_bits_of_an_unbroken_read(kind: str, tmp_path: Path) -> None:
    tiny, book, path = reader(kind), document(TEXT), tmp_path / "half.state"
    with stretch_of(STRETCH):
        unbroken = read_all(tiny, book)
        tiny.save(path, unbroken[2].bookmark, book)
        start, header = tiny.load(path)
        rest = read_all(tiny, book, start)
    assert same_bits(start.state, unbroken[2].bookmark.state)
    assert replace(start, state=None) == replace(unbroken[2].bookmark, state=None)
    assert (header.complete, header.position) == (False, 3 * STRETCH)
    assert_same_end(rest[-1], unbroken[-1])


@pytest.mark.parametrize("kind", KINDS)
def test_after_loading_a_complete_state_no_token_is_computed_again(kind: str, tmp_path: Path) -> None:
    tiny, book, path = reader(kind), document(TEXT), tmp_path / "whole.state"
    whole = read_all(tiny, book)[-1]
    tiny.save(path, whole.bookmark, book)
    start, _ = tiny.load(path)
    with fed_ids(tiny.model) as fed:
        steps = read_all(tiny, book, start)
    assert fed == []
    assert [(step.bookmark.complete, step.tokens_read_now) for step in steps] == [(True, 0)]
    assert_same_end(steps[-1], whole)


def test_a_bookmark_of_another_document_is_not_used() -> None:
    tiny = reader("delta")
    start = read_all(tiny, document("However " + TEXT))[-1].bookmark
    expected = read_all(tiny, document(TEXT))[-1]
    with fed_ids(tiny.model) as fed:
        steps = read_all(tiny, document(TEXT), start)
    assert fed == document_ids(tiny, TEXT)
    assert_same_end(steps[-1], expected)
    assert steps[-1].tokens_read_now == len(fed)
    assert steps[-1].bookmark.seconds < start.seconds + expected.bookmark.seconds + 60


def test_a_bookmark_beyond_the_end_of_the_document_is_not_used() -> None:
    tiny = reader("linear")
    start = read_all(tiny, document(TEXT + TEXT))[-1].bookmark
    expected = read_all(tiny, document(TEXT))[-1]
    with fed_ids(tiny.model) as fed:
        steps = read_all(tiny, document(TEXT), start)
    assert fed == document_ids(tiny, TEXT)
    assert_same_end(steps[-1], expected)


@pytest.mark.parametrize("kind", KINDS)
@given(kept=st.integers(0, 5 * SEGMENT), data=st.data())
@settings(max_examples=25)
def test_rewinding_takes_back_what_the_open_segment_holds(kind: str, kept: int, data: st.DataObject) -> None:
    if kind in ("heavy", "state-vector"):  # which give back the open segment or nothing
        kept -= kept % SEGMENT
    room = 40 if kind == "full" else SEGMENT - 1 - kept % SEGMENT
    taken_back = data.draw(st.integers(0, room), label="taken back")
    model = reader(kind, dtype="float64").model
    ids = torch.randint(
        0, model.config.vocabulary, (1, kept + taken_back), generator=torch.Generator().manual_seed(kept)
    )
    before = extend(model, model.empty_state(), ids[:, :kept])
    after = extend(model, before, ids[:, kept:])
    assert same_bits(taken_back_from(model, after, taken_back), before)
    assert_close(taken_back_from(model, extend(model, model.empty_state(), ids), taken_back), before)


def taken_back_from(model: Decoder, state: State, tokens: int) -> State:
    before = model.rewind(state, tokens)
    assert before is not None
    return before


def extend(model: Decoder, state: State, ids: torch.Tensor) -> State:
    return model(ids, state, logits="none")[1] if ids.shape[1] else state


def test_a_rewound_state_can_be_read_on_from() -> None:
    model = reader("gated", dtype="float64").model
    ids = torch.randint(0, model.config.vocabulary, (1, 5 * SEGMENT), generator=torch.Generator().manual_seed(3))
    kept, wrong = 3 * SEGMENT + 5, torch.full((1, 7), 999)
    state = extend(model, extend(model, model.empty_state(), ids[:, :kept]), wrong)
    again = extend(model, taken_back_from(model, state, 7), ids[:, kept:])
    assert_close(again, extend(model, model.empty_state(), ids))


def test_rewinding_leaves_the_state_it_was_given_alone() -> None:
    model = reader("gated", dtype="float64").model
    state = extend(model, model.empty_state(), torch.arange(SEGMENT + 9)[None])
    copy = extend(model, model.empty_state(), torch.arange(SEGMENT + 9)[None])
    rewound = taken_back_from(model, state, 4)
    for layer in rewound.layers:
        layer["keys"].zero_()
        assert layer.get("write_gates") is not None
        layer["write_gates"].zero_()
    assert same_bits(state, copy)
