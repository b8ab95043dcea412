"""`.gitignore` with git's meaning: rule by rule, and on random trees beside `git ls-files`."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from compare_ignoring import compare_tree

from gemma10m.documents import open_source
from gemma10m.documents.ignoring import IgnoreRules

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")


def verdict(rules: str, path: str) -> bool | None:
    return IgnoreRules.parse(rules, 0).verdict(tuple(path.rstrip("/").split("/")), path.endswith("/"))


@pytest.mark.parametrize(
    ("rules", "path", "expected"),
    [
        ("*.log", "a/b.log", True),
        ("*.log\n!keep.log", "keep.log", False),
        ("!keep.log\n*.log", "keep.log", True),
        ("/a", "a", True),
        ("/a", "b/a", None),
        ("a/b", "x/a/b", None),
        ("build/", "x/build/", True),
        ("build/", "build", None),
        ("*\n!*/\n!*.py", "a/", False),
        ("*\n!*/\n!*.py", "a/x.txt", True),
        ("*\n!*/\n!*.py", "a/x.py", False),
        ("a/**", "a/", None),
        ("a/**", "a/b/c", True),
        ("**/b", "b", True),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "ab", None),
        ("a*b", "a/b", None),
        ("[!a]", "b", True),
        ("[^a]", "a", None),
        ("\\#a", "#a", True),
        ("\\!a", "!a", True),
        ("\\*", "*", True),
        ("\\*", "x", None),
        ("# a", "# a", None),
        ("a  ", "a", True),
        ("a\\ ", "a ", True),
        ("a\r\nb\r\n", "a", True),
        ("\ufeffa", "a", True),
        ("", "a", None),
        ("/", "a", None),
        ("!", "a", None),
        ("[z-a]", "m", None),
        ("a//", "a/", None),
        ("[[:alpha:][:digit:]]", "é", None),
        ("[[:alpha:][:digit:]]", "7", True),
        ("[[:nonsense:]]", "a", None),
        ("[]a]", "]", True),
        ("[!]a]", "]", None),
        ("[\\]]", "]", True),
        ("[a-", "a", None),
        ("a[b/c]d", "a/d", None),
        ("a**/b", "ax/y/b", True),
        ("a\\\\ ", "a\\", True),
        ("a\\  ", "a ", True),
        ("a\t", "a", None),
        ("??", "é", True),
    ],
)
def test_one_entry(rules: str, path: str, expected: bool | None) -> None:
    assert verdict(rules, path) is expected


HOSTILE = ["*a" * 40 + "b", "**/" * 40 + "b", "**/a/" * 40 + "b", "/**/*a*a/" * 40 + "*b", "**\\/" * 40 + "b"]


@pytest.mark.parametrize("rules", [*HOSTILE, "a" + " " * 500_000 + "b"])
def test_a_hostile_rule_takes_no_time(rules: str) -> None:
    started = time.process_time()
    assert verdict(rules, "a" * 255) is None
    assert verdict(rules, "/".join("a" * 120)) is None
    assert time.process_time() - started < 1


@needs_git
@pytest.mark.parametrize("seed", range(60))
def test_a_random_tree_is_read_as_git_lists_it(seed: int) -> None:
    assert compare_tree(seed) == ""


def git(folder: Path, *words: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True)


def read(folder: Path) -> list[str]:
    return [file.path for file in open_source(folder).files]


@needs_git
def test_rules_of_folders_above_hold_up_to_the_top_of_the_repository(tmp_path: Path) -> None:
    top = tmp_path / "top"
    (top / "src" / "deep").mkdir(parents=True)
    (tmp_path / ".gitignore").write_text("a.txt")
    (top / ".gitignore").write_text("*.log\n/src/deep/x.txt\n/x.txt")
    for name in ("a.txt", "b.log", "x.txt"):
        (top / "src" / "deep" / name).write_text("x")
    assert read(top / "src" / "deep") == ["a.txt", "b.log", "x.txt"]
    git(top, "init")
    assert read(top / "src" / "deep") == ["a.txt"]
    (top / "src" / ".gitignore").write_text("!deep/b.log")
    assert read(top / "src" / "deep") == ["a.txt", "b.log"]
    (top / ".git" / "info").mkdir(exist_ok=True)
    (top / ".git" / "info" / "exclude").write_text("a.txt")
    assert read(top / "src" / "deep") == ["b.log"]


@needs_git
def test_a_folder_that_is_ignored_is_read_when_it_is_named(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / "build" / "out").mkdir(parents=True)
    (tmp_path / "build" / "out" / "a.txt").write_text("x")
    (tmp_path / ".gitignore").write_text("build/\n*.txt\n")
    assert read(tmp_path / "build") == ["out/a.txt"]
    assert read(tmp_path / "build" / "out") == ["a.txt"]
    assert read(tmp_path) == [".gitignore"]


@needs_git
def test_a_further_work_tree_has_the_rules_of_its_repository(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    git(first, "init")
    git(first, "commit", "--allow-empty", "-m", "x")
    git(first, "worktree", "add", str(second))
    (first / ".git" / "info").mkdir(exist_ok=True)
    (first / ".git" / "info" / "exclude").write_text("a.txt")
    (second / "sub").mkdir()
    for name in ("a.txt", "b.txt", "sub/a.txt"):
        (second / name).write_text("x")
    assert read(second) == ["b.txt"]


@needs_git
def test_a_repository_inside_of_another_has_its_own_rules_alone(tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    git(tmp_path, "init")
    git(inner, "init")
    (tmp_path / ".gitignore").write_text("*.log")
    (inner / "a.log").write_text("x")
    assert read(tmp_path) == [".gitignore", "inner/a.log"]
    os.truncate(inner / ".git" / "HEAD", 0)
    assert read(tmp_path) == [".gitignore"]
