"""`gemma10m train --share`: a model with half of the state, a run that resumes, and what is refused."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from byte_level_fixtures import gguf_metadata
from gguf_models import tiny_weights, write_model
from readers import checkpoint, workshop
from training_runs import TEXT, assert_same_run, interrupted_before, log_of

from gemma10m import cli
from gemma10m.commands.train_share import RECIPE, ShareOptions, train_share
from gemma10m.errors import Gemma10MError, Interrupted, UsageError
from gemma10m.library.library import Library
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.terminal import Terminal
from gemma10m.tokens import load_tokenizer
from gemma10m.training.recipe import recipe_of
from gemma10m.weights.loading import load_model

SMALL = {
    "stages": [{"length": 64, "tokens": 2600}],
    "tokens_per_step": 256,
    "learning_rate": 0.004,
    "warmup_tokens": 256,
    "tasks": {"text": 1},
    "lm_weight": 0,
    "lm_stride": 2,
    "mixer_weight": 1,
    "train": "attention",
    "save_every": 2,
}


def base() -> Path:
    return checkpoint(gates=False)


def furnished(folder: Path, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "book.txt").write_text(TEXT)
    (folder / "recipe.json").write_text(json.dumps(SMALL | changes))
    return folder


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    return furnished(tmp_path)


def train(desk: Path, out: str = "out", **changes: Any) -> Path:
    wanted: dict[str, Any] = dict(
        model=str(base()), data=[str(desk / "book.txt")], factor=2, recipe=desk / "recipe.json", device="cpu"
    )
    train_share(Terminal(), ShareOptions(out=desk / out, **(wanted | changes)))
    return desk / out


@pytest.fixture(scope="module")
def unbroken() -> Path:
    return train(furnished(workshop() / "share run"))


def test_training_brings_the_model_nearer_to_what_it_was(unbroken: Path) -> None:
    log = log_of(unbroken)
    for loss in ("teacher_loss", "mixer_loss"):
        losses = [line[loss] for line in log]
        assert sum(losses[-3:]) < 0.9 * sum(losses[:3])


def test_the_model_is_asked_like_any_other(unbroken: Path, desk: Path) -> None:
    model = load_model(unbroken)
    assert [model.config.attention_of(layer).source for layer in range(3)] == [None, None, 1]
    with Library(str(unbroken), device="cpu").open(desk / "book.txt", retrieval=RetrievalOptions("off")) as reading:
        assert reading.reader.model.config.shares
        assert reading.ask("What is it?").made is not None


@pytest.mark.parametrize("step", [1, 4])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(step: int, desk: Path, unbroken: Path) -> None:
    with interrupted_before(step), pytest.raises(Interrupted):
        train(desk)
    assert_same_run(train(desk), unbroken)


def test_a_model_with_a_memory_is_trained_with_it(desk: Path) -> None:
    out = train(desk, model=str(checkpoint()))
    assert load_model(out).reading == load_model(checkpoint()).reading
    log = log_of(out)
    assert log[-1]["mixer_loss"] < log[0]["mixer_loss"]
    assert log[-1]["gates"] != log[0]["gates"]


def test_another_factor_is_another_run(unbroken: Path) -> None:
    with pytest.raises(UsageError, match="out holds a run in which other layers share"):
        train(unbroken.parent, factor=3)


def test_another_model_is_another_run(unbroken: Path) -> None:
    with pytest.raises(UsageError, match="was started with another start"):
        train(unbroken.parent, model=str(checkpoint(seed=1, gates=False)))


def test_a_quantised_file_is_trained_and_brings_its_tokenizer(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    keys = {key: value for key, value in gguf_metadata("smollm").items() if key.startswith("tokenizer.")}
    weights = tiny_weights("llama", vocab_size=len(keys["tokenizer.ggml.tokens"]))
    path = desk / "model.gguf"
    write_model(path, "llama", weights, kind="Q8_0", tokenizer=keys)
    recipe = furnished(desk, stages=[{"length": 64, "tokens": 300}]) / "recipe.json"
    out = train(desk, model=str(path), recipe=recipe)
    assert load_tokenizer(out).fingerprint == load_tokenizer(path).fingerprint
    assert load_tokenizer(out).encode(TEXT) == load_tokenizer(path).encode(TEXT)
    assert json.loads((out / "config.json").read_text())["torch_dtype"] == "bfloat16"
    assert load_model(out).config.shares
    said = capsys.readouterr().err
    assert "are quantised: they are trained and written in full, in bfloat16" in said
    assert "layers that share the keys and values of the first of them: 0, 1-2" in said
    assert "(67%)" in said


def test_the_built_in_recipe_is_the_one_that_ships() -> None:
    shipped = Path(__file__).parents[2] / "recipes" / "share.json"
    assert recipe_of(json.loads(shipped.read_text())) == RECIPE


@pytest.mark.parametrize(
    ("recipe", "more", "says"),
    [
        ({"segment": 16}, {}, "the recipe states segment, and with --share the model reads as it did before"),
        ({"train": "gates"}, {}, "--share trains attention or all"),
        ({}, {"dtype": "int4"}, "int4 weights cannot be trained"),
        ({}, {"train": "memory"}, "--share trains attention or all"),
        ({"kl_weight": 0}, {}, "there is nothing to learn from"),
        ({"recompute": True}, {}, "recompute does not work with layers that share keys and values"),
        ({}, {"factor": 1}, "the sharing factor is 1"),
        ({}, {"out": str(base())}, "is the checkpoint itself and would be overwritten"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    recipe: dict[str, Any], more: dict[str, Any], says: str, tmp_path: Path
) -> None:
    desk = furnished(tmp_path, **recipe)
    with pytest.raises(Gemma10MError, match=re.escape(says)):
        train(desk, **more)


def test_a_model_that_shares_is_refused(unbroken: Path, desk: Path) -> None:
    with pytest.raises(UsageError, match="the model shares keys and values already"):
        train(desk, model=str(unbroken))


@pytest.mark.parametrize(
    "words", [("--lora", "4"), ("--memory", "4"), ("--teacher", "same"), ("--config", "c.json"), ("--adapter", "a")]
)
def test_other_trainings_are_not_for_sharing(
    words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ("gemma10m", "train", "model", "--share", "2", "--data", "book.txt", "--out", "out", *words)
    monkeypatch.setattr(sys, "argv", list(command))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert f"{words[0]} is not for --share" in capsys.readouterr().err
