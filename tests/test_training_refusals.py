"""What `train` refuses, and that a refused command leaves the folder as it was."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from checkpoints import tiny_config
from training_runs import book, changed_checkpoint, recipe_file, run

from gemma10m.errors import ConfigError, DocumentError, UsageError
from gemma10m.strict_json import canonical_json
from gemma10m.tasks.words import make_names
from gemma10m.training.tokenizer import train_tokenizer

SHORT = [{"length": 96, "tokens": 250}]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def other_words() -> list[str]:
    return make_names(random.Random(0), 2000)


def test_a_refused_start_leaves_the_run_its_tokenizer(tmp_path: Path) -> None:
    out, recipe = tmp_path / "out", recipe_file(tmp_path, stages=SHORT)
    run(out, recipe)
    before = contents(out)
    other = changed_checkpoint(tmp_path / "other", self_attn__gate=None)
    train_tokenizer(other_words(), other, 430)
    with pytest.raises(UsageError, match="started with another start"):
        run(out, recipe, other)
    assert contents(out) == before


def test_a_start_that_fails_leaves_nothing_that_the_next_one_uses(tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path, stages=SHORT)
    config = tmp_path / "config.json"
    config.write_text(canonical_json(tiny_config(vocabulary=420, segment_size=16)))
    short = tmp_path / "short.txt"
    short.write_text("Zebras yodel. Xylophones quiver.")
    out, fresh = tmp_path / "out", tmp_path / "fresh"
    with pytest.raises(DocumentError, match="longest stage has 96"):
        run(out, recipe, checkpoint=None, config=config, data=[str(short)])
    assert not out.exists()
    train_tokenizer(other_words(), out, 420)
    for folder in (out, fresh):
        run(folder, recipe, checkpoint=None, config=config, data=[str(book())])
    assert (out / "tokenizer.model").read_bytes() == (fresh / "tokenizer.model").read_bytes()


def test_a_tokenizer_of_another_kind_does_not_stay_beside_the_run_s_own(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "tokenizer.json").write_text("{}")
    run(out, recipe_file(tmp_path, stages=SHORT))
    assert not (out / "tokenizer.json").exists()


@pytest.mark.parametrize("memory", ["full", "window", "state-vector"])
def test_gates_that_the_memory_does_not_use_are_refused(tmp_path: Path, memory: str) -> None:
    with pytest.raises(UsageError, match=f"the model has no gates to train with memory {memory}"):
        run(tmp_path / "out", recipe_file(tmp_path, stages=SHORT, memory=memory, train="gates"))
    assert not (tmp_path / "out").exists()


def test_virtual_text_is_refused_where_the_checkpoint_s_memory_does_not_use_it(tmp_path: Path) -> None:
    linear = changed_checkpoint(tmp_path / "linear")
    said = json.loads((linear / "config.json").read_text())
    (linear / "config.json").write_text(canonical_json(said | {"memory": "linear"}))
    with pytest.raises(ConfigError, match="virtual of stage 2 is for memory 'gated' alone, found memory 'linear'"):
        run(tmp_path / "out", recipe_file(tmp_path), linear)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("teacher", "told"), [(None, "no teacher"), ("same", "kl_weight 0")])
def test_a_run_that_would_learn_nothing_is_refused(tmp_path: Path, teacher: str | None, told: str) -> None:
    recipe = recipe_file(tmp_path, stages=SHORT, tasks={"text": 1, "needle": 0}, lm_weight=0, kl_weight=0)
    with pytest.raises(UsageError, match=f"nothing to learn from: no task with questions, lm_weight 0 and {told}"):
        run(tmp_path / "out", recipe, teacher=teacher)
    assert not (tmp_path / "out").exists()
