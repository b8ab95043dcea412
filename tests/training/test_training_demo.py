"""The demo model's training: the script from any folder, and the repair between two of its stages."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from training_runs import book, log_of, recipe_file, run

import gemma10m
from gemma10m.errors import UsageError

ROOT = Path(__file__).parents[2]
SHORT = [{"length": 96, "tokens": 500}]


def settle(model: Path, prose: Path, out: Path) -> None:
    tool: dict[str, Any] = runpy.run_path(str(ROOT / "tools" / "settle_pieces.py"))
    tool["main"].__globals__["DRAWN"] = 30
    tool["main"](model, prose, out)


@pytest.fixture
def prose(tmp_path: Path) -> Path:
    (tmp_path / "prose").mkdir()
    shutil.copy(book(), tmp_path / "prose")
    return tmp_path / "prose"


def test_a_settled_model_is_a_checkpoint_and_no_run(tmp_path: Path, prose: Path) -> None:
    recipe = recipe_file(tmp_path, stages=SHORT)
    run(tmp_path / "12", recipe)
    settle(tmp_path / "12", prose, tmp_path / "settled")
    assert {path.name for path in (tmp_path / "settled").iterdir()} == {
        "config.json", "model.safetensors", "tokenizer.model", "tokenizer_config.json",
    }  # fmt: skip
    gemma10m.load_model(tmp_path / "settled")
    run(tmp_path / "13", recipe, start=tmp_path / "settled")
    assert log_of(tmp_path / "13")[0]["step"] == 1
    with pytest.raises(UsageError, match=r"config\.json but no training run"):
        run(tmp_path / "settled", recipe, start=tmp_path / "12")


def test_a_run_is_never_settled_over(tmp_path: Path, prose: Path) -> None:
    run(tmp_path / "out", recipe_file(tmp_path, stages=SHORT))
    before = (tmp_path / "out" / "model.safetensors").read_bytes()
    with pytest.raises(SystemExit, match="out holds a training run"):
        settle(tmp_path / "out", prose, tmp_path / "out")
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == before


def test_the_script_works_from_any_folder(tmp_path: Path) -> None:
    called = tmp_path / "called"
    for name in ("gemma10m", "python"):
        stand_in = tmp_path / "bin" / name
        stand_in.parent.mkdir(exist_ok=True)
        stand_in.write_text(f'#!/bin/sh\nfor word in {name} "$@"; do echo "$word"; done >> "{called}"\n')
        stand_in.chmod(0o700)
    subprocess.run(
        [str(ROOT / "tools" / "train_demo.sh"), "my prose", "my models"],
        cwd=tmp_path,
        env=os.environ | {"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
        check=True,
    )
    words = called.read_text().splitlines()
    recipes = [word for word in words if word.endswith(".json")]
    assert recipes == [str(ROOT / "recipes" / "demo" / f"{number:02d}.json") for number in range(1, 20)]
    assert {word for word in words if word.endswith(".py")} == {str(ROOT / "tools" / "settle_pieces.py")}
    assert {word for word in words if "prose" in word} == {"my prose/train"}
    assert words[-1] == "my models/19-settled"
    assert {word for word in words if "/" in word and not word.startswith((str(ROOT), "my "))} == set()
