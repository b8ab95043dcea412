"""`gemma10m train --memory`: an adapter's memory, a run that resumes, and what is refused."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from readers import checkpoint, workshop
from tiny_adapters import write_tiny
from training_runs import TEXT, interrupted_before, log_of, shorten_fit

import gemma10m
from gemma10m.adapters.about import AboutAnswers
from gemma10m.adapters.added_memory import CONFIG, TENSORS, read_added_memory
from gemma10m.adapters.peft_folder import ABOUT, read_adapter
from gemma10m.commands import train_memory
from gemma10m.commands.train_memory import MemoryOptions
from gemma10m.errors import ConfigError, Interrupted, UsageError
from gemma10m.library.library import Library
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.terminal import Terminal
from gemma10m.training.asked_again import AGAIN
from gemma10m.training.run_file import RUN
from gemma10m.training.trainer import Trainer
from gemma10m.weights.checkpoint import open_checkpoint

WRITTEN = (RUN, TENSORS, CONFIG, ABOUT)
RECIPE = {
    "stages": [
        {"length": 96, "tokens": 1500},
        {"length": 128, "tokens": 1000, "virtual": 3},
    ],
    "tokens_per_step": 300,
    "plain": 5,
    "warmup_tokens": 300,
    "save_every": 2,
    "facts": 1,
    "questions": 1,
    "segment": 32,
    "carry": 32,
}


def furnished(folder: Path, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "book.txt").write_text(TEXT)
    (folder / "recipe.json").write_text(json.dumps(RECIPE | changes))
    return folder


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    return furnished(tmp_path)


def train(desk: Path, out: str = "out", **changes: Any) -> Path:
    wanted: dict[str, Any] = dict(
        model=str(checkpoint()), data=[str(desk / "book.txt")], rank=3, recipe=desk / "recipe.json", device="cpu"
    )
    train_memory.train_memory(Terminal(), MemoryOptions(out=desk / out, **(wanted | changes)))
    return desk / out


@pytest.fixture(scope="module")
def unbroken() -> Path:
    return train(furnished(workshop() / "memory run"))


def assert_same_run(found: Path, expected: Path) -> None:
    for name in WRITTEN:
        assert (found / name).read_bytes() == (expected / name).read_bytes(), name
    assert log_of(found) == log_of(expected)


def test_the_memory_is_an_adapter_that_reads(unbroken: Path) -> None:
    adapter = read_adapter(unbroken)
    assert adapter.memory is not None
    assert (adapter.memory.rank, adapter.memory.reading.segment) == (3, 32)
    assert adapter.about.base == open_checkpoint(checkpoint()).fingerprint
    assert any(bool(tensor.any()) for name, tensor in adapter.memory.tensors.items() if name.endswith("up.weight"))
    model = gemma10m.load_model(checkpoint(), memory="added", adapter=unbroken)
    assert model.reading.segment == 32
    assert {line["stage"] for line in log_of(unbroken)} == {0, 1}


@pytest.mark.parametrize("steps", [1, 3])
def test_a_run_that_was_stopped_goes_on_as_if_nothing_had_happened(
    steps: int, desk: Path, unbroken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Trainer.step

    def stopping(trainer: Trainer) -> Any:
        report = step(trainer)
        if trainer.position.step == steps:
            signal.raise_signal(signal.SIGINT)
        return report

    monkeypatch.setattr(Trainer, "step", stopping)
    with pytest.raises(Interrupted, match=f"stopped after step {steps}"):
        train(desk)
    monkeypatch.setattr(Trainer, "step", step)
    assert_same_run(train(desk), unbroken)


def test_updates_of_the_adapter_are_kept_beside_the_memory(desk: Path) -> None:
    about = AboutAnswers(open_checkpoint(checkpoint()).fingerprint, reads_passages=True, passages=4)
    adapter = write_tiny(desk / "lora", checkpoint(), about)
    found = read_adapter(train(desk, adapter=str(adapter)))
    assert found.about == about
    assert found.updates.keys() == read_adapter(adapter).updates.keys()
    assert found.memory is not None


def test_a_trained_memory_is_trained_further(desk: Path, unbroken: Path) -> None:
    out = train(desk, adapter=str(unbroken))
    first, second = read_added_memory(unbroken), read_added_memory(out)
    assert first is not None
    assert second is not None
    assert first.fingerprint != second.fingerprint
    with pytest.raises(UsageError, match="has the rank 3, and --memory is 4"):
        train(desk, "other", adapter=str(unbroken), rank=4)


def test_bad_options_are_refused_before_anything_is_read(desk: Path) -> None:
    with pytest.raises(UsageError, match="--memory is 0, and is from 1 to 1,024"):
        train(desk, rank=0)
    kept = desk / "kept"
    kept.mkdir()
    (kept / CONFIG).write_text("{}")
    with pytest.raises(UsageError, match=r"holds memory\.json but no training run"):
        train(desk, "kept")
    furnished(desk, memory="gated")
    with pytest.raises(UsageError, match="--memory trains an added memory alone"):
        train(desk)
    assert not (desk / "out").exists()


def test_a_run_that_could_not_learn_or_end_is_refused_before_it_begins(desk: Path) -> None:
    for changes, message in (
        ({"tasks": {"text": 1}}, "there is nothing to remember"),
        ({"window_share": 0.5}, "window_share has no place in the training of an added memory, found 0.5"),
        ({"plain": 0}, "virtual of stage 2 needs plain segments, found plain 0"),
    ):
        furnished(desk, **changes)
        with pytest.raises((UsageError, ConfigError), match=message):
            train(desk)
        assert not (desk / "out").exists()


def test_a_run_of_another_rank_is_refused(desk: Path) -> None:
    out = train(desk)
    with pytest.raises(UsageError, match=f"the memory in {out} has the rank 3, and --memory is 4") as refused:
        train(desk, rank=4)
    assert refused.value.hint == "use --memory 3"


@pytest.mark.usefixtures("cache")
def test_a_state_that_was_read_with_a_memory_is_found_again_with_it(desk: Path, unbroken: Path) -> None:
    library = Library(str(checkpoint()), device="cpu", memory="added", adapter=unbroken)
    with library.open(desk / "book.txt", retrieval=RetrievalOptions("off")) as reading:
        reading.save(desk / "book.state")
        told = reading.ask("What is the magic number for amber-lantern?").made
        assert reading.reader.model.reading.memory == "added"
    again = Library(str(checkpoint()), device="cpu", adapter=unbroken)
    with again.open(desk / "book.state", retrieval=RetrievalOptions("off")) as reading:
        assert reading.reader.model.reading.memory == "added"
        assert reading.ask("What is the magic number for amber-lantern?").made == told


def test_the_command_trains(desk: Path, call: Callable[..., tuple[Any, str, str]]) -> None:
    shared = ("train", checkpoint(), "--data", desk / "book.txt", "--recipe", desk / "recipe.json", "--device", "cpu")
    code, _, said = call(*shared, "--memory", 3, "--out", desk / "out")
    assert code == 0, said
    assert "stage 2 of 2: documents of 128 tokens" in said
    for more in (("--lora", 4), ("--teacher", "same"), ("--train", "all")):
        code, _, said = call(*shared, "--memory", 3, "--out", desk / "two", *more)
        assert code == 2, more
    code, _, said = call(*shared, "--adapter", desk / "out", "--out", desk / "two")
    assert (code, "--adapter" in said) == (2, True)


QUESTION = {"question": "Who keeps seven bees?", "answers": ["Tobias Grey"], "sources": ["Tobias Grey keeps bees."]}


def addressed(desk: Path, **changes: Any) -> Path:
    """Write a recipe that fits addresses, with a few steps for each layer."""
    return furnished(desk, **({"addressed": 4, "tasks": {"needle": 1}, "facts": 2} | changes))


@pytest.fixture
def short_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    shorten_fit(monkeypatch, 6)


@pytest.mark.usefixtures("short_fit")
def test_addresses_are_fitted_once_before_the_first_step(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    addressed(desk)
    step = Trainer.step

    def interrupted(trainer: Trainer) -> Any:
        signal.raise_signal(signal.SIGINT)
        return step(trainer)

    monkeypatch.setattr(Trainer, "step", interrupted)
    with pytest.raises(Interrupted):
        train(desk)
    assert "of the tokens asked for" in capsys.readouterr().err
    monkeypatch.setattr(Trainer, "step", step)
    fitted = read_added_memory(train(desk))
    assert fitted is not None
    assert any(bool(tensor.any()) for name, tensor in fitted.tensors.items() if name.endswith("key.up.weight"))
    assert "of the tokens asked for" not in capsys.readouterr().err


@pytest.mark.usefixtures("short_fit")
def test_a_run_with_documents_that_it_keeps_resumes_as_if_it_had_not_stopped(desk: Path) -> None:
    addressed(desk, address_weight=0.5, again=1)
    whole = train(desk, "whole")
    lines = log_of(whole)
    assert all(line["address_loss"] > 0 for line in lines)
    assert [AGAIN in line["right"] for line in lines] == [number % 2 == 1 for number in range(len(lines))]
    with interrupted_before(3), pytest.raises(Interrupted):
        train(desk)
    assert_same_run(train(desk), whole)


def test_a_trained_memory_is_asked_again_about_documents_and_not_fitted_anew(
    desk: Path, unbroken: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    addressed(desk, address_weight=0.5, again=1)
    lines = log_of(train(desk, adapter=str(unbroken)))
    assert "of the tokens asked for" not in capsys.readouterr().err
    assert all(line["address_loss"] > 0 for line in lines)
    assert any(AGAIN in line["right"] for line in lines)


@pytest.mark.usefixtures("short_fit")
def test_questions_of_other_people_are_a_task(desk: Path) -> None:
    (desk / "asked.jsonl").write_text(json.dumps(QUESTION))
    addressed(desk, tasks={"question": 1, "needle": 1})
    out = train(desk, questions=(desk / "asked.jsonl",))
    assert any("question" in line["right"] for line in log_of(out))
    (desk / "asked.jsonl").write_text(json.dumps(QUESTION | {"question": "Who has bees?"}))
    with pytest.raises(UsageError, match="another data"):
        train(desk, questions=(desk / "asked.jsonl",))


def test_recipes_and_questions_that_do_not_fit_are_refused(desk: Path, unbroken: Path) -> None:
    asked = desk / "asked.jsonl"
    asked.write_text(json.dumps(QUESTION))
    with pytest.raises(UsageError, match="weight of the task question is 0, and 1 files"):
        train(desk, questions=(asked,))
    addressed(desk, tasks={"question": 1})
    with pytest.raises(UsageError, match="weight of the task question is 1, and 0 files"):
        train(desk)
    asked.write_text(json.dumps(QUESTION | {"sources": ["Nobody keeps bees."]}))
    with pytest.raises(UsageError, match="none of the 1 questions has a sentence with its first answer"):
        train(desk, questions=(asked,))
    addressed(desk)
    with pytest.raises(UsageError, match="fits what an untrained memory is addressed with"):
        train(desk, adapter=str(unbroken))
    addressed(desk, tasks={"repeat": 1})
    with pytest.raises(ConfigError, match="addressed needs one of the tasks needle, pairs, passkey, question, story"):
        train(desk)
    addressed(desk, tasks={"question": 1})
    asked.write_text(json.dumps(QUESTION | {"question": "Does Tobias Grey keep bees?"}))
    with pytest.raises(ConfigError, match="none of 4 documents holds an answer"):
        train(desk, questions=(asked,))
    assert not (desk / "out").exists()
