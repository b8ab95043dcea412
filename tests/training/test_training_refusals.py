"""Test what `train` refuses, and that a refused command leaves the folder as it was."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from checkpoints import tiny_config
from training_runs import TEXT, book, changed_checkpoint, recipe_file, run

from gemma10m.errors import ConfigError, DocumentError, UsageError
from gemma10m.strict_json import canonical_json
from gemma10m.tasks.word_lists import make_names
from gemma10m.training.tokenizer import tokenizer_lines, train_tokenizer

SHORT = [{"length": 96, "tokens": 250}]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def other_words() -> list[str]:
    return make_names(random.Random(0), 2000)


def begin(out: Path, run: Path) -> None:
    """Leave in `out` what a crash before the first save would leave of the run."""
    (out / "recipe.json").write_bytes((run / "recipe.json").read_bytes())


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
    run(fresh, recipe, checkpoint=None, config=config, data=[str(book())])
    train_tokenizer(other_words(), out, 420)
    begin(out, fresh)
    run(out, recipe, checkpoint=None, config=config, data=[str(book())])
    assert (out / "tokenizer.model").read_bytes() == (fresh / "tokenizer.model").read_bytes()


def test_a_tokenizer_of_another_kind_does_not_stay_beside_the_run_s_own(tmp_path: Path) -> None:
    out, recipe = tmp_path / "out", recipe_file(tmp_path, stages=SHORT)
    run(tmp_path / "whole", recipe)
    out.mkdir()
    (out / "tokenizer.json").write_text("{}")
    begin(out, tmp_path / "whole")
    run(out, recipe)
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
    with pytest.raises(ConfigError, match="virtual of stage 2 is for memory 'gated' or 'added', found memory 'linear'"):
        run(tmp_path / "out", recipe_file(tmp_path), linear)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("teacher", "told"), [(None, "no teacher"), ("same", "kl_weight 0")])
def test_a_run_that_would_learn_nothing_is_refused(tmp_path: Path, teacher: str | None, told: str) -> None:
    recipe = recipe_file(tmp_path, stages=SHORT, tasks={"text": 1, "needle": 0}, lm_weight=0, kl_weight=0)
    with pytest.raises(
        UsageError, match=f"nothing to learn from: found no task with questions, lm_weight 0 and {told}"
    ):
        run(tmp_path / "out", recipe, teacher=teacher)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "name",
    [
        "config.json",
        "model.safetensors.index.json",
        "model-00001-of-00002.safetensors",
        "tokenizer.model",
        "tokenizer.json",
        "tokenizer_config.json",
    ],
)
@pytest.mark.parametrize("recipe", ["", "not json", '{"stages": [{"length": 0, "tokens": 1}]}'])
def test_a_checkpoint_s_files_are_never_written_over(tmp_path: Path, name: str, recipe: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text("mine")
    if recipe:
        (out / "recipe.json").write_text(recipe)
    before = contents(out)
    with pytest.raises(UsageError, match=f"holds {name} but no training run: a checkpoint there would be overwritten"):
        run(out, recipe_file(tmp_path, stages=SHORT))
    assert contents(out) == before


def test_a_model_beside_its_recipe_is_never_written_over(tmp_path: Path) -> None:
    """A run has such a folder if its run.safetensors was removed to save space."""
    out, recipe = tmp_path / "out", recipe_file(tmp_path, stages=SHORT)
    run(out, recipe)
    (out / "run.safetensors").unlink()
    before = contents(out)
    with pytest.raises(UsageError, match=r"holds config\.json but no training run"):
        run(out, recipe)
    assert contents(out) == before


@pytest.mark.parametrize("inside", [".", "deep/out", "link/out"])
def test_a_run_inside_of_its_own_text_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: str) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "book.txt").write_text(book().read_text())
    (tmp_path / "link").symlink_to(data)
    out, before = data / inside if inside != "link/out" else tmp_path / inside, contents(data)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="lies in data, and the run would train on what it writes there"):
        run(out, recipe_file(tmp_path, stages=SHORT), data=["data"])
    assert contents(data) == before


def test_random_weights_teach_nobody(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--teacher same would imitate random weights"):
        run(tmp_path / "out", recipe_file(tmp_path, stages=SHORT), checkpoint=None, teacher="same")
    assert not (tmp_path / "out").exists()


def test_a_teacher_with_another_tokenizer_is_refused(tmp_path: Path) -> None:
    """The other vocabulary is as large as the student's, both padded."""
    teacher = changed_checkpoint(tmp_path / "teacher")
    train_tokenizer(tokenizer_lines([TEXT], 0), teacher, 500)
    with pytest.raises(UsageError, match="does not have the student's tokenizer"):
        run(tmp_path / "out", recipe_file(tmp_path, stages=SHORT), teacher=str(teacher))
    assert not (tmp_path / "out").exists()
