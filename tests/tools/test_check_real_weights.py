"""`tools/check_real_weights.py` compares our reading with transformers'; here it is run on tiny random weights."""

from __future__ import annotations

import json
import runpy
from pathlib import Path
from typing import Any

import pytest
import torch
from official_models import (
    VOCABULARY,
    Float64,
    in_float64,
    official_logits,
    official_model,
    random_ids,
    rewrite_tensors,
    save,
    true_logits,
)
from rounding import rounding_error
from torch import Tensor

TOKENS = 600  # two whole stretches and a bit


@pytest.fixture
def tool(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    found = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "check_real_weights.py"))
    names: dict[str, Any] = found["main"].__globals__
    monkeypatch.setitem(names, "text_ids", lambda where: random_ids(1, TOKENS))
    return names


def test_the_same_weights_are_read_alike_and_a_row_says_so(
    tool: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model, ids = official_model("gemma"), random_ids(1, TOKENS)
    folder = save(model, tmp_path / "tiny")
    tool["main"](str(folder), str(tmp_path / "rows.jsonl"))
    row = json.loads((tmp_path / "rows.jsonl").read_text(encoding="utf-8"))
    assert (row["kind"], row["model"], row["tokens"]) == ("real weights", "tiny", TOKENS)
    error = rounding_error(official_logits(model, ids), true_logits(model, ids))
    assert 0 < row["largest_difference"] <= error + 2 * error  # theirs and ours
    assert row["same_first_choice"] == row["of_tokens"] == TOKENS - 1
    assert row["transformers_loss"] == pytest.approx(row["gemma10m_loss"], abs=2e-6)
    assert str(tmp_path) not in json.dumps(row)
    printed = capsys.readouterr().out
    assert f"gemma10m_loss: {row['gemma10m_loss']}" in printed


def test_the_loss_is_the_cross_entropy_of_the_next_token(tool: dict[str, Any], tmp_path: Path) -> None:
    model = official_model("gemma")
    ids = random_ids(1, TOKENS)
    where = tool["source"](str(save(model, tmp_path / "tiny")))
    found = tool["compare"]({"transformers": tool["official_reader"](where, ids)}, ids)
    wide = in_float64(model)
    with torch.no_grad(), Float64():
        expected = wide(input_ids=ids, labels=ids).loss
    error = rounding_error(official_logits(model, ids), true_logits(model, ids))
    rounded = 0.5e-6  # to six decimals
    assert found == {"transformers_loss": pytest.approx(float(expected), abs=rounded + 2 * error)}


def test_other_weights_are_seen(tool: dict[str, Any], tmp_path: Path) -> None:
    ids = random_ids(1, TOKENS)
    one, other = (save(official_model("gemma"), tmp_path / name) for name in ("one", "other"))

    def moved(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
        tensors["model.layers.1.mlp.up_proj.weight"] *= 1.01
        return tensors

    rewrite_tensors(other, moved)
    readers = dict(
        transformers=tool["official_reader"](tool["source"](str(one)), ids), gemma10m=tool["our_reader"](other, ids)
    )
    found = tool["compare"](readers, ids)
    assert found["largest_difference"] > 1e-3
    assert ids.max() < VOCABULARY
