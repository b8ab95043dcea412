"""`tools/measure_long_recall.py` has the memory that reading all rounds of a text with its facts would leave."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
import torch
from measure_long_recall import (
    Planted,
    draw_places,
    draw_rounds,
    plant,
    read_haystack,
    read_rounds,
    state_after,
    task_of,
)
from models import random_ids, tiny_model

from gemma10m.evaluation.task import Task
from gemma10m.models.decoder import Decoder
from gemma10m.tasks.passkey import FILLER

FACT = torch.tensor([5, 3, 8])
OPENING = torch.tensor([2, 9, 4])


@pytest.fixture
def model() -> Decoder:
    return tiny_model("added", carry=5, sinks=2).double()


@torch.no_grad()
@pytest.mark.parametrize(
    ("rounds", "planted"), [(4.3, [(2, 15)]), (3.0, [(0, 15), (2, 7)]), (1.4, [(0, 9)]), (12.5, [(3, 8), (3, 20)])]
)
def test_facts_are_where_a_whole_reading_would_have_them(
    model: Decoder, rounds: float, planted: list[tuple[int, int]]
) -> None:
    size = model.reading.segment
    text = read_rounds(model, OPENING, random_ids(model, 40 * size + 3)[0])
    assert text.segments == 40
    segments = int(rounds * text.segments)
    facts = [
        (number, plant(model, text, place, offset, FACT)) for offset, (number, place) in enumerate(planted, start=1)
    ]
    state = state_after(model, text, segments, facts)
    whole = text.ids.repeat(13)[: segments * size]
    whole[: len(OPENING)] = OPENING
    for offset, (number, place) in enumerate(planted, start=1):
        start = (number * text.segments + place) * size + offset
        whole[start : start + len(FACT)] = FACT
    _, read = model.hidden(whole.unsqueeze(0), model.empty_state(), 0)
    for found, expected in zip(state.layers, read.layers, strict=True):
        for name, tensor in expected.tensors():
            torch.testing.assert_close(found[name], tensor, rtol=1e-8, atol=1e-9)


def test_facts_are_apart_and_a_value_that_changes_changes_later(model: Decoder) -> None:
    text = read_rounds(model, OPENING, random_ids(model, 80 * model.reading.segment)[0])
    for seed in range(50):
        draw = random.Random(seed)
        places = draw_places(text, 3, draw)
        assert all(later - earlier >= text.seeing for earlier, later in pairwise(places))
        assert text.seeing <= places[0]
        assert places[-1] + text.behind < text.segments
        (first, _), (second, _) = draw_rounds([Planted(3, []), Planted(20, [])], 5, draw)
        assert first <= second


def test_a_book_that_its_windows_see_as_a_whole_is_refused(model: Decoder) -> None:
    with pytest.raises(ValueError, match="are needed"):
        read_rounds(model, OPENING, random_ids(model, 5 * model.reading.segment)[0])


@torch.no_grad()
def test_a_text_that_is_shorter_than_a_segment_repeats_without_a_seam(model: Decoder) -> None:
    short = torch.tensor([7, 8, 9])
    text = read_haystack(model, OPENING, short)
    size = text.segments * model.reading.segment
    assert size % len(short) == 0
    assert text.ids.equal(short.repeat(size // len(short)))
    assert draw_places(text, 1, random.Random(1))


def test_what_is_asked_is_as_the_evaluation_asks_it() -> None:
    assert task_of("single", unseen=True) == Task("needle", 1, True, "single", "number")
    assert task_of("multi-key", unseen=False).facts == 4
    assert task_of("passkey", unseen=False).draw(random.Random(1), 0.5).haystack == FILLER
    assert task_of("babi1", unseen=False).name == "babi1"
