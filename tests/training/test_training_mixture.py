"""Test what training documents hold, and the weights a run starts from."""

from __future__ import annotations

import random
import re
from dataclasses import replace

import pytest
from training_runs import small_recipe

from gemma10m.errors import ConfigError
from gemma10m.tasks.word_lists import ValueKind
from gemma10m.training.batch import draw_case
from gemma10m.training.mixture import draw_needles, draw_pairs, with_strays

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
            assert turn.answer.removesuffix(".").split(" ")[-1] in last
    assert 60 < updated < 190  # about two thirds of three names with three chances in ten


def test_pairs_are_names_and_values_each_asked_for_once() -> None:
    draw = random.Random(4)
    for count in (1, 2, 6):
        case = draw_pairs(draw, lambda: draw.choice(("number", "word")), count)
        assert case.raw
        assert len(case.facts) == count
        assert sorted(f"{turn.question} {turn.answer}" for turn in case.turns) == sorted(f.text for f in case.facts)


def test_pairs_reach_the_documents() -> None:
    recipe = replace(small_recipe(), tasks={"pairs": 1.0}, word_share=0.3)
    cases = [draw_case(recipe, LENGTH, random.Random(step))[1] for step in range(200)]
    assert {len(case.turns) for case in cases} == set(range(2, LENGTH // 22 + 1))
    numbers = [turn.answer[0].isdigit() for case in cases for turn in case.turns]
    assert 0.6 < sum(numbers) / len(numbers) < 0.8


def test_strays_are_numbers_and_names_beside_the_facts() -> None:
    draw = random.Random(5)
    counts = set()
    for _ in range(100):
        case = draw_needles(draw, "number", 1, 1, draw.random)
        among = with_strays(draw, case, 4)
        strays = among.facts[len(case.facts) :]
        counts.add(len(strays))
        assert among.facts[: len(case.facts)] == case.facts
        assert among.turns == case.turns
        assert all(re.search(r"\d|\w-\w", stray.text) and stray.stray and "{" not in stray.text for stray in strays)
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


def test_strays_reach_the_documents() -> None:
    recipe = replace(small_recipe(), tasks={"needle": 1.0}, facts=1, strays=5)
    plain, among = (
        [len(draw_case(chosen, LENGTH, random.Random(step))[1].facts) for step in range(40)]
        for chosen in (replace(recipe, strays=0), recipe)
    )
    assert max(plain) == 2
    assert max(among) > 4
