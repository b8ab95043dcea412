"""`gemma10m train --lora`: an adapter that `ask` uses, a run that resumes, and what is refused."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from byte_level_fixtures import gguf_metadata
from gguf_models import tiny_weights, write_model
from lessons import KNOWN, TEXT, furnished, question_file, taught_base
from readers import workshop
from safetensors.torch import load_file, save_file

import gemma10m
from gemma10m.adapters.peft_folder import ABOUT, CONFIG, TENSORS, read_adapter
from gemma10m.commands import train_adapter
from gemma10m.commands.train_adapter import AdapterOptions
from gemma10m.errors import Gemma10MError, Interrupted, OutOfMemoryError, StateError, TrainingError
from gemma10m.terminal import Terminal
from gemma10m.training.lora_trainer import LoraReport, LoraTrainer
from gemma10m.training.run_file import RUN
from gemma10m.weights.checkpoint import open_checkpoint

STEPS = 4
WRITTEN = (RUN, TENSORS, CONFIG, ABOUT)


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    return furnished(tmp_path)


def train(desk: Path, out: str = "out", **changes: Any) -> Path:
    wanted: dict[str, Any] = dict(
        model=str(taught_base()),
        data=[str(desk / "towns.md")],
        questions=[desk / "q.jsonl"],
        prose=(),
        rank=4,
        recipe=desk / "recipe.json",
        device="cpu",
        dtype="float32",
    )
    train_adapter.train_adapter(Terminal(), AdapterOptions(out=desk / out, **(wanted | changes)))
    return desk / out


def log_of(out: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [{name: value for name, value in line.items() if name != "seconds"} for line in lines]


@pytest.fixture(scope="module")
def unbroken() -> Path:
    """Return a run from its first step to its last."""
    return train(furnished(workshop() / "adapter run"))


def test_the_adapter_names_its_base_and_no_folder_of_this_machine(unbroken: Path) -> None:
    assert json.loads((unbroken / CONFIG).read_text())["base_model_name_or_path"] == taught_base().name


def assert_same_run(found: Path, expected: Path) -> None:
    for name in WRITTEN:
        assert (found / name).read_bytes() == (expected / name).read_bytes(), name
    assert log_of(found) == log_of(expected)


@pytest.mark.usefixtures("cache")
def test_an_adapter_is_trained_and_asked(desk: Path, call: Callable[..., tuple[Any, str, str]]) -> None:
    base, out = taught_base(), desk / "out"
    words = ("--questions", desk / "q.jsonl", "--data", desk / "towns.md", "--recipe", desk / "recipe.json")
    code, stdout, stderr = call("train", base, "--lora", 4, *words, "--out", out, "--device", "cpu")
    assert (code, stdout) == (0, f"{out}\n"), stderr
    assert "8 sets of passages with " in stderr
    assert f"step {STEPS} of {STEPS}: loss " in stderr
    adapter = read_adapter(out)
    assert adapter.about.base == open_checkpoint(base).fingerprint
    assert (adapter.about.reads_passages, adapter.about.data) == (True, "q.jsonl")
    assert any(float(update.up.abs().max()) > 0 for update in adapter.updates.values())
    assert [line["step"] for line in log_of(out)] == [1, 2, 3, 4]
    asked = ("ask", desk / "towns.md", KNOWN[0].question, "-m", base, "--device", "cpu", "--max-new-tokens", 4)
    for more in ((), ("--adapter", out), ("--adapter", "none")):
        code, stdout, stderr = call(*asked, "--json", *more)
        assert code == 0, stderr
        assert json.loads(stdout)["question"] == KNOWN[0].question


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("command", ["ask", "read", "summarize"])
def test_each_command_reads_with_the_adapter(
    command: str, unbroken: Path, desk: Path, call: Callable[..., tuple[Any, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A state of one adapter is found again with it and not with another: the text is read twice."""
    used = []
    load = gemma10m.library.model_choice.load_checkpoint

    def note(*arguments: Any) -> Any:
        used.append(arguments[4])
        return load(*arguments)

    monkeypatch.setattr("gemma10m.library.model_choice.load_checkpoint", note)
    words: tuple[object, ...] = (command, desk / "towns.md", *(["What is Lyme known for?"] if command == "ask" else []))
    words = (*words, "-m", taught_base(), "--device", "cpu", *(() if command == "read" else ("--max-new-tokens", 2)))
    code, _, stderr = call(*words, "--adapter", unbroken)
    assert code == 0, stderr
    assert used[0].path == unbroken
    code, _, stderr = call(*words, "--adapter", desk / "nowhere")
    assert code == 4
    assert "nowhere/adapter_config.json cannot be used as an adapter" in stderr.replace("\n", "")


def test_a_trained_adapter_loads_as_it_was_trained(unbroken: Path) -> None:
    model = gemma10m.load_model(taught_base(), adapter=unbroken)
    plain = gemma10m.load_model(taught_base())
    name = "model.layers.0.mlp.up_proj.weight"
    assert not torch.equal(model.get_parameter(name), plain.get_parameter(name))
    trained = load_file(unbroken / RUN)
    update = read_adapter(unbroken).updates[name]
    assert torch.equal(update.up, trained["weight.model.layers.0.mlp.up_proj.lora_B"].bfloat16().float())
    assert update.scale == 8 / 4


def acting_before(number: int, act: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    step = LoraTrainer.step

    def acting(trainer: LoraTrainer) -> LoraReport:
        if trainer.steps_done == number - 1:
            act()
        return step(trainer)

    monkeypatch.setattr(LoraTrainer, "step", acting)


@pytest.mark.parametrize("step", [1, 2, 3])
def test_an_interrupted_run_resumes_bit_for_bit(
    step: int, unbroken: Path, desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patch:
        acting_before(step, lambda: signal.raise_signal(signal.SIGINT), patch)
        with pytest.raises(Interrupted, match=f"stopped after step {step}; the run is saved in ") as caught:
            train(desk)
    assert (caught.value.exit_code, caught.value.hint) == (130, "run the same command again to resume")
    assert read_adapter(desk / "out")
    capsys.readouterr()
    train(desk)
    assert f"resuming after step {step} of the run in {desk / 'out'}" in capsys.readouterr().err
    assert_same_run(desk / "out", unbroken)


def test_a_run_that_is_stopped_before_its_first_step_is_saved(
    unbroken: Path, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = train_adapter._AdapterNotes

    def stopping(*arguments: Any) -> Any:
        signal.raise_signal(signal.SIGTERM)
        return notes(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(train_adapter, "_AdapterNotes", stopping)
        with pytest.raises(Interrupted, match="stopped after step 0; the run is saved in ") as caught:
            train(desk)
    assert caught.value.exit_code == 143
    assert_same_run(train(desk), unbroken)


def test_a_run_that_is_stopped_in_its_last_step_is_whole(
    unbroken: Path, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acting_before(STEPS, lambda: signal.raise_signal(signal.SIGINT), monkeypatch)
    with pytest.raises(Interrupted, match="stopped after step 4, the last one; ") as caught:
        train(desk)
    assert caught.value.hint == ""
    assert_same_run(desk / "out", unbroken)


def test_a_run_that_died_between_two_saves_resumes_bit_for_bit(
    unbroken: Path, desk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die() -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patch:
        acting_before(4, die, patch)
        with pytest.raises(ZeroDivisionError):
            train(desk)
    assert len(log_of(desk / "out")) == 3  # saved after two
    assert_same_run(train(desk), unbroken)


def test_a_complete_run_writes_its_adapter_again(
    unbroken: Path, desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run that is killed after its last save of run.safetensors has the adapter of an earlier step."""
    out = train(desk)
    (out / TENSORS).unlink()
    capsys.readouterr()
    train(desk)
    assert f"the run in {out} is complete after 4 steps" in capsys.readouterr().err
    assert_same_run(out, unbroken)


def test_a_step_that_fails_leaves_the_steps_before(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise TrainingError("the gradient of step 2 is nan", hint="lower learning_rate")

    acting_before(2, fail, monkeypatch)
    with pytest.raises(TrainingError):
        train(desk)
    assert load_file(desk / "out" / RUN)
    monkeypatch.undo()
    acting_before(3, lambda: signal.raise_signal(signal.SIGINT), monkeypatch)
    with pytest.raises(Interrupted):
        train(desk)
    assert [line["step"] for line in log_of(desk / "out")] == [1, 2, 3]


def test_memory_that_is_full_leaves_the_steps_before(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill() -> None:
        raise RuntimeError("DefaultCPUAllocator: not enough memory")

    acting_before(2, fill, monkeypatch)
    with pytest.raises(OutOfMemoryError, match=r"step 2 needs more memory than is free; .* holds the run of step 1"):
        train(desk)


def change_data(desk: Path) -> None:
    (desk / "towns.md").write_text(TEXT.replace("weather", "crops"))


def change_questions(desk: Path) -> None:
    question_file(desk / "q.jsonl", KNOWN)


def change_recipe(desk: Path) -> None:
    said = json.loads((desk / "recipe.json").read_text())
    (desk / "recipe.json").write_text(json.dumps(said | {"learning_rate": 0.001}))


def cut_off(desk: Path) -> None:
    (desk / "out" / RUN).write_bytes((desk / "out" / RUN).read_bytes()[:-9])


def another_run(desk: Path) -> None:
    save_file({"weight": torch.zeros(3)}, desk / "out" / RUN, {"run": '{"format": "gemma10m.training/1"}'})


@pytest.mark.parametrize("change", [change_data, change_questions, change_recipe, cut_off, another_run])
def test_another_run_is_not_continued(change: Callable[[Path], None], unbroken: Path, desk: Path) -> None:
    (desk / "out").mkdir()
    for name in WRITTEN:
        (desk / "out" / name).write_bytes((unbroken / name).read_bytes())
    change(desk)
    before = {name: (desk / "out" / name).read_bytes() for name in WRITTEN}
    with pytest.raises(StateError, match="cannot be resumed"):
        train(desk)
    assert {name: (desk / "out" / name).read_bytes() for name in WRITTEN} == before


def test_another_base_is_another_run(unbroken: Path, desk: Path) -> None:
    (desk / "out").mkdir()
    (desk / "out" / RUN).write_bytes((unbroken / RUN).read_bytes())
    with pytest.raises(StateError, match="cannot be resumed: it is a run on other data, another model"):
        train(desk, model=str(taught_base("llama")))


def test_a_quantised_file_is_a_base(desk: Path) -> None:
    keys = {key: value for key, value in gguf_metadata("smollm").items() if key.startswith("tokenizer.")}
    vocabulary = len(keys["tokenizer.ggml.tokens"])
    weights = tiny_weights("llama", vocab_size=vocabulary)
    write_model(desk / "model.gguf", "llama", weights, kind="Q8_0", tokenizer=keys)
    out = train(desk, model=str(desk / "model.gguf"))
    assert read_adapter(out).about.base == open_checkpoint(desk / "model.gguf").fingerprint
    assert gemma10m.load_model(desk / "model.gguf", adapter=out)


def test_a_run_may_start_from_an_adapter(unbroken: Path, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same command resumes it; without the adapter it is another run."""
    with monkeypatch.context() as patch:
        acting_before(1, lambda: signal.raise_signal(signal.SIGINT), patch)
        patch.setattr(LoraTrainer, "_move", lambda trainer: trainer.optimizer.zero_grad() or 0.0)
        with pytest.raises(Interrupted):
            train(desk, adapter=str(unbroken))
    assert (desk / "out" / TENSORS).read_bytes() == (unbroken / TENSORS).read_bytes()
    with pytest.raises(StateError, match="cannot be resumed: it is a run on other data, another model"):
        train(desk)
    whole = train(desk, out="whole", adapter=str(unbroken))
    assert (whole / TENSORS).read_bytes() != (unbroken / TENSORS).read_bytes()
    assert log_of(whole)[0]["answer_loss"] < log_of(unbroken)[0]["answer_loss"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"rank": 8}, "the adapter has rank 4 and scale 2, and the recipe asks for rank 8 and scale 1"),
        ({"model": "llama"}, "was trained on other weights than those of "),
    ],
)
def test_an_adapter_of_another_kind_is_no_start(changes: dict[str, Any], said: str, unbroken: Path, desk: Path) -> None:
    changes = {name: str(taught_base(value)) if name == "model" else value for name, value in changes.items()}
    with pytest.raises(Gemma10MError, match=re.escape(said)):
        train(desk, adapter=str(unbroken), **changes)
    assert not (desk / "out").exists()
