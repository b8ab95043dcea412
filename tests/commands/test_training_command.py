"""`gemma10m train`: a run, what stops it, and that the same command resumes it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import gemma_shapes, random_tensors, tiny_config, write_checkpoint
from programs import run_program
from readers import checkpoint
from safetensors.torch import load_file
from training_runs import (
    NOW,
    TEXT,
    acting_before,
    assert_same_run,
    book,
    changed_checkpoint,
    interrupted_before,
    log_of,
    recipe_file,
    run,
    small_model,
    small_recipe,
    writer,
)

import gemma10m
from gemma10m import cli
from gemma10m.commands.training_notes import Notes
from gemma10m.errors import (
    ConfigError,
    DocumentError,
    Interrupted,
    ModelError,
    StateError,
    UsageError,
)
from gemma10m.terminal import Terminal
from gemma10m.training.trainer import Trainer

PROGRAM = Path(__file__).parents[1] / "support" / "training_saver.py"


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run from its first step to its last."""
    folder = tmp_path_factory.mktemp("unbroken")
    run(folder / "out", recipe_file(folder))
    assert len(log_of(folder / "out")) >= 8
    return folder / "out"


def test_a_run_leaves_a_model_that_answers(unbroken: Path) -> None:
    model, tokenizer = gemma10m.load_model(unbroken), gemma10m.load_tokenizer(unbroken)
    assert (model.reading.memory, model.reading.segment) == ("gated", 16)
    state = gemma10m.read(model, tokenizer, gemma10m.open_source(book()))
    assert isinstance("".join(gemma10m.answer(model, tokenizer, state, "What?")), str)
    started = load_file(checkpoint() / "model.safetensors")
    trained = load_file(unbroken / "model.safetensors")
    assert all(not torch.equal(trained[name], started[name]) for name in started)
    lines = log_of(unbroken)
    assert [line["step"] for line in lines] == list(range(1, len(lines) + 1))
    assert {line["stage"] for line in lines} == {0, 1}
    assert {"answer_loss", "text_loss", "right", "gates", "write_gates", "tokens"} <= lines[0].keys()


@pytest.mark.parametrize("step", [1, 4, 5])
def test_an_interrupted_run_goes_on_bit_for_bit(
    unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], step: int
) -> None:
    out, recipe = tmp_path / "out", recipe_file(tmp_path)
    with interrupted_before(step), pytest.raises(Interrupted, match=f"stopped after step {step}; ") as caught:
        run(out, recipe)
    assert caught.value.exit_code == 130
    assert len(log_of(out)) == step
    capsys.readouterr()
    run(out, recipe)
    assert f"resuming after step {step} of the run in {out}" in capsys.readouterr().err
    assert_same_run(out, unbroken)


def test_a_run_that_died_between_two_saves_goes_on_bit_for_bit(
    unbroken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, recipe = tmp_path / "out", recipe_file(tmp_path)

    def die(_: Trainer) -> None:
        raise ZeroDivisionError

    with acting_before(4, die), pytest.raises(ZeroDivisionError):
        run(out, recipe)
    assert len(log_of(out)) == 3  # saved after two
    with (out / "log.jsonl").open("a") as log:
        log.write('{"step": 4, "stage": 0, "answ')  # cut off by a crash
    run(out, recipe)
    assert_same_run(out, unbroken)
    capsys.readouterr()
    run(out, recipe)  # nothing left to do
    said = capsys.readouterr().err
    assert f"the run in {out} is complete after {len(log_of(out))} steps\n" in said
    assert "resuming" not in said
    assert_same_run(out, unbroken)


def test_gates_that_learn_later_than_the_rest_go_on_bit_for_bit(tmp_path: Path) -> None:
    """Documents of one segment write nothing to memory: the write gates get no gradient in the first stage."""
    recipe = recipe_file(
        tmp_path, tasks={"text": 1}, stages=[{"length": 16, "tokens": 800}, {"length": 96, "tokens": 1500}]
    )
    run(tmp_path / "whole", recipe)
    with interrupted_before(6), pytest.raises(Interrupted):
        run(tmp_path / "out", recipe)
    run(tmp_path / "out", recipe)
    assert_same_run(tmp_path / "out", tmp_path / "whole")
    steps = load_file(tmp_path / "out" / "run.safetensors")
    assert 0 < steps["step.model.layers.0.self_attn.write_gate.bias"] < steps["step.model.norm.weight"]


def test_a_model_that_was_not_written_after_its_run_is_written_again(unbroken: Path, tmp_path: Path) -> None:
    out, recipe = tmp_path / "out", recipe_file(tmp_path)
    out.mkdir()
    for name in (*NOW, "log.jsonl", "tokenizer_config.json"):
        (out / name).write_bytes((unbroken / name).read_bytes())
    (out / "model.safetensors").write_bytes((checkpoint() / "model.safetensors").read_bytes())
    run(out, recipe)
    assert_same_run(out, unbroken)


def test_kills_leave_no_torn_run(tmp_path: Path) -> None:
    found = run_program("training_saver.py", str(tmp_path), "40")
    assert (found["kills"], found["torn"]) == (40, 0)
    assert found["found"] >= 2, "no kill fell after a second save"


def test_another_recipe_or_other_data_is_refused(unbroken: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"another recipe: learning_rate \(0.5, was 0.002\); seed \(1, was 0\)"):
        run(unbroken, recipe_file(tmp_path, learning_rate=0.5, seed=1))
    with pytest.raises(UsageError, match=r"another recipe: train \('gates', was 'all'\)"):
        run(unbroken, recipe_file(tmp_path), train="gates")
    other = tmp_path / "other.txt"
    other.write_text(TEXT + "More.\n")
    before = (unbroken / "run.safetensors").read_bytes()
    with pytest.raises(UsageError, match="started with another data"):
        run(unbroken, recipe_file(tmp_path), data=[str(other)])
    with pytest.raises(UsageError, match="started with another start"):
        run(unbroken, recipe_file(tmp_path), checkpoint(seed=1))
    assert (unbroken / "run.safetensors").read_bytes() == before


def test_a_model_is_never_written_over(tmp_path: Path) -> None:
    recipe = recipe_file(tmp_path)
    mine = changed_checkpoint(tmp_path / "mine")
    with pytest.raises(UsageError, match=r"holds config\.json but no training run"):
        run(mine, recipe)
    with pytest.raises(UsageError, match="is the checkpoint itself"):
        run(mine, recipe, start=mine)


@pytest.mark.parametrize("damage", ["cut", "swapped", "position", "not a run"])
def test_a_damaged_run_is_refused(unbroken: Path, tmp_path: Path, damage: str) -> None:
    out, recipe = tmp_path / "out", recipe_file(tmp_path)
    out.mkdir()
    for name in NOW:
        (out / name).write_bytes((unbroken / name).read_bytes())
    data = (out / "run.safetensors").read_bytes()
    spoilt = {
        "cut": data[:-100],
        "swapped": data.replace(b'"exp_avg.model.norm.weight"', b'"exp_avg.model.norm.wEight"'),
        "position": data.replace(b'stage\\": 2', b'stage\\": 9'),
        "not a run": (out / "model.safetensors").read_bytes(),
    }[damage]
    assert spoilt != data
    (out / "run.safetensors").write_bytes(spoilt)
    with pytest.raises(StateError, match="cannot be resumed"):
        run(out, recipe)


def short_recipe(folder: Path, **changes: Any) -> Path:
    return recipe_file(folder, stages=[{"length": 96, "tokens": 250}], **changes)


def test_a_stage_that_cuts_a_segment_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"stage 2 must be a multiple of the segment \(16\), found 100"):
        run(tmp_path / "out", recipe_file(tmp_path, stages=[{"length": 96, "tokens": 1}, {"length": 100, "tokens": 1}]))
    assert not (tmp_path / "out").exists()


def test_a_corpus_shorter_than_a_stage_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "short.txt"
    text.write_text("A short text.")
    with pytest.raises(DocumentError, match="longest stage has 96"):
        run(tmp_path / "out", short_recipe(tmp_path), data=[str(text)])


def test_closed_gates_are_reopened_and_this_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gate = torch.tensor([0.5, -100.0, -14.0, -13.0]).reshape(1, 4, 1, 1)
    closed = changed_checkpoint(tmp_path / "closed", self_attn__gate=gate)
    recipe = short_recipe(tmp_path, gate_learning_rate=0.01)
    run(tmp_path / "out", recipe, closed)
    told = "6 of the checkpoint's 12 memory gates were closed and are reopened: they start at 0"
    assert told in capsys.readouterr().err
    run(tmp_path / "out", recipe, closed)
    assert "and are reopened" not in capsys.readouterr().err
    gates = load_file(tmp_path / "out" / "model.safetensors")["model.layers.1.self_attn.gate"].flatten()
    assert 0 < float(gates[1:3].abs().max()) < 0.1
    torch.testing.assert_close(gates[[0, 3]], torch.tensor([0.5, -13.0]), atol=0.1, rtol=0)


def test_a_stock_gemma_gets_gates_and_this_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stock = changed_checkpoint(tmp_path / "stock", self_attn__gate=None, write_gate__weight=None, write_gate__bias=None)
    (stock / "config.json").write_text(json.dumps(tiny_config(layers=3, vocabulary=1040)))
    recipe = short_recipe(tmp_path, segment=16, memory="gated", train="gates")
    run(tmp_path / "out", recipe, stock)
    said = capsys.readouterr().err
    assert "the checkpoint has no memory gates: 3 layers get open ones" in said
    assert "the checkpoint has no write gates: 3 layers get nearly closed ones" in said
    before, after = load_file(stock / "model.safetensors"), load_file(tmp_path / "out" / "model.safetensors")
    assert all(torch.equal(after[name], before[name]) for name in before)
    assert {name.split("self_attn.")[1] for name in after.keys() - before.keys()} == {
        "gate", "write_gate.weight", "write_gate.bias",
    }  # fmt: skip
    model = gemma10m.load_model(tmp_path / "out")
    assert (model.reading.memory, model.reading.carry) == ("gated", 16)


def test_a_memory_without_gates_has_none_to_train(tmp_path: Path) -> None:
    stock = changed_checkpoint(tmp_path / "stock", self_attn__gate=None, write_gate__weight=None, write_gate__bias=None)
    with pytest.raises(UsageError, match="the model has no gates to train with memory window"):
        run(tmp_path / "out", short_recipe(tmp_path, memory="window", train="gates"), stock)


@pytest.mark.parametrize("kind", ["linear", "delta", "state-vector"])
def test_other_memories_are_trained_too(tmp_path: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    run(tmp_path / "out", short_recipe(tmp_path, memory=kind, recompute=True))
    assert gemma10m.load_model(tmp_path / "out").reading.memory == kind
    said = capsys.readouterr().err
    assert ("the checkpoint has no state vectors: 3 layers get new ones\n" in said) == (kind == "state-vector")
    assert ("; gates " in said) == bool(log_of(tmp_path / "out")[0]["gates"]) == (kind != "state-vector")
    assert "write gates" not in said


@pytest.mark.parametrize("teacher", ["same", "named"])
def test_a_teacher_s_run_goes_on_bit_for_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, teacher: str) -> None:
    """The student's own weights teach it as they were at the start, after an interruption too."""
    recipe = recipe_file(tmp_path, tasks={"text": 1}, lm_weight=0)
    named = str(checkpoint(seed=2)) if teacher == "named" else teacher
    run(tmp_path / "whole", recipe, teacher=named)
    with interrupted_before(3), pytest.raises(Interrupted):
        run(tmp_path / "out", recipe, teacher=named)
    run(tmp_path / "out", recipe, teacher=named)
    assert_same_run(tmp_path / "out", tmp_path / "whole")
    assert all(line["teacher_loss"] > 0 for line in log_of(tmp_path / "out"))
    with pytest.raises(UsageError, match="started with another teacher"):
        run(tmp_path / "out", recipe, teacher=str(checkpoint(seed=3)))


def test_bfloat16_runs_go_on_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = recipe_file(tmp_path, stages=[{"length": 96, "tokens": 1000}])
    run(tmp_path / "whole", recipe, dtype="bfloat16")
    with interrupted_before(2), pytest.raises(Interrupted):
        run(tmp_path / "out", recipe, dtype="bfloat16")
    run(tmp_path / "out", recipe, dtype="bfloat16")
    assert_same_run(tmp_path / "out", tmp_path / "whole")


def scratch_config(folder: Path, **changes: Any) -> Path:
    path = folder / "config.json"
    path.write_text(json.dumps(tiny_config(vocabulary=700, segment_size=16) | changes))
    return path


def test_from_scratch_with_a_tokenizer_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = short_recipe(tmp_path, tokens_per_step=600)
    options = {"checkpoint": None, "config": scratch_config(tmp_path)}
    run(tmp_path / "out", recipe, **options)
    assert capsys.readouterr().out == f"{tmp_path / 'out'}\n"
    model, tokenizer = gemma10m.load_model(tmp_path / "out"), gemma10m.load_tokenizer(tmp_path / "out")
    assert (tokenizer.vocabulary, tokenizer.turns is not None, model.config.layers) == (700, True, 2)
    assert (model.reading.memory, model.reading.carry, model.reading.sinks) == ("gated", 16, 4)
    run(tmp_path / "again", recipe, **options)
    assert_same_run(tmp_path / "again", tmp_path / "out")


def test_bad_words_from_scratch(tmp_path: Path) -> None:
    recipe = short_recipe(tmp_path)
    with pytest.raises(UsageError, match="no tokenizer of 90000 pieces"):
        run(tmp_path / "a", recipe, checkpoint=None, config=scratch_config(tmp_path, vocab_size=90000))
    with pytest.raises(UsageError, match=r"is not called config\.json"):
        run(tmp_path / "b", recipe, checkpoint=None, config=recipe)
    with pytest.raises(UsageError, match=r"a checkpoint has a config\.json of its own"):
        run(tmp_path / "c", recipe, config=scratch_config(tmp_path))
    with pytest.raises(ConfigError, match="num_hidden_layers must be a positive integer"):
        run(tmp_path / "d", recipe, checkpoint=None, config=scratch_config(tmp_path, num_hidden_layers=0))


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    config = tiny_config(vocabulary=131, segment_size=16)
    small = write_checkpoint(tmp_path / "small", config, random_tensors(gemma_shapes(config, gates=True)))
    for name in ("tokenizer.model", "tokenizer_config.json"):
        (small / name).write_bytes((checkpoint() / name).read_bytes())
    with pytest.raises(ModelError, match="the tokenizer has 1024 pieces, but the model has a vocabulary of 131"):
        run(tmp_path / "out", short_recipe(tmp_path), small)


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["train", str(checkpoint()), "--data", str(book().parent / "training.txt"), "--out", str(tmp_path / "out")]
    monkeypatch.setattr(sys, "argv", ["gemma10m", *words, "--recipe", str(short_recipe(tmp_path)), "--device", "cpu"])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 0
    stdout, stderr = capsys.readouterr()
    assert stdout == f"{tmp_path / 'out'}\n"
    assert "stage 1 of 1: documents of 96 tokens\n" in stderr
    assert "step 1: loss answers " in stderr
    assert "tok/s; RAM " in stderr
    assert re.search(r"[\d,]+ tokens to train on, in about \d+ steps\n", stderr)


def test_a_run_says_how_long_it_will_take(capsys: pytest.CaptureFixture[str]) -> None:
    recipe = small_recipe()
    trainer = Trainer(small_model(recipe), writer(), recipe)
    notes = Notes(Terminal(), trainer)
    notes.stage()
    notes.step(trainer.step())
    said = capsys.readouterr().err
    assert "2,200 tokens to train on, in about 7 steps\n" in said
    assert re.search(r"step 1: .*; (0s|\d+s|\d+m\d+s) left\n", said)
