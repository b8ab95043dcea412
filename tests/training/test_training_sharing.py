"""Test that models whose layers share keys and values are trained from scratch, saved, and read again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from checkpoints import tiny_config
from training_runs import TEXT, assert_same_run, interrupted_before, log_of, recipe_file, run

from gemma10m.errors import Interrupted, UsageError
from gemma10m.library.library import Library
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.weights.loading import load_model

SOURCES = [0, 0, 2, 2]
STAGES = [{"length": 96, "tokens": 9000}]


def shared_config(folder: Path) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(tiny_config(layers=4, vocabulary=420, segment_size=16, kv_source_layers=SOURCES)))
    return path


@pytest.mark.usefixtures("cache")
def test_a_shared_model_is_trained_resumed_and_asked(tmp_path: Path) -> None:
    recipe, config = recipe_file(tmp_path, stages=STAGES), shared_config(tmp_path)
    run(tmp_path / "out", recipe, checkpoint=None, config=config)
    losses = [line["text_loss"] for line in log_of(tmp_path / "out")]
    assert sum(losses[-5:]) < sum(losses[:5])
    with interrupted_before(3), pytest.raises(Interrupted):
        run(tmp_path / "again", recipe, checkpoint=None, config=config)
    run(tmp_path / "again", recipe, checkpoint=None, config=config)
    assert_same_run(tmp_path / "again", tmp_path / "out")
    model = load_model(tmp_path / "out")
    assert [model.config.attention_of(layer).source for layer in range(4)] == [None, 0, None, 2]
    path = tmp_path / "book.txt"
    path.write_text(TEXT)
    with Library(str(tmp_path / "out"), device="cpu").open(path, retrieval=RetrievalOptions("off")) as reading:
        reading.save(tmp_path / "book.state")
        told = reading.ask("What is it?").made
    with Library(str(tmp_path / "out"), device="cpu").open(
        tmp_path / "book.state", retrieval=RetrievalOptions("off")
    ) as reading:
        assert reading.ask("What is it?").made == told


def test_recompute_is_refused(tmp_path: Path) -> None:
    recipe, config = recipe_file(tmp_path, stages=STAGES, recompute=True), shared_config(tmp_path)
    with pytest.raises(UsageError, match="recompute does not work with layers that share keys and values"):
        run(tmp_path / "out", recipe, checkpoint=None, config=config)
