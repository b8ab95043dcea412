"""Small models, recipes and runs for the tests of training."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from readers import checkpoint, workshop
from safetensors.torch import load_file, save_file
from torch import Tensor

from gemma10m.commands.train import TrainOptions, train
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.memory.interludes import Interludes
from gemma10m.models.decoder import Decoder
from gemma10m.tasks.haystack import Prose
from gemma10m.tasks.writer import Writer
from gemma10m.terminal import Terminal
from gemma10m.tokens import Tokenizer, load_tokenizer
from gemma10m.training import address_fit
from gemma10m.training.batch import Batch
from gemma10m.training.initial import initialise
from gemma10m.training.recipe import Recipe, Stage
from gemma10m.training.trainer import StepReport, Trainer

TEXT = "It was a fine day, and they walked on.\nThe house stood still; nobody spoke of it again.\n\n" * 60
SEGMENT = 32
NOW = "run.safetensors", "model.safetensors", "config.json", "recipe.json", "tokenizer.model"


@cache
def tokenizer() -> Tokenizer:
    return load_tokenizer(checkpoint())


@cache
def writer() -> Writer:
    return Writer(tokenizer(), [Prose.of(tokenizer(), TEXT)])


def small_recipe(**changes: Any) -> Recipe:
    """Two stages of three steps."""
    said: dict[str, Any] = {
        "stages": (Stage(96, 1100), Stage(160, 1100)),
        "tokens_per_step": 400,
        "warmup_tokens": 500,
        "save_every": 2,
        "segment": SEGMENT,
        "carry": SEGMENT,
        "sinks": 4,
        "memory": "gated",
        "tasks": {"needle": 1, "text": 1},
        "facts": 1,
        "questions": 1,
    }
    return Recipe(**(said | changes))


def small_model(recipe: Recipe, seed: int = 0) -> Decoder:
    torch.manual_seed(seed)
    config = ModelConfig(32, 2, 2, 2, 16, 48, tokenizer().vocabulary, has_gates=True, has_write_gates=True)
    model = Decoder(config, ReadingConfig("gated", recipe.segment or SEGMENT, recipe.carry or 0, 4))
    initialise(model)
    return model


def random_batch(rows: int, length: int, vocabulary: int, segment: int, stride: int = 3, seed: int = 0) -> Batch:
    """Random ids; each row's last three tokens are its answer."""
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randint(vocabulary, (rows, length), generator=generator)
    answers = torch.zeros(ids.shape, dtype=torch.bool)
    answers[:, -3:] = True
    text = torch.zeros(ids.shape, dtype=torch.bool)
    text[:, 1::stride] = True
    shape = (rows, (length - 1) // segment)
    plain = torch.rand(shape, generator=generator) < 0.5
    interludes = Interludes(plain, torch.randint(0, 4, shape, generator=generator))
    turns = tuple(("needle", (slice(length - 3, length),)) for _ in range(rows))
    return Batch(ids, answers, text & ~answers, slice(0, None, stride), turns, interludes)


def gradients(model: Decoder) -> dict[str, Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@cache
def book() -> Path:
    path = workshop() / "training.txt"
    path.write_text(TEXT)
    return path


def changed_checkpoint(folder: Path, **replaced: Tensor | None) -> Path:
    """Change the tensors of the tests' checkpoint whose names end so (`__` for a dot), or remove them for None."""
    source = checkpoint()
    tensors = load_file(source / "model.safetensors")
    for ending, value in replaced.items():
        for name in [name for name in tensors if name.endswith(ending.replace("__", "."))]:
            if value is None:
                del tensors[name]
            else:
                tensors[name] = value.expand(tensors[name].shape).clone()
    folder.mkdir()
    save_file(tensors, folder / "model.safetensors")
    for name in ("config.json", "tokenizer.model", "tokenizer_config.json"):
        (folder / name).write_bytes((source / name).read_bytes())
    return folder


def recipe_file(folder: Path, **changes: Any) -> Path:
    """Write the small recipe as JSON, for the tests' checkpoint (its segment is 16); a value of None is left out."""
    said: dict[str, Any] = {
        "stages": [{"length": 96, "tokens": 1000}, {"length": 128, "tokens": 1000, "virtual": 3}],
        "tokens_per_step": 300,
        "warmup_tokens": 500,
        "save_every": 2,
        "facts": 1,
        "questions": 1,
        "backprop": 3,
    }
    path = folder / "recipe.json"
    path.write_text(json.dumps({name: value for name, value in (said | changes).items() if value is not None}))
    return path


def run(out: Path, recipe: Path, start: Path | None = None, **options: Any) -> None:
    chosen: dict[str, Any] = {"data": [str(book())], "checkpoint": str(start or checkpoint()), "device": "cpu"}
    train(Terminal(), TrainOptions(out=out, recipe=recipe, **(chosen | options)))


def log_of(out: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


def assert_same_run(found: Path, expected: Path) -> None:
    """Bit for bit: weights, moments, position; the log but for its seconds."""
    for name in NOW:
        assert (found / name).read_bytes() == (expected / name).read_bytes(), name
    assert log_of(found) == log_of(expected)


@contextmanager
def acting_before(number: int, act: Callable[[Trainer], object]) -> Iterator[pytest.MonkeyPatch]:
    step = Trainer.step

    def acting(trainer: Trainer) -> StepReport:
        if trainer.position.step == number - 1:
            act(trainer)
        return step(trainer)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "step", acting)
        yield patch


def shorten_fit(patch: pytest.MonkeyPatch, steps: int) -> None:
    """Fit what a memory is addressed with in fewer steps."""
    first, last = address_fit.PHASES
    patch.setattr(address_fit, "PHASES", (replace(first, steps=steps // 2), replace(last, steps=steps - steps // 2)))


def interrupted_before(number: int) -> AbstractContextManager[pytest.MonkeyPatch]:
    return acting_before(number, lambda _: signal.raise_signal(signal.SIGINT))
