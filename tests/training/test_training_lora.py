"""Training an adapter: the loss falls, and a run that was stopped ends as one that was not."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from lessons import TEXT, contexts, load, lora_recipe, taught_base
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from gemma10m.adapters.lora import LoraLinear
from gemma10m.errors import StateError, TrainingError
from gemma10m.training.contexts import OtherText
from gemma10m.training.lora_recipe import LoraRecipe
from gemma10m.training.lora_trainer import FORMAT, LoraTrainer

ORIGIN = "of the tests"


def trainer(recipe: LoraRecipe | None = None, dtype: torch.dtype = torch.float32) -> LoraTrainer:
    model, tokenizer = load(taught_base(), dtype)
    return LoraTrainer(model, tokenizer, contexts(), recipe or lora_recipe())


def finished(run: LoraTrainer, steps: int = 10**9) -> list[dict[str, Any]]:
    """Run to the end, or for some steps; return the reports but for their seconds."""
    reports = []
    while not run.done and len(reports) < steps:
        report = asdict(run.step())
        assert report.pop("seconds") > 0
        reports.append(report)
    return reports


def saved(run: LoraTrainer, path: Path) -> bytes:
    run.save(path, ORIGIN)
    return path.read_bytes()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[dict[str, Any]], bytes]:
    """Return the reports and the file of a run from its first step to its last."""
    run = trainer()
    return finished(run), saved(run, tmp_path_factory.mktemp("unbroken") / "run")


def test_the_loss_falls() -> None:
    model, tokenizer = load(taught_base())
    run = LoraTrainer(model, tokenizer, contexts() * 5, lora_recipe(contexts=60, learning_rate=0.02))
    reports = finished(run)
    assert len(reports) == run.steps_done == 30
    losses = [report["answer_loss"] for report in reports]
    assert sum(losses[-6:]) < 0.7 * sum(losses[:6])


def test_only_the_recipes_modules_are_trained() -> None:
    model, tokenizer = load(taught_base())
    run = LoraTrainer(model, tokenizer, contexts(), lora_recipe(modules=("q_proj", "o_proj")))
    trained = {name.rpartition(".")[2] for name, module in run.model.named_modules() if isinstance(module, LoraLinear)}
    assert trained == {"q_proj", "o_proj"}


def test_a_report_counts_what_was_read_and_asked(unbroken: tuple[list[dict[str, Any]], bytes]) -> None:
    reports, _ = unbroken
    recipe = lora_recipe()
    assert [report["step"] for report in reports] == [1, 2, 3, 4, 5, 6]
    assert [report["rate"] for report in reports] == [recipe.rate(step) for step in range(6)]
    asked = [len(context.asked) for context in contexts()]
    assert [report["asked"] for report in reports] == [sum(asked[first : first + 2]) for first in range(0, 12, 2)]
    assert all(0 <= report["right"] <= report["asked"] for report in reports)
    assert all(report["gradient"] > 0 and report["prose_loss"] is None and report["tokens"] > 100 for report in reports)


def test_other_text_is_kept_beside_what_is_learned() -> None:
    """A step of other text alone changes nothing at first, when the updates are zero; after a lesson it pulls back."""
    model, tokenizer = load(taught_base())
    prose, lessons = OtherText(TEXT), contexts()[:4]
    run = LoraTrainer(model, tokenizer, [prose, prose, *lessons, prose, prose], lora_recipe(contexts=8, prose=0.5))
    first, *taught, last = finished(run)
    assert (first["answer_loss"], first["asked"], first["prose_loss"], first["tokens"]) == (None, 0, 0.0, 80)
    assert first["gradient"] < 1e-5
    assert all(report["prose_loss"] is None and report["asked"] for report in taught)
    assert last["answer_loss"] is None
    assert last["prose_loss"] > 0
    assert last["gradient"] > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_only_the_updates_move(dtype: torch.dtype) -> None:
    run = trainer(dtype=dtype)
    before = {name: part.detach().clone() for name, part in run.model.named_parameters()}
    finished(run, 2)
    moved = {name for name, part in run.model.named_parameters() if not torch.equal(part, before[name])}
    assert moved == {name for name in before if "lora_" in name}
    assert {run.model.get_parameter(name).dtype for name in moved} == {torch.float32}


@pytest.mark.parametrize("step", [0, 1, 3, 6])
def test_a_run_that_was_killed_ends_as_one_that_was_not(
    step: int, unbroken: tuple[list[dict[str, Any]], bytes], tmp_path: Path
) -> None:
    reports, expected = unbroken
    first = trainer()
    before = finished(first, step)
    first.save(tmp_path / "run", ORIGIN)
    finished(first, 1)  # lost: it was not saved
    second = trainer()
    second.resume(tmp_path / "run", ORIGIN)
    assert second.steps_done == step
    assert second.done == (step == 6)
    assert before + finished(second) == reports
    assert saved(second, tmp_path / "end") == expected


def test_the_last_step_takes_what_is_left() -> None:
    model, tokenizer = load(taught_base())
    run = LoraTrainer(model, tokenizer, contexts()[:5], lora_recipe(contexts=5, contexts_per_step=2))
    assert [report["asked"] for report in finished(run)][2] == len(contexts()[4].asked)


def metadata(**changes: Any) -> Callable[[Path], object]:
    def change(path: Path) -> None:
        about = {"format": FORMAT, "origin": ORIGIN, "steps": 2} | changes
        save_file(load_file(path), path, {"run": json.dumps(about)})

    return change


def tensor(value: torch.Tensor | None) -> Callable[[Path], object]:
    def change(path: Path) -> None:
        with safe_open(path, "pt") as file:
            about = file.metadata()
        tensors = load_file(path)
        name = "weight.model.layers.0.mlp.up_proj.lora_A"
        tensors = {key: each for key, each in tensors.items() if key != name}
        save_file(tensors if value is None else {**tensors, name: value}, path, about)

    return change


OTHER = "it is a run on other data, another model or another recipe"
DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "cannot be resumed"),
    "cut off": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "cannot be resumed"),
    "a text": (lambda path: path.write_text("steps: 2"), "cannot be resumed"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "cannot be resumed"),
    "nothing": (lambda path: path.unlink(), "No such file"),
    "no metadata": (lambda path: save_file(load_file(path), path), "'run'"),
    "metadata that are no JSON": (lambda path: save_file(load_file(path), path, {"run": "{"}), "cannot be resumed"),
    "metadata that are a list": (lambda path: save_file(load_file(path), path, {"run": "[]"}), "cannot be resumed"),
    "another format": (metadata(format="gemma10m.training/1"), "it has the format"),
    "other data": (metadata(origin="another"), OTHER),
    "a step too many": (metadata(steps=7), OTHER),
    "a step before the first": (metadata(steps=-1), OTHER),
    "true steps": (metadata(steps=True), OTHER),
    "a missing tensor": (tensor(None), "its tensor"),
    "another shape": (tensor(torch.zeros(3, 24)), "its tensor"),
    "another dtype": (tensor(torch.zeros(4, 24, dtype=torch.bfloat16)), "its tensor"),
    "NaN": (tensor(torch.full((4, 24), float("nan"))), "not finite"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_run_is_refused(what: str, tmp_path: Path) -> None:
    run, path = trainer(), tmp_path / "run.safetensors"
    finished(run, 2)
    run.save(path, ORIGIN)
    damage, says = DAMAGE[what]
    damage(path)
    other = trainer()
    before = {name: part.detach().clone() for name, part in other.model.named_parameters()}
    with pytest.raises(StateError, match=says) as refused:
        other.resume(path, ORIGIN)
    assert str(path) in refused.value.message
    assert "\n" not in refused.value.message
    assert refused.value.hint == "train into another folder"
    assert other.steps_done == 0
    assert all(torch.equal(part, before[name]) for name, part in other.model.named_parameters())


def test_a_run_of_another_rank_is_refused(tmp_path: Path) -> None:
    trainer().save(tmp_path / "run", ORIGIN)
    with pytest.raises(StateError, match="its tensor"):
        trainer(lora_recipe(rank=5)).resume(tmp_path / "run", ORIGIN)


def test_a_gradient_that_is_no_number_changes_nothing(tmp_path: Path) -> None:
    run = trainer()
    finished(run, 1)
    before = saved(run, tmp_path / "before")
    with torch.no_grad():
        run.model.model.embed_tokens.weight.fill_(float("nan"))
    with pytest.raises(TrainingError, match="the gradient of step 2 is nan"):
        run.step()
    assert run.steps_done == 1
    assert saved(run, tmp_path / "after") == before


def test_updates_that_are_no_longer_finite_are_not_saved(tmp_path: Path) -> None:
    run = trainer()
    before = saved(run, tmp_path / "run")
    with torch.no_grad():
        run.parameters[0][0, 0] = float("inf")
    with pytest.raises(TrainingError, match="no longer finite"):
        run.save(tmp_path / "run", ORIGIN)
    assert (tmp_path / "run").read_bytes() == before
