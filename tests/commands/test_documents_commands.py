"""Formats and patterns from the command line, with the demo model."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from formats import pdf, zipped
from readers import checkpoint
from typer.testing import CliRunner

from gemma10m.cli import app
from gemma10m.errors import UsageError
from gemma10m.library.sources import Patterns, open_chosen
from gemma10m.terminal import Terminal

SOURCE = {"README": "A tree.", "a.py": "print()", "b.txt": "left out", "book.pdf": pdf("It was late."), "c.log": "x"}


@pytest.mark.parametrize("command", [["read"], ["ask", "-q", "Who?"], ["summarize"]])
def test_patterns_reach_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: list[str]) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "tree.zip"
    path.write_bytes(zipped(dict(SOURCE)))
    patterns = ["--exclude", "*.txt", "--exclude", "*.log", "--include", "*.*", "--include", "README"]
    length = [] if command == ["read"] else ["--max-new-tokens", "2"]
    words = [
        command[0],
        str(path),
        *command[1:],
        "-m",
        str(checkpoint()),
        "--device",
        "cpu",
        "--json",
        *patterns,
        *length,
    ]
    done = CliRunner().invoke(app, words)
    record = json.loads(done.stdout.strip().split("\n")[-1])
    assert (record["files_in_document"], record["files_skipped"]) == (3, 2)
    if command == ["read"]:
        assert [file["path"] for file in record["files"]] == ["README", "a.py", "book.pdf"]
        assert record["skipped"] == [{"path": name, "reason": "excluded"} for name in ("b.txt", "c.log")]
    assert record["tokens_read"] == record["tokens_in_document"] > 20
    assert os.listdir(tmp_path) in (["cache", "tree.zip"], ["tree.zip", "cache"])


def told(*words: str) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, list(words))
    return done.exit_code, done.stdout, done.stderr


def test_info_says_what_patterns_leave_out(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("A.")
    (tmp_path / "b.log").write_text("B.")
    code, out, _ = told("info", str(tmp_path), "--exclude", "*.log")
    assert code == 0
    assert "1 to read, 1 skipped" in out
    assert f"1 excluded, such as {tmp_path}/b.log" in out
    _, out, _ = told("info", str(tmp_path), "--include", "*.log")
    assert f"1 not included, such as {tmp_path}/a.txt" in out


@pytest.mark.parametrize("command", ["info", "read", "ask", "summarize"])
@pytest.mark.parametrize("pattern", ["--include", "--exclude"])
def test_patterns_with_nothing_to_choose_from_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, pattern: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "a.txt"
    path.write_text("A.")
    rest = [] if command == "info" else ["-m", str(checkpoint()), *(["-q", "Who?"] if command == "ask" else [])]
    code, out, errors = told(command, str(path), pattern, "*.log", *rest)
    assert (code, out) == (2, "")
    assert f"--include and --exclude choose among the files of a folder or an archive, and {path} is neither" in errors


def test_patterns_with_a_saved_state_or_a_model_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path, state = tmp_path / "a.txt", str(tmp_path / "a.state")
    path.write_text("A.")
    assert told("read", str(path), "-o", state, "-m", str(checkpoint()))[0] == 0
    monkeypatch.setenv("GEMMA10M_MODEL", str(checkpoint()))
    for words in (["ask", state, "Who?"], ["summarize", state], ["info", state]):
        code, _, errors = told(*words, "--exclude", "*.log")
        assert code == 2
        assert f"{state} is a saved state" in errors
    for words, what in ((["info", "demo"], "demo is a model"), (["info"], "none was named")):
        assert what in told(*words, "--include", "*.log")[2]


def test_patterns_are_for_folders_among_the_sources(tmp_path: Path) -> None:
    folder, file, other = tmp_path / "folder", tmp_path / "a.log", tmp_path / "b.log"
    for path in (folder / "a.txt", folder / "b.log", file, other):
        path.parent.mkdir(exist_ok=True)
        path.write_text("A.")
    found = open_chosen(Terminal(), [str(file), str(folder)], Patterns(exclude=("*.log",)))
    assert [each.path for each in found.files] == [str(file), f"{folder}/a.txt"]
    assert len(open_chosen(Terminal(), [str(folder)], Patterns(include=("*.txt",))).files) == 1
    with pytest.raises(UsageError, match="and 1 more is neither"):
        open_chosen(Terminal(), [str(file), str(other)], Patterns(exclude=("*.log",)))


@pytest.mark.parametrize(
    ("backend", "interpreted", "device", "said"),
    [
        ("reference", "0", "cpu", "reference (plain PyTorch)"),
        ("reference", "0", "cuda", "reference (plain PyTorch)"),
        ("triton", "0", "cuda", "triton (this program's own kernels)"),
        ("triton", "0", "cpu", "reference (plain PyTorch: the kernels need the GPU)"),
        ("triton", "1", "cpu", "triton (this program's own kernels, interpreted)"),
    ],
)
def test_info_says_which_backend_is_in_use(
    backend: str, interpreted: str, device: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gemma10m.ops.BACKEND", backend)
    monkeypatch.setenv("TRITON_INTERPRET", interpreted)
    monkeypatch.setattr("torch.cuda.get_device_name", lambda: "a GPU")
    monkeypatch.setattr("gemma10m.commands.info.resolve_device", lambda _: device)
    assert f"backend        {said}\n" in told("info")[1]


def test_defaults_are_told_as_they_are() -> None:
    for command in ("eval", "bench"):
        shown = " ".join(told(command, "--help")[1].split())
        assert "or demo. Default: demo." in shown
        assert "gemma-2B-10M" not in shown
    assert "[default: demo]" not in shown
    assert "Leave out the same cells with memory window. [default" not in " ".join(told("eval", "--help")[1].split())
