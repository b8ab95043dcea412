"""The index beside a state: it comes after the state, and a read is kept where it cannot be made."""

from __future__ import annotations

from pathlib import Path
from threading import Event
from typing import Any

import pytest
from readers import SENTENCE, TEXT, checkpoint, read_book, reader

from gemma10m import open_source
from gemma10m.answering.sampling import Sampling
from gemma10m.commands.ask import ask, read
from gemma10m.errors import DiskError, DocumentError
from gemma10m.library import indexing as command
from gemma10m.library.indexing import has_index, index_path
from gemma10m.library.model_choice import ModelOptions
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.passages.building import build_index, fill_from
from gemma10m.saved_states import Reader
from gemma10m.state_file import read_header
from gemma10m.terminal import Terminal

pytestmark = pytest.mark.usefixtures("cache")
OPTIONS = ModelOptions(model=str(checkpoint()), device="cpu")


def index_that_fails(monkeypatch: pytest.MonkeyPatch, error: type[DiskError | DocumentError]) -> None:
    def fail(*_: object) -> None:
        raise error("the index is in trouble", "free some space")

    monkeypatch.setattr(command, "fill_from", fail)
    monkeypatch.setattr(command, "build_index", fail)


@pytest.mark.parametrize("error", [DiskError, DocumentError])
def test_a_read_whose_index_fails_is_kept(
    book: Path,
    error: type[DiskError | DocumentError],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    state = book.with_name("my.state")
    index_that_fails(monkeypatch, error)
    read(Terminal(), [str(book)], state, OPTIONS)
    told = capsys.readouterr()
    assert told.out == f"{state}\n"
    assert "the index is in trouble: passages are not retrieved, and answers are not checked" in told.err
    assert read_header(state).complete
    assert {path.name for path in book.parent.iterdir()} == {"book.txt", "my.state"}
    ask(Terminal(), [str(state)], ["Who?"], OPTIONS, Sampling(max_new_tokens=2), RetrievalOptions())
    assert "answers are not checked" in capsys.readouterr().err


def test_an_index_that_has_no_room_is_gone_without(
    book: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = book.with_name("s" * 250)
    read(Terminal(), [str(book)], state, OPTIONS)
    assert "cannot be written: the name is too long: passages are not retrieved" in capsys.readouterr().err
    assert read_header(state).complete


def test_the_new_index_comes_after_the_new_state(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill before the state is saved leaves the old ones, which belong together, however fast the index is made."""
    tiny, state = reader("delta"), book.with_name("my.state")
    read_book(tiny, book, state)
    old, save, found = open_source(book).fingerprint, Reader.save, list[bool]()
    made = Event()

    def fill_and_tell(*arguments: Any) -> None:
        fill_from(*arguments)
        made.set()

    def save_late(*arguments: Any) -> None:
        assert made.wait(timeout=60)
        found.append(has_index(state, old))
        save(*arguments)

    monkeypatch.setattr(command, "fill_from", fill_and_tell)
    monkeypatch.setattr(Reader, "save", save_late)
    book.write_text(TEXT + SENTENCE)
    read_book(tiny, book, state)
    assert found == [True]
    assert has_index(state, open_source(book).fingerprint)
    assert {path.name for path in book.parent.iterdir()} == {"book.txt", "my.state", "my.state.passages"}


def test_a_state_that_cannot_be_saved_keeps_its_old_index(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny, state = reader("delta"), book.with_name("my.state")
    read_book(tiny, book, state)
    kept = state.read_bytes(), index_path(state).read_bytes()
    book.write_text(TEXT + SENTENCE)

    def fail(*_: object) -> None:
        raise DiskError("the disk is full")

    monkeypatch.setattr(Reader, "save", fail)
    with pytest.raises(DiskError, match="the disk is full"):
        read_book(tiny, book, state)
    assert (state.read_bytes(), index_path(state).read_bytes()) == kept
    assert {path.name for path in book.parent.iterdir()} == {"book.txt", "my.state", "my.state.passages"}


def other_index(path: Path) -> None:
    other = path.with_name("other.txt")
    other.write_text("Another text.")
    build_index(open_source(other), path)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (Path.unlink, "is missing"),
        (lambda path: path.write_bytes(path.read_bytes()[:100]), "is damaged or has another version"),
        (other_index, "belongs to another document"),
    ],
)
def test_what_is_wrong_with_an_index_is_said(
    book: Path, spoil: object, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    state = book.with_name("my.state")
    read(Terminal(quiet=True), [str(book)], state, OPTIONS)
    assert callable(spoil)
    spoil(index_path(state))
    book.unlink()
    capsys.readouterr()
    ask(Terminal(), [str(state)], ["Who?"], OPTIONS, Sampling(max_new_tokens=2), RetrievalOptions())
    assert f"warning: {index_path(state)} {fault}, and the document is gone or has changed" in capsys.readouterr().err
