"""Test what `bench first-minute` says of a device."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from gemma10m.bench import first_minute
from gemma10m.bench.first_minute import measure_first_minute
from gemma10m.bench.shape import random_model
from gemma10m.commands.bench import BenchOptions, bench
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.library.model_choice import ModelOptions
from gemma10m.models.decoder import Decoder
from gemma10m.terminal import Terminal

SMALL = ModelConfig(64, 2, 4, 1, 16, 96, 500, has_gates=True)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(first_minute, "READ", {"cpu": 256})
    monkeypatch.setattr(first_minute, "PROMPT", 40)


def model() -> Decoder:
    torch.manual_seed(0)
    return random_model(SMALL, ReadingConfig("gated", 16, 16, 4), "cpu", torch.float32)


@pytest.mark.usefixtures("short")
def test_a_row_says_what_was_computed_and_planned() -> None:
    row = measure_first_minute(model())
    assert row["kernels_off_by"] is None  # without a GPU there is nothing but the reference
    assert (row["prompt_apart"], row["same_likeliest"]) == (0.0, 1.0)
    assert (row["device"], row["backend"], row["tokens"]) == ("cpu", "reference", 256)
    planned, rate = row["planned_bytes"], row["tokens_per_second"]
    assert isinstance(planned, int)
    assert isinstance(rate, float)
    weights = sum(tensor.numel() * 4 for tensor in model().state_dict().values())
    assert planned > weights
    assert rate > 0


@pytest.mark.usefixtures("short")
def test_a_kernel_that_computes_something_else_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Halve what attention gives where no gradient is wanted, as a wrong kernel would."""
    plain = torch.nn.functional.scaled_dot_product_attention

    def halved(*arguments: torch.Tensor, **words: Any) -> torch.Tensor:
        found: torch.Tensor = plain(*arguments, **words)
        return found if torch.is_grad_enabled() else found / 2

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", halved)
    row = measure_first_minute(model())
    apart = row["prompt_apart"]
    assert isinstance(apart, float)
    assert apart > 0


@pytest.mark.usefixtures("short")
def test_the_command_keeps_the_row(tmp_path: Path) -> None:
    options = BenchOptions("first-minute", ModelOptions("demo", device="cpu"))
    bench(Terminal(quiet=True, json=True), options, tmp_path / "rows.jsonl", "gemma10m bench first-minute")
    (line,) = (tmp_path / "rows.jsonl").read_text().splitlines()
    assert json.loads(line)["kind"] == "bench first minute"
