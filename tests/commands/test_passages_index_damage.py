"""A passage index that is lost, damaged, or not an index: it is made again, or named."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from planted_tale import ANSWER, DEMO, FACT, asked, damaged_index

from gemma10m import open_source
from gemma10m.commands.ask import read
from gemma10m.commands.find import find
from gemma10m.errors import StateError, UsageError
from gemma10m.library.indexing import has_index, index_path
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.terminal import Terminal

pytestmark = pytest.mark.usefixtures("cache")


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(path.read_bytes()[:100])])
def test_a_lost_index_is_made_again(tale: Path, capsys: pytest.CaptureFixture[str], damage: object) -> None:
    state = tale.with_name("tale.state")
    read(Terminal(quiet=True), [str(tale)], state, DEMO)
    kept = index_path(state).read_bytes()
    assert callable(damage)
    damage(index_path(state))
    asked(state, RetrievalOptions())
    told = capsys.readouterr()
    assert f"{ANSWER}\n\nThe magic number for" in told.out
    assert "indexing the document's passages" in told.err
    assert index_path(state).read_bytes() == kept


def test_a_read_that_was_done_before_leaves_an_index_too(tale: Path) -> None:
    state = tale.with_name("tale.state")
    read(Terminal(quiet=True), [str(tale)], None, DEMO)
    for lose in (lambda: None, index_path(state).unlink):
        lose()
        read(Terminal(quiet=True), [str(tale)], state, DEMO)
        assert has_index(state, open_source(tale).fingerprint)


def test_a_file_that_has_the_index_s_name_is_not_lost(tale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    mine = tale.with_name("tale.state.passages")
    mine.write_text("notes of my own")
    state = tale.with_name("tale.state")
    with pytest.raises(UsageError, match=r"tale\.state\.passages is not a passage index and would be overwritten"):
        read(Terminal(quiet=True), [str(tale)], state, DEMO)
    assert not state.exists()
    mine.rename(tale.with_name("away"))
    read(Terminal(quiet=True), [str(tale)], state, DEMO)
    tale.with_name("away").rename(mine)
    capsys.readouterr()
    asked(state, RetrievalOptions())
    told = capsys.readouterr()
    assert told.out.startswith(ANSWER)
    assert "is not a passage index and would be overwritten: passages are not retrieved" in told.err
    assert mine.read_text() == "notes of my own"


def test_an_index_that_cannot_be_written_is_gone_without(tale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tale.with_name("tale.state")
    read(Terminal(quiet=True), [str(tale)], state, DEMO)
    capsys.readouterr()
    asked(state.rename(tale.with_name("s" * 250)), RetrievalOptions())
    told = capsys.readouterr()
    assert told.out.startswith(ANSWER)
    assert (
        "cannot be written: the name is too long: passages are not retrieved, and answers are not checked" in told.err
    )


@pytest.mark.parametrize(
    "query",
    [
        "UPDATE passages SET text = x'00'",
        "DELETE FROM passages",
        "INSERT INTO files VALUES (7, 'x', 'utf-8')",
        "UPDATE files SET encoding = 'rot13'",
    ],
)
def test_a_damaged_index_is_made_again(tale: Path, capsys: pytest.CaptureFixture[str], query: str) -> None:
    state = damaged_index(tale, query)
    capsys.readouterr()
    for _ in range(2):
        asked(state, RetrievalOptions("64", sources=True))
        told = capsys.readouterr()
        assert told.out.count(f'"{FACT}"') == 2  # it says the first answer, and is closest to the second
        assert told.err.count("it is built again") <= 1
    assert "it is built again" not in told.err


def test_a_damaged_index_that_cannot_be_made_again_is_named(tale: Path) -> None:
    state = damaged_index(tale, "DELETE FROM passages")
    tale.unlink()
    with pytest.raises(StateError, match=r"tale\.state\.passages: the passage index is damaged"):
        asked(state, RetrievalOptions())


def test_a_failed_read_leaves_no_half_made_index(tale: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise UsageError("stop here")

    monkeypatch.setattr("gemma10m.library.read_source._summary", broken)
    with pytest.raises(UsageError, match="stop here"):
        read(Terminal(quiet=True), [str(tale)], tale.with_name("tale.state"), DEMO)
    left = {path.name for path in tale.parent.iterdir()} - {"cache", "tale.state"}
    whole = has_index(tale.with_name("tale.state"), open_source(tale).fingerprint)
    assert left == {"tale.txt", *(["tale.state.passages"] if whole else [])}


@pytest.mark.parametrize("content", [b"", b"x", b"notes"])
def test_what_is_no_index_in_the_cache_is_made_again_and_said_once(
    tale: Path, capsys: pytest.CaptureFixture[str], content: bytes
) -> None:
    asked(tale, RetrievalOptions())
    (path,) = tale.parent.glob("cache/**/*.passages")
    kept = path.read_bytes()
    path.write_bytes(content + kept[1:] if content == b"x" else content)
    capsys.readouterr()
    asked(tale, RetrievalOptions())
    told = capsys.readouterr()
    assert told.out.startswith(ANSWER)
    assert told.err.count("indexing the document's passages") == 1
    assert "would be overwritten" not in told.err
    assert path.read_bytes() == kept


@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir])
def test_what_is_no_file_in_the_cache_is_replaced(
    tale: Path, capsys: pytest.CaptureFixture[str], put: Callable[[Path], None]
) -> None:
    for run in (lambda: find(Terminal(), [str(tale)], "harbor", 1), lambda: asked(tale, RetrievalOptions())):
        run()
        (path,) = tale.parent.glob("cache/**/*.passages")
        kept = path.read_bytes()
        path.unlink()
        put(path)
        capsys.readouterr()
        run()
        told = capsys.readouterr()
        assert "quiet-harbor is: 30518" in told.out
        assert "not checked" not in told.err
        assert path.read_bytes() == kept
        path.unlink()


def test_a_folder_with_something_in_it_is_left_and_named_once(tale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked(tale, RetrievalOptions())
    (path,) = tale.parent.glob("cache/**/*.passages")
    path.unlink()
    path.mkdir()
    (path / "mine").touch()
    capsys.readouterr()
    asked(tale, RetrievalOptions())
    told = capsys.readouterr()
    assert told.err.count("answers are not checked") == 1
    assert f"remove {path}" in told.err
    assert (path / "mine").exists()


def test_an_index_that_is_a_pipe_is_not_waited_for(tale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tale.with_name("tale.state")
    read(Terminal(quiet=True), [str(tale)], state, DEMO)
    index_path(state).unlink()
    os.mkfifo(index_path(state))
    capsys.readouterr()
    asked(state, RetrievalOptions())
    told = capsys.readouterr()
    assert told.out.startswith(ANSWER)
    assert "answers are not checked" in told.err
