"""What training documents hold, and the weights a run starts from."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest
import torch
from training_runs import small_model, small_recipe

from gemma10m.errors import ConfigError
from gemma10m.tasks.words import ValueKind
from gemma10m.training.batch import draw_case
from gemma10m.training.mixture import draw_needles, with_strays

LENGTH = 400


@pytest.mark.parametrize("kind", ["number", "word"])
def test_the_last_value_of_a_name_is_the_answer(kind: ValueKind) -> None:
    draw = random.Random(3)
    updated = 0
    for _ in range(200):
        case = draw_needles(draw, kind, 3, 3, draw.random)
        in_order = sorted(case.facts, key=lambda fact: fact.depth)
        updated += len(in_order) > 3
        for turn in case.turns:
            name = max((name for name in re.findall(r"\w+-\w+", turn.question)), key=len)
            last = [fact.text for fact in in_order if name in fact.text][-1]
            assert turn.answer in last
    assert 60 < updated < 190  # about two thirds of three names with three chances in ten


def test_strays_are_numbers_beside_the_facts() -> None:
    draw = random.Random(5)
    counts = set()
    for _ in range(100):
        case = draw_needles(draw, "number", 1, 1, draw.random)
        among = with_strays(draw, case, 4)
        strays = among.facts[len(case.facts) :]
        counts.add(len(strays))
        assert among.facts[: len(case.facts)] == case.facts
        assert among.turns == case.turns
        assert all(re.search(r"\d", stray.text) and "{" not in stray.text for stray in strays)
    assert counts == {0, 1, 2, 3, 4}


def test_documents_hold_as_many_facts_as_the_recipe_says() -> None:
    recipe = replace(small_recipe(), tasks={"needle": 1.0}, facts=4, fewest_facts=2, questions=4, word_share=1.0)
    asked = set()
    for step in range(60):
        _, case = draw_case(recipe, LENGTH, random.Random(step))
        names = {name for fact in case.facts for name in re.findall(r"\w+-\w+", fact.text)}
        asked.add(len(names))
        assert all("magic word" in turn.question for turn in case.turns)
    assert asked == {2, 3, 4}


def test_more_facts_at_least_than_at_most_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"fewest_facts \(3\) must not be above facts \(2\)"):
        replace(small_recipe(), facts=2, fewest_facts=3)


def test_half_of_the_heads_start_local() -> None:
    gates = [
        torch.sigmoid(layer.self_attn.gate.detach().flatten()) for layer in small_model(small_recipe()).model.layers
    ]
    for gate in gates:
        half = len(gate) // 2
        assert half
        assert (gate[:half] < 0.05).all()
        assert (gate[half:] == 0.5).all()


def test_strays_reach_the_documents() -> None:
    recipe = replace(small_recipe(), tasks={"needle": 1.0}, facts=1, strays=5)
    plain, among = (
        [len(draw_case(chosen, LENGTH, random.Random(step))[1].facts) for step in range(40)]
        for chosen in (replace(recipe, strays=0), recipe)
    )
    assert max(plain) == 2
    assert max(among) > 4
