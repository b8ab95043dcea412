"""Paths of a document's files as paths that open from where the user stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from formats import zipped

from gemma10m.documents import Document, Whereabouts, open_source


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "src" / "deep").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "src" / "deep" / "a.py").write_text("a")
    (tmp_path / "src" / "b.py").write_text("b")
    (tmp_path / "c.txt").write_text("c")
    (tmp_path / "d.zip").write_bytes(zipped({"inside/e.txt": "e"}))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(document: Document) -> list[str]:
    assert document.origin is not None
    where = Whereabouts(document.origin.folder, document.origin.names)
    return [where.path(file.path) for file in document.files]


@pytest.mark.parametrize(
    ("names", "here", "inside", "elsewhere"),
    [
        (["src"], ["src/b.py", "src/deep/a.py"], ["b.py", "deep/a.py"], ["{}/src/b.py", "{}/src/deep/a.py"]),
        (["src/"], ["src/b.py", "src/deep/a.py"], ["b.py", "deep/a.py"], ["{}/src/b.py", "{}/src/deep/a.py"]),
        (["c.txt"], ["c.txt"], ["{}/c.txt"], ["{}/c.txt"]),
        (
            ["c.txt", "src/deep"],
            ["c.txt", "src/deep/a.py"],
            ["{}/c.txt", "deep/a.py"],
            ["{}/c.txt", "{}/src/deep/a.py"],
        ),
    ],
)
def test_they_open_from_any_folder(
    tree: Path,
    monkeypatch: pytest.MonkeyPatch,
    names: list[str],
    here: list[str],
    inside: list[str],
    elsewhere: list[str],
) -> None:
    document = open_source(*names)
    for folder, expected in ((tree, here), (tree / "src", inside), (tree / "elsewhere", elsewhere)):
        monkeypatch.chdir(folder)
        paths = told(document)
        assert paths == [path.format(tree) for path in expected]
        assert all(Path(path).is_file() for path in paths)


def test_the_folder_one_stands_in_and_the_one_above(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("src")
    assert told(open_source(".")) == ["b.py", "deep/a.py"]
    assert told(open_source("../src")) == ["../src/b.py", "../src/deep/a.py"]
    assert told(open_source(tree / "src")) == [f"{tree}/src/b.py", f"{tree}/src/deep/a.py"]


def test_the_document_itself_is_the_same_from_everywhere(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_source("src")
    monkeypatch.chdir("src")
    second = open_source(".")
    assert first.fingerprint == second.fingerprint
    assert [file.path for file in first.files] == [file.path for file in second.files] == ["b.py", "deep/a.py"]


def test_what_no_path_leads_to_keeps_its_name(tree: Path) -> None:
    assert told(open_source("d.zip")) == ["inside/e.txt"]
    assert Whereabouts().path("standard input") == "standard input"
