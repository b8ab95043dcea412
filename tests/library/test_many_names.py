"""A list or a folder names documents, and each has a state of its own name; two of one name are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from many_documents import write_documents

from gemma10m import Library
from gemma10m.errors import DiskError, DocumentError, StateError, UsageError
from gemma10m.library import Notices, Patterns
from gemma10m.library.many import documents_of
from gemma10m.library.read_many import read_many
from gemma10m.library.states_index import holds_states, refuse_other_folder
from gemma10m.library.states_library import StatesLibrary


def states_of(named: Path, patterns: Patterns | None = None) -> list[str]:
    found = documents_of(Notices(), str(named), named.parent / "states", patterns or Patterns())
    return [document.state for document in found]


def test_a_folder_names_its_files_by_the_rules_of_folders(tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "papers", ("one", "two"))
    (folder / ".gitignore").write_text("draft*\n")
    (folder / "draft.txt").write_text("no")
    (folder / "one.pyc").write_text("no")
    assert states_of(folder) == [".gitignore.state", "below/two.txt.state", "one.txt.state"]
    assert states_of(folder, Patterns(include=("one*",))) == ["one.txt.state"]


def test_states_inside_the_folder_are_no_documents(tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "papers", ("one",))
    (folder / "states").mkdir()
    (folder / "states" / "other.txt").write_text("no")
    found = documents_of(Notices(), str(folder), folder / "states")
    assert [document.state for document in found] == ["one.txt.state"]


def test_a_list_names_documents_by_their_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_documents(tmp_path / "papers", ("one", "two"))
    (tmp_path / "list").write_text(f"./papers/one.txt\n\n{tmp_path}/papers/below/two.txt\ngone.txt\n")
    inside = str(tmp_path).lstrip("/")
    assert states_of(tmp_path / "list") == [
        "papers/one.txt.state",
        f"{inside}/papers/below/two.txt.state",
        "gone.txt.state",
    ]
    (tmp_path / "..odd").mkdir()
    (tmp_path / "..odd" / "one.txt").write_text("text")
    (tmp_path / "list").write_text("..odd/one.txt\n")
    assert states_of(tmp_path / "list") == ["..odd/one.txt.state"]


def test_two_documents_of_one_name_are_refused_and_both_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "one.txt"
    path.write_text("text")
    below = tmp_path / str(path).lstrip("/")
    below.parent.mkdir(parents=True)
    below.write_text("other text")
    (tmp_path / "list").write_text(f"{path}\n{str(path).lstrip('/')}\n")
    with pytest.raises(UsageError, match="have one name") as refused:
        states_of(tmp_path / "list")
    assert refused.value.message.count(str(path)[1:]) == 3
    (tmp_path / "list").write_text("one.txt\none.txt\n")
    with pytest.raises(UsageError, match=r"^one.txt was named twice$"):
        states_of(tmp_path / "list")


@pytest.mark.parametrize("content", [b"It is a truth\nuniversally acknowledged\n", b"\0\1", b""])
def test_what_is_no_list_is_refused_as_a_whole(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "book.txt").write_bytes(content)
    with pytest.raises(DocumentError, match=r"not a list|names no document"):
        states_of(tmp_path / "book.txt")
    with pytest.raises(DocumentError, match="does not exist"):
        states_of(tmp_path / "gone")


def test_states_are_not_put_among_other_files(tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "papers", ("one",))
    with pytest.raises(UsageError, match=r"holds files that are no states, such as one\.txt"):
        refuse_other_folder(folder)
    assert not holds_states(folder)
    assert not holds_states(tmp_path / "gone")
    refuse_other_folder(tmp_path / "gone")


def test_a_place_that_cannot_hold_states_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    folder = write_documents(tmp_path / "papers", ("one",))
    (tmp_path / "file").write_text("x")
    library = Library("demo")
    with pytest.raises(UsageError, match="is a file"):
        read_many(library, folder, tmp_path / "file")
    with pytest.raises(DiskError, match="cannot be written: Not a directory"):
        read_many(library, folder, tmp_path / "file" / "states")
    for states in (folder, tmp_path):
        with pytest.raises(UsageError, match="would be read into itself"):
            documents_of(Notices(), str(folder), states)


def test_a_folder_of_states_that_is_not_there_is_an_error_of_ours(tmp_path: Path) -> None:
    for name, what in (("gone", "does not exist"), ("file", "is not a folder")):
        (tmp_path / "file").write_text("x")
        with pytest.raises(StateError, match=what):
            StatesLibrary(Library("demo"), str(tmp_path / name))


def test_a_name_of_bytes_is_found_among_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "papers" / os.fsdecode(b"a\xff.txt")
    path.parent.mkdir()
    path.write_text("Anne went to Bath in 1814.")
    library = Library("demo")
    document, state = library.document([str(path)]), tmp_path / "states" / os.fsdecode(b"a\xff.txt.state")
    state.parent.mkdir()
    with library.read(document, state):
        pass
    with StatesLibrary(library, tmp_path / "states") as states:
        assert states.documents("Anne") == [state]
        assert states.find("Anne")[0].file == f"{path.parent}/a\\xff.txt"
