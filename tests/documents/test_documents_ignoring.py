"""`.gitignore` with git's meaning. The expectations were compared with `git ls-files` on random trees and rules."""

from __future__ import annotations

import time

import pytest

from gemma10m.documents.ignoring import IgnoreRules


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
    ],
)
def test_one_entry(rules: str, path: str, expected: bool | None) -> None:
    assert verdict(rules, path) is expected


@pytest.mark.parametrize("rules", ["*a" * 40 + "b", "**/" * 40 + "b", "**/a/" * 40 + "b"])
def test_a_hostile_rule_takes_no_time(rules: str) -> None:
    started = time.process_time()
    assert verdict(rules, "a" * 255) is None
    assert verdict(rules, "/".join("a" * 120)) is None
    assert time.process_time() - started < 1
