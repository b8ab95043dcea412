"""Test what a run's folder holds after a step that failed, a disk that filled up or a signal, and the message."""

from __future__ import annotations

import errno
import os
import re
import signal
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from training_runs import NOW, acting_before, assert_same_run, interrupted_before, log_of, recipe_file, run

import gemma10m
from gemma10m.errors import ConfigError, DiskError, Gemma10MError, Interrupted, OutOfMemoryError, TrainingError
from gemma10m.library.signals import StopRequest
from gemma10m.training.recipe import Recipe
from gemma10m.training.trainer import Trainer


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run from its first step to its last, saved after every second."""
    folder = tmp_path_factory.mktemp("unbroken")
    run(folder / "out", recipe_file(folder))
    return folder / "out"


def failing_in_step(number: int, error: Exception) -> AbstractContextManager[pytest.MonkeyPatch]:
    """Raise `error` in a step, when the gradients are there and nothing has moved yet."""

    def fail(trainer: Trainer) -> None:
        def rate(*_: object) -> float:
            raise error

        # The recipe is frozen, and its class is every trainer's.
        vars(trainer)["recipe"] = type("Failing", (Recipe,), {"rate": rate})(**vars(trainer.recipe))

    return acting_before(number, fail)


def fill_the_disk(patch: pytest.MonkeyPatch, name: str = "") -> None:
    """Fill the disk for the files called so, or for all."""
    replace = os.replace

    def full(source: str, target: Path) -> None:
        if not name or target.name == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace(source, target)

    patch.setattr("gemma10m.atomic_file.os.replace", full)


@pytest.mark.parametrize(
    ("error", "kind", "told"),
    [
        (TrainingError("no number"), TrainingError, "no number"),
        (ConfigError(["too short", "too small"], "be long"), ConfigError, "too short; too small"),
        (OutOfMemoryError("the layer is too large", "be small"), OutOfMemoryError, "the layer is too large"),
        (torch.OutOfMemoryError("CUDA out of memory"), OutOfMemoryError, "step 4 needs more memory than is free"),
        (MemoryError(), OutOfMemoryError, "step 4 needs more memory than is free"),
        (RuntimeError("DefaultCPUAllocator: no"), OutOfMemoryError, "step 4 needs more memory than is free"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_a_step_that_fails_loses_none_before_it(
    unbroken: Path, tmp_path: Path, error: Exception, kind: type[Gemma10MError], told: str
) -> None:
    out, recipe = tmp_path / "out", recipe_file(tmp_path)
    memory = "free some and run the same command again, or lower tokens_per_step or backprop in the recipe"
    hint = getattr(error, "hint", memory)
    with failing_in_step(4, error), pytest.raises(kind) as caught:
        run(out, recipe)
    assert caught.value.message == str(caught.value) == f"{told}; {out} holds the checkpoint of step 3"
    elsewhere = f"`gemma10m train {out} --out OTHER` continues from it with another recipe"
    assert caught.value.hint == (f"{hint}; {elsewhere}" if hint else elsewhere)
    run(out, recipe)
    assert_same_run(out, unbroken)


def test_what_the_hint_says_works(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with failing_in_step(4, TrainingError("no number")), pytest.raises(TrainingError):
        run(out, recipe_file(tmp_path))
    run(tmp_path / "other", recipe_file(tmp_path, learning_rate=0, gate_learning_rate=0), start=out)
    before, after = (load_file(folder / "model.safetensors") for folder in (out, tmp_path / "other"))
    for name, weight in before.items():
        assert torch.equal(after[name], weight), name


def test_a_step_that_fails_while_the_weights_move_is_never_saved(unbroken: Path, tmp_path: Path) -> None:
    out, recipe = tmp_path / "out", recipe_file(tmp_path)

    def move_and_fail(trainer: Trainer) -> None:
        def step(*_: object) -> None:
            for parameter in trainer.model.parameters():
                parameter.data += 1.0
            raise torch.OutOfMemoryError

        vars(trainer.optimizer)["step"] = step

    with acting_before(4, move_and_fail), pytest.raises(OutOfMemoryError, match="holds the checkpoint of step 2"):
        run(out, recipe)
    run(out, recipe)
    assert_same_run(out, unbroken)


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("", "holds the checkpoint of step 2"),
        ("model.safetensors", "holds the run of step 3, and the same command writes its model"),
    ],
)
def test_a_failure_is_told_even_if_the_disk_is_full_too(unbroken: Path, tmp_path: Path, name: str, held: str) -> None:
    out, recipe = tmp_path / "out", recipe_file(tmp_path)
    told = f"^no number; {re.escape(str(out))} {held}$"
    with (
        failing_in_step(4, TrainingError("no number")) as patch,
        acting_before(4, lambda _: fill_the_disk(patch, name)),
        pytest.raises(TrainingError, match=told),
    ):
        run(out, recipe)
    assert not list(out.glob(".gemma10m-*"))
    run(out, recipe)
    assert_same_run(out, unbroken)


@pytest.mark.parametrize(
    ("name", "held"),
    [
        ("run.safetensors", "holds the checkpoint of step 2"),
        ("config.json", "holds the run of step 4, and the same command writes its model"),
        ("model.safetensors", "holds the run of step 4, and the same command writes its model"),
    ],
)
def test_a_disk_that_fills_up_leaves_what_is_said(unbroken: Path, tmp_path: Path, name: str, held: str) -> None:
    out, recipe = tmp_path / "out", recipe_file(tmp_path)
    told = rf"{name} cannot be written: the disk is full; {re.escape(str(out))} {held}$"
    with pytest.MonkeyPatch.context() as patch:
        with acting_before(4, lambda _: fill_the_disk(patch, name)), pytest.raises(DiskError, match=told) as caught:
            run(out, recipe)
        assert caught.value.hint == "free some space or choose another disk"
        if name != "run.safetensors":
            with pytest.raises(DiskError, match=told):
                run(out, recipe)
    assert not list(out.glob(".gemma10m-*"))
    gemma10m.load_model(out)
    run(out, recipe)
    assert_same_run(out, unbroken)


def test_a_log_on_a_full_disk_is_named_and_its_step_saved(unbroken: Path, tmp_path: Path) -> None:
    out, recipe = tmp_path / "out", recipe_file(tmp_path, save_every=100)
    log = out / "log.jsonl"

    def fill(_: Trainer) -> None:
        (descriptor,) = [
            int(path.name) for path in Path("/proc/self/fd").iterdir() if os.path.realpath(path) == str(log)
        ]
        with open("/dev/full", "wb") as full:
            os.dup2(full.fileno(), descriptor)

    told = rf"{log} cannot be written: No space left on device; {out} holds the checkpoint of step 4$"
    with acting_before(4, fill), pytest.raises(DiskError, match=told):
        run(out, recipe)
    run(out, recipe)
    for name in set(NOW) - {"recipe.json"}:
        assert (out / name).read_bytes() == (unbroken / name).read_bytes(), name
    assert log_of(out) == [line for line in log_of(unbroken) if line["step"] != 4]


@pytest.mark.parametrize("save_every", [1, 2, 100])
def test_weights_that_are_no_numbers_are_never_saved(tmp_path: Path, save_every: int) -> None:
    out = tmp_path / "out"

    def break_it(trainer: Trainer) -> None:
        trainer.model.model.embed_tokens.weight.data.fill_(float("nan"))

    held = 3 // save_every * save_every
    told = f"the loss of step 4 is nan; {out} holds the checkpoint of step {held}"
    with acting_before(4, break_it), pytest.raises(TrainingError, match=told) as caught:
        run(out, recipe_file(tmp_path, save_every=save_every))
    assert caught.value.exit_code == 9
    assert all(bool(tensor.isfinite().all()) for tensor in load_file(out / "run.safetensors").values())
    assert all(bool(tensor.isfinite().all()) for tensor in load_file(out / "model.safetensors").values())


@pytest.mark.parametrize("asked", [1, 2, 3, 4, 5])
def test_a_signal_just_after_it_was_asked_for_stops_where_the_run_is_saved(
    unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: int
) -> None:
    out, recipe = tmp_path / "out", recipe_file(tmp_path, save_every=100)
    times, ask = iter(range(1, 100)), StopRequest.__call__

    def late(stop: StopRequest) -> bool:
        answer = ask(stop)
        if next(times) == asked:
            signal.raise_signal(signal.SIGINT)
        return answer

    with monkeypatch.context() as patch:
        patch.setattr(StopRequest, "__call__", late)
        with pytest.raises(Interrupted, match=r"stopped after step \d+; the run is saved in") as caught:
            run(out, recipe)
    steps = len(log_of(out))
    assert f"stopped after step {steps};" in caught.value.message
    run(out, recipe)
    assert log_of(out) == log_of(unbroken)


def test_a_signal_in_the_last_step_does_not_promise_more(unbroken: Path, tmp_path: Path) -> None:
    out, recipe, last = tmp_path / "out", recipe_file(tmp_path), len(log_of(unbroken))
    told = f"stopped after step {last}, the last one: the run in {out} is complete"
    with interrupted_before(last), pytest.raises(Interrupted, match=told) as caught:
        run(out, recipe)
    assert (caught.value.hint, caught.value.exit_code) == ("", 130)
    assert_same_run(out, unbroken)


def test_a_bug_is_no_step_that_failed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with failing_in_step(4, RuntimeError("a bug")), pytest.raises(RuntimeError, match=r"^a bug$"):
        run(out, recipe_file(tmp_path))
    assert int(load_file(out / "run.safetensors")["step.model.norm.weight"]) == 2  # saved after every second
