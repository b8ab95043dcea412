"""A shell completes what the program takes, without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from gemma10m import completions
from gemma10m.evaluation.task import FORMS, VALUES
from gemma10m.library.summarizing import WAYS


def test_the_names_are_those_of_the_program() -> None:
    assert completions.FORMS == FORMS
    assert completions.VALUES == VALUES
    assert completions.WAYS == WAYS


def test_what_was_typed_is_completed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert completions.memory("s") == ["state-vector"]
    assert completions.dtype("") == ["auto", "float32", "bfloat16"]
    assert completions.model_names("") == ["demo", "small", "chat"]
    assert completions.model_names("d") == ["demo"]


def test_completing_imports_no_torch() -> None:
    completed = "import sys, gemma10m.cli; from gemma10m.completions import model_names; model_names('')"
    check = f"{completed}; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
