"""Planted facts, the curriculum, virtual length, and a few real steps."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
import torch
from tokenizer_fixtures import train_sentencepiece

from gemma10m.commands.train import read_recipe, train_command
from gemma10m.config import ModelConfig
from gemma10m.errors import ConfigError, UsageError
from gemma10m.evaluation.recall import Cell, measure
from gemma10m.memory import infini
from gemma10m.models.gemma import Gemma
from gemma10m.terminal import Terminal
from gemma10m.tokens import Tokenizer, load_tokenizer
from gemma10m.training.planted import Case, Planter, Prose, draw_case, make_hard_number, make_name, make_number
from gemma10m.training.recipe import Curriculum, Recipe
from gemma10m.training.train import Trainer, initialise

TEXT = "It was a fine day, and they walked on.\nThe house stood still; nobody spoke of it again.\n\n" * 40


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    folder = tmp_path_factory.mktemp("tokenizer")
    train_sentencepiece(folder)
    (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": "<start_of_turn>"}))
    return load_tokenizer(folder)


@pytest.fixture(scope="module")
def prose(tokenizer: Tokenizer) -> Prose:
    return Prose.of(tokenizer, TEXT)


def small_model(tokenizer: Tokenizer, recipe: Recipe) -> Gemma:
    torch.manual_seed(0)
    config = ModelConfig(32, 2, 2, 2, 16, 48, tokenizer.vocabulary, has_gates=True, has_write_gates=True)
    model = Gemma(config, recipe.reading)
    initialise(model)
    return model


@pytest.mark.parametrize("depth", [0.0, 0.3, 0.77, 1.0])
@pytest.mark.parametrize("length", [120, 333])
def test_a_row_has_its_length_and_reads_like_the_document(
    tokenizer: Tokenizer, prose: Prose, depth: float, length: int
) -> None:
    planter, draw = Planter(tokenizer, [prose]), random.Random(7)
    for _ in range(20):
        case = draw_case(draw, 1, depth)
        row = planter.row(case, length, draw)
        text = tokenizer.decode(row)
        assert len(row) == length
        assert f"One of the special magic numbers for {case.names[0]} is: {case.numbers[0]}." in text
        question, answer = text.split("\n\nWhat is the special magic number for ")[1].split("\nmodel\n")
        assert question == f"{case.names[0]}?\n".rstrip("\n")
        assert answer == case.numbers[0]


def test_planting_keeps_the_tokens_that_the_whole_text_would_have(tokenizer: Tokenizer, prose: Prose) -> None:
    planter, draw = Planter(tokenizer, [prose]), random.Random(3)
    opening = len(planter.prompt.opening())
    for _ in range(30):
        case = draw_case(draw, 1, draw.random())
        document = planter.row(case, 300, draw)[opening:220]
        again = tokenizer.encode(tokenizer.decode(document))
        # the slice may begin inside a word, whose pieces then differ
        assert again[-180:-2] == document[-180:-2]


def test_names_and_numbers(tokenizer: Tokenizer) -> None:
    draw = random.Random(0)
    assert all(len(make_number(draw)) == 5 for _ in range(100))
    hard = [make_hard_number(draw) for _ in range(400)]
    assert all(len(number) == 5 and number[0] != "0" and number.isdigit() for number in hard)
    assert sum(len(set(number)) <= 3 for number in hard) > 180
    assert len({make_name(draw) for _ in range(300)}) > 250
    case = draw_case(draw, 4, 0.5)
    assert len(set(case.names)) == 4
    assert case.depths[0] == 0.5


def test_a_fact_at_depth_zero_comes_first_and_at_one_last(tokenizer: Tokenizer, prose: Prose) -> None:
    planter, draw = Planter(tokenizer, [prose]), random.Random(1)
    for depth in (0.0, 1.0):
        case = Case(("amber-lantern",), ("48213",), (depth,))
        text = tokenizer.decode(planter.row(case, 400, draw)).split("\n\nWhat is")[0]
        before, after = text.split("One of the special")
        assert (len(before) if depth == 0.0 else len(after)) < 250


def test_the_curriculum_lengthens_then_repeats() -> None:
    curriculum = Curriculum(Recipe(shortest=4, longest=6, virtual=3), 4, 0)
    seen = []
    for _ in range(400):
        curriculum.see(0.01)
        seen.append((curriculum.segments, curriculum.virtual))
    assert seen[-1] == (6, 3)
    assert seen == sorted(seen)
    for _ in range(100):
        curriculum.see(3.0)
    assert (curriculum.segments, curriculum.virtual) == (6, 3)


def test_virtual_length_is_reading_the_segment_that_often() -> None:
    draw = torch.Generator().manual_seed(0)
    memory = torch.randn(1, 2, 8, 8, generator=draw)
    keys, values = torch.randn(2, 1, 2, 3, 5, 8, generator=draw)  # three segments of five tokens
    gates = torch.rand(1, 2, 3, 5, generator=draw)
    times = [0, 3, 1]
    short = infini.write("gated", memory, None, keys, values, gates, torch.tensor([times]))
    order = [s for s, m in enumerate(times) for _ in range(2**m)]
    long = infini.write("gated", memory, None, keys[:, :, order], values[:, :, order], gates[:, :, order])
    torch.testing.assert_close(short.matrices[:, :, -1], long.matrices[:, :, -1], atol=1e-5, rtol=1e-5)


def test_steps_learn_and_move_the_gates(tokenizer: Tokenizer, prose: Prose) -> None:
    recipe = Recipe(steps=30, tokens_per_step=1024, shortest=3, longest=4, warmup=5, segment=32, carry=32)
    model = small_model(tokenizer, recipe)
    trainer = Trainer(model, Planter(tokenizer, [prose]), recipe)
    reports = [trainer.step(number) for number in range(recipe.steps)]
    assert sum(report.answer_loss for report in reports[-5:]) < 0.8 * sum(report.answer_loss for report in reports[:5])
    assert sum(report.lm_loss for report in reports[-5:]) < 0.9 * sum(report.lm_loss for report in reports[:5])
    for name, parameter in model.named_parameters():
        if name.endswith(("self_attn.gate", "write_gate.weight", "write_gate.bias")):
            assert float(parameter.detach().abs().max()) > 1e-3, name


def test_training_leaves_a_checkpoint_that_loads(tmp_path: Path) -> None:
    import gemma10m

    text = tmp_path / "prose.txt"
    text.write_text(TEXT)
    recipe = Recipe(steps=2, tokens_per_step=600, shortest=2, longest=2)
    train_command(Terminal(quiet=True), [text], tmp_path / "out", recipe, None, "cpu")
    train_command(Terminal(quiet=True), [text], tmp_path / "more", recipe, tmp_path / "out", "cpu")
    model, tokenizer = gemma10m.load_model(tmp_path / "more"), gemma10m.load_tokenizer(tmp_path / "more")
    assert model.reading == recipe.reading
    assert tokenizer.has_turns
    planter = Planter(tokenizer, [Prose.of(tokenizer, TEXT)])
    cell = measure(model, planter, segments=3, depth=0.5, facts=2, n=5, seed=0, rows=2)
    assert (cell.n, cell.segments, cell.tokens) == (5, 3, 192)
    assert 0 <= cell.right <= 5


def test_the_interval_is_wilson_s() -> None:
    low, high = Cell(1, 1, 0.0, 1, n=100, right=95).interval()
    assert (round(low, 4), round(high, 4)) == (0.8882, 0.9785)
    assert Cell(1, 1, 0.0, 1, n=10, right=10).interval()[1] == 1.0


def test_recipes_are_checked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"steps must be at least 1.*virtual must rise"):
        Recipe(steps=0, virtual=99)
    wrong = tmp_path / "recipe.json"
    wrong.write_text('{"stepz": 3}')
    with pytest.raises(UsageError, match="stepz"):
        read_recipe(wrong)
    wrong.write_text("not json")
    with pytest.raises(UsageError, match="is not a recipe"):
        read_recipe(wrong)
