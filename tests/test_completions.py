"""A shell completes what the program takes, without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gemma10m import Library, completions
from gemma10m.cli import app
from gemma10m.commands.bench import BENCHES
from gemma10m.evaluation.task import FORMS, TASKS, VALUES
from gemma10m.folders import indexes_folder
from gemma10m.library.summarizing import WAYS
from gemma10m.weights.downloads import DEFAULT_MODEL


def test_the_names_are_those_of_the_program() -> None:
    assert completions.form("") == list(FORMS)
    assert completions.values("") == list(VALUES)
    assert completions.task("") == list(TASKS)
    assert completions.WAYS == WAYS


def test_what_was_typed_is_completed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert completions.memory("s") == ["state-vector"]
    assert completions.dtype("") == ["auto", "float32", "bfloat16", "int8", "int4"]
    assert completions.model_names("") == ["demo", "small", "large", "chat"]
    assert completions.model_names("d") == ["demo"]


def test_the_program_s_own_lists_are_completed() -> None:
    assert list(completions.BENCHES) == sorted(BENCHES)
    assert completions.task("b") == [f"babi{number}" for number in range(1, 6)]
    assert completions.bench("l") == ["length", "load"]
    assert DEFAULT_MODEL in completions.repositories("")
    assert completions.models("google/gemma-3-2") == ["google/gemma-3-270m", "google/gemma-3-27b"]
    assert completions.models("s") == ["small"]


def test_what_the_cache_keeps_is_completed(book: Path, cache: Path) -> None:
    assert completions.kept("") == []
    Library("demo").find(book, words="48213")
    (index,) = indexes_folder().iterdir()
    assert completions.kept("") == [str(book), index.name[:8]]
    assert completions.kept(index.name[:2]) == [index.name[:8]]


def test_every_argument_and_option_has_a_metavar() -> None:
    names = [
        "ask",
        "summarize",
        "read",
        "read-all",
        "find",
        "text",
        "states",
        "download",
        "quantize",
        "info",
        "train",
        "eval",
        "bench",
    ]
    for name in names:
        told = CliRunner().invoke(app, [name, "--help"]).stdout
        assert not set("<{}") & set(told.replace("1<=x<=", "")), told
        assert " / " not in told


def test_completing_imports_no_torch() -> None:
    used = "task(''), completions.model_names(''), completions.models(''), completions.kept('')"
    completed = f"import sys, gemma10m.cli; from gemma10m import completions; completions.{used}"
    check = f"{completed}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
