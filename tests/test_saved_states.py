"""Saved states: found again, gone on from, replaced when damaged, never taken for another's."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from readers import (
    SEGMENT,
    SENTENCE,
    TEXT,
    assert_close,
    checkpoint,
    document_ids,
    flip_a_byte,
    opening,
    read_all,
    read_book,
    read_partly,
    reader,
    stretch_of,
)
from rounding import assert_as_exact
from states import same_bits

from gemma10m import open_source, saved_states
from gemma10m.folders import states_folder
from gemma10m.saved_states import Reader, read_and_save
from gemma10m.state_file import read_header
from gemma10m.tokens import load_tokenizer

pytestmark = pytest.mark.usefixtures("cache")


def cut_the_end(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def cut_the_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:200])


def test_a_saved_state_is_found_again(book: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = reader("delta")
    first, fed = read_book(tiny, book)
    assert fed == document_ids(tiny, TEXT)
    assert list(cache.glob("*.safetensors")) == [tiny.state_path(open_source(book))]
    assert (tiny.state_path(open_source(book)).stat().st_mode & 0o777) == 0o600
    capsys.readouterr()
    second, fed = read_book(tiny, book)
    assert fed == []
    assert capsys.readouterr() == ("", "")
    assert same_bits(first.state, second.state)
    assert (second.tokens_now, second.seconds, second.seconds_ever) == (0, 0.0, first.seconds_ever)
    total = len(tiny.tokenizer.encode(TEXT))
    for source in (first, second):
        assert source.complete
        assert source.tokens_read == source.tokens_in_document == total
    assert first.record == second.record
    assert first.record.sources[0].sha256 == hashlib.sha256(TEXT.encode()).hexdigest()


def test_a_copy_of_the_document_under_another_name_is_not_read_again(book: Path) -> None:
    tiny = reader()
    read_book(tiny, book)
    copy = book.with_name("copy.txt")
    copy.write_text(TEXT)
    source, fed = read_book(tiny, copy)
    assert fed == []
    assert source.record.name == str(copy)


@pytest.mark.parametrize("damage", [flip_a_byte, cut_the_end, cut_the_header])
def test_a_damaged_state_is_named_and_replaced(
    damage: Callable[[Path], None], book: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tiny = reader("gated")
    first, _ = read_book(tiny, book)
    path = tiny.state_path(open_source(book))
    damage(path)
    capsys.readouterr()
    second, fed = read_book(tiny, book)
    messages = capsys.readouterr().err
    assert messages.startswith(f"warning: {path}")
    assert "; it is not used\n" in messages
    assert fed == document_ids(tiny, TEXT)
    assert same_bits(first.state, second.state)
    assert read_book(tiny, book)[1] == []


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "window"},
        {"kind": "linear"},
        {"carry": 0},
        {"seed": 1},
        {"dtype": "bfloat16"},
    ],
    ids=str,
)
def test_a_state_of_another_model_or_way_of_reading_is_not_used(other: dict[str, Any], book: Path) -> None:
    mine, others = reader(), reader(**other)
    read_book(others, book)
    grown = book.with_name("grown.txt")
    grown.write_text(TEXT + "However")
    for path in (book, grown):
        assert mine.state_path(open_source(path)) != others.state_path(open_source(path))
        document = open_source(path)
        assert list(mine.earlier(document)) == []
        source, fed = read_book(mine, path)
        assert fed == document_ids(mine, path.read_text())
        assert_close(source.state, read_all(mine, document)[-1].bookmark.state, tolerance=0.0)
        mine.state_path(document).unlink()


def test_a_state_read_without_turns_is_not_used_with_them(book: Path, tmp_path: Path) -> None:
    """Weights and pieces are the same: only the chat template differs, and what is read before the document."""
    folder = shutil.copytree(checkpoint(), tmp_path / "model")
    (folder / "tokenizer_config.json").unlink()
    without, mine = Reader(reader().model, load_tokenizer(folder)), reader()
    source, _ = read_book(without, book)
    assert source.tokens_read == source.tokens_in_document
    source, fed = read_book(mine, book)
    assert fed == document_ids(mine, TEXT)
    assert source.tokens_read == source.tokens_in_document


def test_a_grown_file_is_read_on_from_its_old_state(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = reader("linear")
    old, _ = read_book(tiny, book)
    capsys.readouterr()
    with book.open("a") as file:
        file.write("However little known")
    source, fed = read_book(tiny, book)
    whole = document_ids(tiny, TEXT + "However little known")
    assert f"resuming after {old.state.position} tokens read earlier\n" in capsys.readouterr().err
    assert fed == whole[old.state.position :]
    assert source.tokens_now == len(fed)
    assert source.tokens_read == source.tokens_in_document == len(whole) - len(opening(tiny))
    states = (
        read_all(each, open_source(book))[-1].bookmark.state for each in (tiny, reader("linear", dtype="float64"))
    )
    assert source.state.position == len(whole)
    for mine, theirs, exact in zip(source.state.layers, *(state.layers for state in states), strict=True):
        for name, tensor in mine.tensors():
            assert_as_exact(tensor, theirs[name], exact[name])  # read at other cuts, which shows in float32
    assert read_book(tiny, book)[1] == []


def test_the_longest_earlier_version_is_gone_on_from(tmp_path: Path) -> None:
    tiny, path = reader("window"), tmp_path / "log.txt"
    for sentences in (3, 9, 6):
        path.write_text(SENTENCE * sentences)
        for old in states_folder().glob("*"):
            old.rename(old.with_suffix(".aside"))
        read_book(tiny, path)
    for old in states_folder().glob("*.aside"):
        old.rename(old.with_suffix(".safetensors"))
    path.write_text(SENTENCE * 11)
    assert read_book(tiny, path)[1] == document_ids(tiny, SENTENCE * 11)[len(document_ids(tiny, SENTENCE * 9)) :]


def test_a_damaged_state_of_an_earlier_version_is_passed_over(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = reader("window")
    read_book(tiny, book)
    flip_a_byte(tiny.state_path(open_source(book)))
    states_folder().joinpath("notes.safetensors").write_bytes(b"not a state at all")
    book.write_text(TEXT + SENTENCE)
    source, fed = read_book(tiny, book)
    assert fed == document_ids(tiny, TEXT + SENTENCE)
    assert "it is not used" in capsys.readouterr().err
    assert source.complete


@pytest.mark.parametrize("text", ["J" + TEXT[1:] + SENTENCE, TEXT[: len(TEXT) // 2], SENTENCE * 3 + "x" + TEXT])
def test_a_file_that_changed_otherwise_is_read_from_zero(text: str, book: Path) -> None:
    tiny = reader("gated")
    read_book(tiny, book)
    book.write_text(text)
    source, fed = read_book(tiny, book)
    assert fed == document_ids(tiny, text)
    assert source.tokens_now == len(fed) - len(opening(tiny))


def test_a_file_whose_last_token_grew_over_a_segments_end_is_read_from_zero(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The earlier state is no use then; nothing may be said or counted as if it had been."""
    tiny, path = reader("linear"), tmp_path / "book.txt"
    text = next(
        text
        for words in range(SEGMENT)
        if len(document_ids(tiny, text := SENTENCE * 2 + " truth" * words + " univers")) % SEGMENT == 0
    )
    path.write_text(text)
    read_book(tiny, path)
    saved = tiny.state_path(open_source(path))
    bookmark, _ = tiny.load(saved)
    tiny.save(saved, replace(bookmark, seconds=1000.0), open_source(path))
    capsys.readouterr()
    path.write_text(text + "ally acknowledged")
    source, fed = read_book(tiny, path)
    assert fed == document_ids(tiny, text + "ally acknowledged")
    assert source.tokens_now == len(fed) - len(opening(tiny))
    assert 0 <= source.seconds < 900
    assert source.seconds_ever == source.seconds
    assert "resuming" not in capsys.readouterr().err


def test_checkpoints_are_written_while_reading_goes_on(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_states, "CHECKPOINT_SECONDS", 0.0)
    tiny, path, positions = reader(), book.with_name("out.state"), []
    with stretch_of(2 * SEGMENT):
        for step in read_and_save(tiny, open_source(book), path, None, lambda: False):
            bookmark, header = tiny.load(path)
            assert same_bits(bookmark.state, step.bookmark.state)
            assert header.complete == step.bookmark.complete
            positions.append(header.position)
    assert len(positions) > 5
    assert positions == sorted(set(positions))


def test_checkpoints_are_a_minute_apart(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    path, saved = book.with_name("out.state"), []
    with stretch_of(2 * SEGMENT):
        for number, step in enumerate(read_and_save(reader(), open_source(book), path, None, lambda: False), start=1):
            clock[0] += 25.0
            if path.exists():
                saved.append((number, read_header(path).position == step.bookmark.state.position))
    assert saves(saved) == [4, 7, 10, 13, number]
    assert number == 14


def saves(seen: list[tuple[int, bool]]) -> list[int]:
    """Return the steps whose state lies on the disk right after them."""
    return [number for number, is_saved in seen if is_saved]


def test_without_a_reason_nothing_is_saved_before_the_end(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_states, "CHECKPOINT_SECONDS", float("inf"))
    path = book.with_name("out.state")
    with stretch_of(SEGMENT):
        for step in read_and_save(reader(), open_source(book), path, None, lambda: False):
            assert path.exists() == step.bookmark.complete


def test_a_read_that_was_stopped_goes_on_for_whoever_asks_next(book: Path) -> None:
    tiny = reader()
    document = read_partly(tiny, book, tiny.state_path(open_source(book)))
    assert not read_header(tiny.state_path(document)).complete
    source, fed = read_book(tiny, book)
    assert fed == document_ids(tiny, TEXT)[3 * SEGMENT :]
    assert source.complete
    assert source.tokens_now == len(fed)
    assert source.tokens_read == source.tokens_in_document
