"""Test what the user includes and excludes, in folders and archives alike, and the order of what is left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from formats import tarred, zipped

from gemma10m.documents import open_source
from gemma10m.documents.selection import in_order
from gemma10m.errors import DocumentError

TREE = {"README": "r", "src/a.py": "a", "src/b.txt": "b", "tests/a.py": "t", "tests/deep/c.py": "c", "x.log": "x"}
ALL = ["README", "src/a.py", "src/b.txt", "tests/a.py", "tests/deep/c.py", "x.log"]


@pytest.fixture(params=["folder", "zip", "tar"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "tree"
    if request.param == "folder":
        for name, text in TREE.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_text(text)
    else:
        path.write_bytes((zipped if request.param == "zip" else tarred)(dict(TREE)))
    return path


@pytest.mark.parametrize(
    ("include", "exclude", "read"),
    [
        ([], [], ALL),
        (["*.py"], [], ["src/a.py", "tests/a.py", "tests/deep/c.py"]),
        (["src/"], [], ["src/a.py", "src/b.txt"]),
        (["/src/*.py", "README"], [], ["README", "src/a.py"]),
        ([], ["tests/", "*.log"], ["README", "src/a.py", "src/b.txt"]),
        (["*.py"], ["tests/deep"], ["src/a.py", "tests/a.py"]),
        (["src", "tests"], ["**/a.py"], ["src/b.txt", "tests/deep/c.py"]),
        ([], ["*.py", "!src/a.py"], ["README", "src/a.py", "src/b.txt", "x.log"]),
    ],
)
def test_patterns(source: Path, include: Sequence[str], exclude: Sequence[str], read: list[str]) -> None:
    document = open_source(source, include=include, exclude=exclude)
    assert [file.path for file in document.files] == read
    reasons = {skipped.path: skipped.reason for skipped in document.skipped}
    assert set(reasons.values()) <= {"excluded", "not included"}
    for path in set(ALL) - set(read):
        assert any(path == left_out or (left_out[-1] == "/" and path.startswith(left_out)) for left_out in reasons)


def test_nothing_left(source: Path) -> None:
    with pytest.raises(DocumentError, match=r"no text that can be read \(README: not included; .*; 1 more\)"):
        open_source(source, include=["*.rs"])


def test_a_file_that_is_named_is_read_whatever_the_patterns_say(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    assert open_source(tmp_path / "a.txt", include=["*.py"], exclude=["a.txt"]).nbytes == 1


def test_the_readme_comes_first() -> None:
    assert in_order(["b", "a", "readme.MD", "c/README"]) == ["readme.MD", "a", "b", "c/README"]
    assert in_order(["p/b", "p/README", "p/A"]) == ["p/README", "p/A", "p/b"]
    assert in_order(["p/README", "q/a"]) == ["p/README", "q/a"]
    assert in_order(["q/README", "p/a"]) == ["p/a", "q/README"]
    assert in_order(["a", "README.rst", "README"]) == ["README", "README.rst", "a"]
    assert in_order([]) == []


@pytest.mark.parametrize("name", ["readme.png", "readme_helper.py", "README.py", "readme-old/a.txt", "readme.d"])
def test_what_only_begins_like_a_readme_comes_in_its_turn(name: str) -> None:
    assert in_order(["A", name]) == ["A", name]
