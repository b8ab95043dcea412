"""One place decides what examples hypothesis draws: the same under CI, others each time elsewhere."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

TESTS = Path(__file__).parent


@pytest.mark.parametrize(("environment", "same"), [({"CI": "true"}, "True"), ({"CI": ""}, "False"), ({}, "False")])
def test_examples_are_the_same_each_time_under_ci_alone(environment: dict[str, str], same: str) -> None:
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    kept["PYTHONPATH"] = os.pathsep.join([str(TESTS.parent), str(TESTS), str(TESTS / "support")])
    shown = "import conftest, hypothesis; print(hypothesis.settings(max_examples=9).derandomize)"
    command = [sys.executable, "-W", "ignore", "-c", shown]
    result = subprocess.run(command, env=kept | environment, capture_output=True, text=True, timeout=120)
    assert result.stdout.strip() == same, result.stderr


def test_this_run_has_the_profile() -> None:
    assert (settings.default.derandomize, settings.default.deadline) == (bool(os.environ.get("CI")), None)


def test_no_test_chooses_its_examples_itself() -> None:
    for path in TESTS.rglob("*.py"):
        if path.name == "conftest.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = ast.unparse(node.func)
            given = {word.arg for word in node.keywords}
            if name.endswith("settings"):
                assert not given & {"derandomize", "database"}, f"{path.name}:{node.lineno}"
            assert not name.endswith(("load_profile", "register_profile")), f"{path.name}:{node.lineno}"
            assert name not in ("seed", "hypothesis.seed"), f"{path.name}:{node.lineno}"
