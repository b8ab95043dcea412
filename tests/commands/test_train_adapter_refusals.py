"""`train --lora` refuses wrong words in one sentence, and writes nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from lessons import furnished, taught_base

from gemma10m.adapters.peft_folder import CONFIG


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    return furnished(tmp_path)


def held_by(name: str) -> Callable[[Path], object]:
    def put(desk: Path) -> None:
        (desk / "out").mkdir()
        (desk / "out" / name).write_text("{}")

    return put


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda desk: (desk / name).write_text(text)


def nothing(desk: Path) -> None:
    pass


REFUSED: list[tuple[Callable[[Path], object], tuple[str, ...], int, str]] = [
    (nothing, ("--lora", "0"), 2, "--lora is 0, and is from 1 to 1,024"),
    (nothing, ("--lora", "-3"), 2, "--lora is -3, and is from 1 to 1,024"),
    (nothing, ("--lora", "5000"), 2, "--lora is 5000, and is from 1 to 1,024"),
    (nothing, ("--lora", "4", "--teacher", "same"), 2, "--teacher is not for --lora"),
    (nothing, ("--lora", "4", "--train", "gates"), 2, "--train is not for --lora"),
    (nothing, ("--lora", "4", "--config", "config.json"), 2, "--config is not for --lora"),
    (nothing, (), 2, "--questions is not for training without --lora"),
    (nothing, ("--lora", "4", "--questions", "nowhere.jsonl"), 2, "nowhere.jsonl cannot be read"),
    (write("q.jsonl", '{"question": 5}'), ("--lora", "4"), 2, "line 1, has no question"),
    (write("q.jsonl", '{"question": "Who?", "answers": []}\n[]'), ("--lora", "4"), 2, "line 2, has no question"),
    (write("q.jsonl", "Who?"), ("--lora", "4"), 2, "line 1, is not JSON"),
    (write("q.jsonl", ""), ("--lora", "4"), 2, "q.jsonl has no question"),
    (write("towns.md", "Nobody lives here."), ("--lora", "4"), 2, "no passage of the text holds a source"),
    (write("recipe.json", '{"epochs": 3}'), ("--lora", "4"), 4, "'epochs' is no field of a recipe"),
    (write("recipe.json", "{"), ("--lora", "4"), 2, "recipe.json is not a recipe"),
    (write("recipe.json", '{"contexts": 0, "seed": -1}'), ("--lora", "4"), 4, "contexts must be a positive integer"),
    (held_by("config.json"), ("--lora", "4"), 2, "out holds config.json but no training run"),
    (held_by("model.safetensors"), ("--lora", "4"), 2, "out holds model.safetensors but no training run"),
    (held_by(CONFIG), ("--lora", "4"), 2, "out holds adapter_config.json but no training run"),
    (write("out", "a file"), ("--lora", "4"), 2, "out is a file, a folder expected"),
    (nothing, ("--lora", "4", "--data", "."), 2, "and the run would train on what it writes there"),
    (nothing, ("--lora", "4", "--data", "nowhere.md"), 3, "nowhere.md"),
    (nothing, ("--lora", "4", "--device", "tpu"), 2, "device must be cpu, cuda, cuda:N or auto"),
]


@pytest.mark.parametrize(("prepare", "more", "code", "says"), REFUSED, ids=[f"{row[1]} {row[3]}" for row in REFUSED])
def test_bad_words_are_refused_in_one_sentence(
    prepare: Callable[[Path], object],
    more: tuple[str, ...],
    code: int,
    says: str,
    desk: Path,
    monkeypatch: pytest.MonkeyPatch,
    call: Callable[..., tuple[Any, str, str]],
) -> None:
    monkeypatch.chdir(desk)
    prepare(desk)
    before = sorted(desk.rglob("*"))
    words = ("--questions", "q.jsonl", "--data", "towns.md", "--recipe", "recipe.json", "--out", "out")
    found, stdout, stderr = call("train", taught_base(), *words, *more)
    assert (found, stdout) == (code, ""), stderr
    assert says in " ".join(stderr.split())
    assert "Traceback" not in stderr
    assert sorted(desk.rglob("*")) == before


def test_without_questions_there_is_nothing_to_learn(desk: Path, call: Callable[..., tuple[Any, str, str]]) -> None:
    code, _, stderr = call("train", taught_base(), "--lora", 4, "--data", desk / "towns.md", "--out", desk / "out")
    assert code == 2
    assert "--lora learns from questions, and none are named" in stderr
    words = ("--questions", desk / "q.jsonl", "--data", desk / "towns.md", "--out", desk / "out")
    code, _, stderr = call("train", desk / "nowhere", "--lora", 4, *words)
    assert code == 4
    assert "nowhere does not exist" in " ".join(stderr.split())
