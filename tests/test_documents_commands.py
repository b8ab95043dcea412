"""Formats and patterns from the command line, with the demo model."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from formats import pdf, zipped
from typer.testing import CliRunner

from gemma10m.cli import app

SOURCE = {"README": "A tree.", "a.py": "print()", "b.txt": "left out", "book.pdf": pdf("It was late."), "c.log": "x"}


@pytest.mark.parametrize("command", [["read"], ["ask", "-q", "Who?"], ["summarize"]])
def test_patterns_reach_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "tree.zip"
    path.write_bytes(zipped(dict(SOURCE)))
    patterns = ["--exclude", "*.txt", "--exclude", "*.log", "--include", "*.*", "--include", "README"]
    length = [] if command == ["read"] else ["--max-new-tokens", "2"]
    words = [command[0], str(path), *command[1:], "-m", "demo", "--device", "cpu", "--json", *patterns, *length]
    done = CliRunner().invoke(app, words)
    record = json.loads(done.stdout.strip().split("\n")[-1])
    assert [file["path"] for file in record["files"]] == ["README", "a.py", "book.pdf"]
    assert record["skipped"] == [{"path": name, "reason": "excluded"} for name in ("b.txt", "c.log")]
    assert record["tokens_read"] == record["tokens_in_document"] > 20
    assert os.listdir(tmp_path) in (["cache", "tree.zip"], ["tree.zip", "cache"])
