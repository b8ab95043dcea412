"""Recipes, stages and the documents of a step."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from training_runs import SEGMENT, TEXT, small_recipe, tokenizer, writer

from gemma10m.commands.train import read_recipe
from gemma10m.errors import ConfigError, DocumentError, UsageError
from gemma10m.training.batch import draw_batch, draw_case, is_without_memory, seen_in_the_window
from gemma10m.training.corpus import corpus
from gemma10m.training.recipe import Recipe, Stage, default_stages, recipe_of
from gemma10m.training.schedule import FEWEST_STEPS, Position

ONE_STAGE = {"stages": [{"length": 64, "tokens": 100}]}


def test_a_recipe_from_json_is_the_recipe() -> None:
    said = {
        "stages": [{"length": 64, "tokens": 100, "below": 0.2}, {"length": 128, "tokens": 200, "virtual": 5}],
        "tasks": {"story": 2, "text": 0.5},
        "segment": 32,
    }
    expected = Recipe(
        (Stage(64, 100, below=0.2), Stage(128, 200, virtual=5)), tasks={"story": 2, "text": 0.5}, segment=32
    )
    assert recipe_of(said) == expected
    assert expected.longest == 128


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ([], ["must be an object, found list"]),
        ({}, ["stages must be a list of objects"]),
        ({"stages": [3]}, ["stages must be a list of objects"]),
        ({"stages": []}, ["at least one stage"]),
        (ONE_STAGE | {"stepz": 3, "lr": 1}, ["a recipe has no 'stepz'", "a recipe has no 'lr'"]),
        ({"stages": [{"length": 64}]}, ["tokens of stage 1 is missing"]),
        ({"stages": [{"length": 64, "tokens": 1, "segs": 2}]}, ["stage 1 has no 'segs'"]),
        (
            {"stages": [{"length": True, "tokens": -1}]},
            ["length of stage 1 must", "found True", "tokens of stage 1 must"],
        ),
        (
            {"stages": [{"length": 64, "tokens": 1, "virtual": 21}]},
            ["virtual of stage 1 must lie in [0, 20], found 21"],
        ),
        (
            {"stages": [{"length": 100, "tokens": 1}], "segment": 64},
            ["length of stage 1 must be a multiple", "found 100"],
        ),
        (ONE_STAGE | {"tokens_per_step": 0, "facts": 1.5}, ["tokens_per_step must be", "facts must be", "found 1.5"]),
        (
            ONE_STAGE | {"learning_rate": -1, "end_share": 2},
            ["learning_rate must be", "end_share must be at least 0 and"],
        ),
        (ONE_STAGE | {"tasks": {"needle": 0}}, ["must have a weight above 0"]),
        (ONE_STAGE | {"tasks": {"chess": 1}}, ["tasks must be among", "found chess"]),
        (ONE_STAGE | {"tasks": ["needle"]}, ["tasks must give each task a weight"]),
        (ONE_STAGE | {"train": "some"}, ["train must be one of gates, attention, all, memory, found 'some'"]),
        (ONE_STAGE | {"memory": "eternal"}, ["memory must be one of", "found 'eternal'"]),
        (ONE_STAGE | {"segment": "64"}, ["segment must be a whole number of at least 1, found '64'"]),
        (ONE_STAGE | {"train": "gates", "window_share": 0.1}, ["train gates leaves nothing to train in the steps"]),
        (
            ONE_STAGE | {"tasks": {"pairs": 1, "story": 2, "text": 0}, "window_share": 0.1},
            ["window_share needs one of the tasks needle, passkey, repeat, text, found pairs, story, text"],
        ),
        *(
            (
                {"stages": [{"length": 64, "tokens": 1, "virtual": 1}], "memory": memory},
                [f"virtual of stage 1 is for memory 'gated' or 'added', found memory '{memory}'"],
            )
            for memory in ("linear", "delta", "state-vector")
        ),
        (ONE_STAGE | {"address_weight": 0.5}, ["address_weight needs addressed documents, found addressed 0"]),
        (ONE_STAGE | {"again": 1}, ["again needs addressed documents, found addressed 0"]),
        (ONE_STAGE | {"again": 1.5}, ["again must be a whole number of at least 0, found 1.5"]),
        (ONE_STAGE | {"recompute": 1}, ["recompute must be true or false"]),
    ],
)
def test_all_problems_of_a_recipe_come_in_one_error(said: Any, told: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        recipe_of(said)
    assert all(words in caught.value.message for words in told), caught.value.message


@pytest.mark.parametrize("text", ["not json", '{"seed": 1, "seed": 2}', '{"seed": NaN}'])
def test_what_is_no_json_is_no_recipe(tmp_path: Path, text: str) -> None:
    path = tmp_path / "recipe.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="is not a recipe"):
        read_recipe(path)
    with pytest.raises(UsageError, match="is not a recipe"):
        read_recipe(tmp_path / "missing.json")


def test_the_learning_rate_is_a_function_of_the_tokens_seen() -> None:
    recipe = small_recipe(stages=(Stage(96, 10_000),), warmup_tokens=1000)
    assert recipe.rate(500) == pytest.approx(0.5, rel=0.01)
    assert recipe.rate(1000) > recipe.rate(2000) > recipe.rate(9000) > recipe.rate(10_000)
    assert recipe.rate(10_000) == pytest.approx(0.1)
    assert recipe.rate(10**9) == pytest.approx(0.1)
    assert small_recipe(warmup_tokens=0, decay_tokens=10**9).rate(1) == pytest.approx(1.0)
    # however the tokens are cut into steps
    assert small_recipe(tokens_per_step=96).rate(700) == small_recipe(tokens_per_step=4000).rate(700)


def test_a_stage_ends_with_its_tokens_or_its_loss() -> None:
    recipe = small_recipe(stages=(Stage(96, 1000, below=0.5), Stage(128, 1000)))
    position = Position()
    for _ in range(3):
        position = position.after(recipe, 300, 9.0)
    assert (position.stage, position.step, position.tokens, position.stage_tokens) == (0, 3, 900, 900)
    position = position.after(recipe, 300, 9.0)
    assert (position.stage, position.tokens, position.stage_steps, position.stage_tokens) == (1, 1200, 0, 0)
    for _ in range(4):
        position = position.after(recipe, 300, 0.0)
    assert position.stage_of(recipe) is None
    early = Position(running_loss=0.1)
    for _ in range(FEWEST_STEPS):
        assert early.stage == 0
        early = early.after(recipe, 1, 0.1)
    assert early.stage == 1
    assert Position(running_loss=0.1).after(recipe, 1, None).running_loss == 0.1


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(0, 1000), st.sampled_from([96, 160, 480]), st.integers(0, 5))
def test_a_batch_is_a_function_of_seed_stage_and_step(seed: int, step: int, length: int, virtual: int) -> None:
    recipe = small_recipe(seed=seed, facts=3, questions=3, tasks={"needle": 1, "passkey": 1, "story": 1, "text": 1})
    stage = Stage(length, 1, virtual=virtual)
    batch, again = (draw_batch(writer(), recipe, stage, step, SEGMENT) for _ in "ab")
    assert torch.equal(batch.ids, again.ids)
    assert torch.equal(batch.answers, again.answers)
    rows, size = batch.ids.shape
    assert length - SEGMENT < size <= length
    assert rows == max(1, recipe.tokens_per_step // size)
    assert not (batch.answers & batch.text).any()
    assert not batch.text[:, 0].any()
    assert (batch.interludes is None) == (virtual == 0)
    if batch.interludes is not None and again.interludes is not None:
        times = batch.interludes.times
        assert torch.equal(times, again.interludes.times)
        assert torch.equal(batch.interludes.plain, again.interludes.plain)
        assert times.shape == batch.interludes.plain.shape == (rows, (size - 1) // SEGMENT)
        assert 0 <= int(times.min()) <= int(times.max()) <= virtual
    for index, (task, turns) in enumerate(batch.turns):
        assert (len(turns) == 0) == (task == "text")
        marked = torch.cat([torch.arange(size)[turn] for turn in turns]) if turns else torch.tensor([])
        assert batch.answers[index].nonzero().flatten().tolist() == marked.tolist()


def test_steps_differ_and_answers_are_what_was_planted() -> None:
    recipe = small_recipe(tasks={"needle": 1}, tokens_per_step=3000)
    batches = [draw_batch(writer(), recipe, recipe.stages[1], step, SEGMENT) for step in range(6)]
    assert len({batch.ids.shape[1] for batch in batches}) > 2
    for batch in batches:
        for row, (_, turns) in zip(batch.ids, batch.turns, strict=True):
            document, answer = (
                tokenizer().decode(row[: turns[0].start].tolist()),
                tokenizer().decode(row[turns[0]].tolist()),
            )
            value = answer.rstrip(".").split(" ")[-1]
            assert value
            assert value in document
            assert int(row[turns[0]][-1]) == tokenizer().end_of_turn


def test_interludes_hold_prose_alone() -> None:
    recipe = small_recipe(tasks={"needle": 1}, tokens_per_step=3000)
    plain = 0
    for step in range(6):
        batch = draw_batch(writer(), recipe, Stage(480, 1, virtual=5), step, SEGMENT)
        assert batch.interludes is not None
        for row, segment in batch.interludes.plain.nonzero().tolist():
            text = tokenizer().decode(batch.ids[row, segment * SEGMENT : (segment + 1) * SEGMENT].tolist())
            assert text.strip() in TEXT
            plain += 1
    assert plain > 50


def test_facts_stand_where_the_shares_say() -> None:
    draw = random.Random(0)
    always = small_recipe(tasks={"passkey": 1}, end_share=1.0)
    assert {draw_case(always, 300, draw)[1].facts[0].depth for _ in range(20)} == {1.0}
    mixed = small_recipe(tasks={"passkey": 1}, end_share=0.3, start_share=0.3)
    depths = [draw_case(mixed, 300, draw)[1].facts[0].depth for _ in range(400)]
    assert 0.2 < depths.count(0.0) / 400 < 0.4
    assert 0.2 < depths.count(1.0) / 400 < 0.4


def test_a_stage_that_no_question_fits_is_refused() -> None:
    recipe = small_recipe(tasks={"passkey": 1})
    with pytest.raises(ConfigError, match="no document of the tasks passkey fits a stage of 32 tokens"):
        draw_batch(writer(), recipe, Stage(32, 1), 0, SEGMENT)


def test_short_texts_are_joined_and_none_is_lost() -> None:
    texts = [f"The {number}th text is short.\n" for number in range(40)]
    each = len(tokenizer().encode(texts[30]))
    found = corpus(tokenizer(), texts, 3 * each)
    assert len(found) > 5
    assert all(prose.ids.numel() >= 3 * each - 3 for prose in found)
    together = "".join(tokenizer().decode(prose.ids.tolist()) for prose in found)
    assert all(text.strip() in together for text in texts)


def test_a_corpus_shorter_than_a_document_is_refused() -> None:
    count = len(tokenizer().encode("Too short."))
    with pytest.raises(DocumentError, match=f"the texts hold {count} tokens, and .* longest stage has 4,096"):
        corpus(tokenizer(), ["Too short."], 4096)


def test_recipes_in_the_repository_are_recipes() -> None:
    found = (Path(__file__).parents[2] / "recipes").rglob("*.json")
    others = ("reader.json", "reader-large.json", "config.json")  # adapters' recipes, and configs of models
    paths = [path for path in found if path.name not in others]
    assert len(paths) == 29
    for path in paths:
        assert recipe_of(json.loads(path.read_text())).stages, path
    assert Recipe(default_stages(64), segment=64).longest == 1024


def test_the_recipe_that_a_hint_shows_is_one(tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text("stages")
    with pytest.raises(UsageError) as refused:
        read_recipe(tmp_path / "recipe.json")
    (tmp_path / "recipe.json").write_text(str(refused.value.hint).removeprefix("the shortest recipe: "))
    assert read_recipe(tmp_path / "recipe.json").stages == (Stage(512, 1_000_000),)


def test_the_order_of_the_tasks_is_a_difference() -> None:
    one, other = (
        small_recipe(tasks=dict(pairs)) for pairs in ([("needle", 1), ("text", 2)], [("text", 2), ("needle", 1)])
    )
    assert draw_case(one, 300, random.Random(0))[0] != draw_case(other, 300, random.Random(0))[0]
    assert one.differences(other) == ["tasks ({'needle': 1, 'text': 2}, was {'text': 2, 'needle': 1})"]
    assert one.differences(small_recipe(tasks={"needle": 1, "text": 2})) == []


def test_steps_without_memory_leave_out_tasks_whose_facts_stand_anywhere() -> None:
    every = {"pairs": 9, "needle": 1, "story": 9, "passkey": 1, "repeat": 1, "text": 1}
    recipe = small_recipe(tasks=every, window_share=0.3)
    drawn = [draw_case(seen_in_the_window(recipe), 512, random.Random(seed)) for seed in range(100)]
    assert {task for task, _ in drawn} == {"needle", "passkey", "repeat", "text"}
    assert {fact.depth for task, case in drawn for fact in case.facts if task == "passkey"} == {1.0}
    assert {draw_case(recipe, 512, random.Random(seed))[0] for seed in range(100)} == every.keys()


def test_steps_without_memory_ask_what_stands_just_before() -> None:
    recipe = small_recipe(window_share=0.3, facts=4, fewest_facts=3, questions=5, start_share=0.5)
    forgetful = [step for step in range(1000) if is_without_memory(recipe, step)]
    assert 250 < len(forgetful) < 350
    assert not any(is_without_memory(small_recipe(), step) for step in range(1000))
    for seed in range(50):
        _, case = draw_case(seen_in_the_window(recipe), 512, random.Random(seed))
        assert sum(fact.depth == 1.0 for fact in case.facts if not fact.stray) <= 2
        for turn in case.turns:
            value = turn.answer.split()[-1].rstrip(".")
            assert [fact.depth for fact in case.facts if value in fact.text] == [1.0]
        assert len(case.turns) <= 1
