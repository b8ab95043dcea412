"""Recall measured the four ways, and answers that are not in the text, with the model that ships."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from gemma10m.bench.index_search import measure_index
from gemma10m.commands.evaluate import EvalOptions, evaluate
from gemma10m.commands.needle_run import TokenClock
from gemma10m.errors import UsageError
from gemma10m.evaluation import readings
from gemma10m.evaluation.needles import read_side_by_side
from gemma10m.evaluation.passage_answers import SUFFIX
from gemma10m.folders import demo_folder
from gemma10m.library.model_choice import ModelOptions
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.terminal import Terminal
from gemma10m.tokens import load_tokenizer

PROSE = "It was a fine day, and they walked on.\nThe house stood still; nobody spoke of it again.\n\n" * 40


def measured(folder: Path, form: str) -> dict[str, int]:
    """Count how many of six were right, by how they were read."""
    book, results = folder / "book.txt", folder / "rows.jsonl"
    book.write_text(PROSE)
    wanted = EvalOptions(("needle",), ("900",), book, (0.0,), n=6, form=form, results=results, recall="auto")
    evaluate(Terminal(quiet=True), ModelOptions(model="demo", device="cpu"), wanted, "gemma10m eval")
    return {row["memory"]: row["right"] for row in map(json.loads, results.read_text().splitlines())}


def test_the_four_ways_stand_side_by_side(tmp_path: Path) -> None:
    right = measured(tmp_path, "single")
    assert list(right) == ["gated", "window", f"gated{SUFFIX}", f"window{SUFFIX}"]
    assert right["window"] == 0  # the fact is beyond the window, and nothing brings it back
    assert right["gated"] >= 5
    assert right[f"gated{SUFFIX}"] >= 5


@pytest.mark.parametrize(("most", "times"), [(1 << 28, 1), (0, 2)])
def test_what_is_kept_of_a_read_is_asked_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int, times: int
) -> None:
    read: list[str] = []

    def reading(model: Decoder, *others: Any) -> tuple[State, int]:
        read.append(model.reading.memory)
        return read_side_by_side(model, *others)

    skipped: list[int] = []
    monkeypatch.setattr(TokenClock, "skip", lambda _, tokens: skipped.append(tokens))
    monkeypatch.setattr(readings, "read_side_by_side", reading)
    monkeypatch.setattr(readings, "MOST_KEPT", most)
    right = measured(tmp_path, "single")
    assert sorted(read) == ["gated"] * times + ["window"] * times
    assert len(skipped) == 2 * (2 - times)  # what is left to read is told without them
    plain, _, recalled, _ = map(json.loads, (tmp_path / "rows.jsonl").read_text().splitlines())
    assert right[plain["memory"]] >= 5
    assert right[recalled["memory"]] >= 5
    assert 0 < plain["read"] - recalled["read"] < 6 * 128  # the six questions, which passages come before


def test_what_is_not_in_the_text_is_never_answered(tmp_path: Path) -> None:
    assert measured(tmp_path, "absent") == {"gated": 0, "window": 0, f"gated{SUFFIX}": 6, f"window{SUFFIX}": 6}
    rows = map(json.loads, (tmp_path / "rows.jsonl").read_text().splitlines())
    assert [row["chance"] for row in rows] == [0.0, 0.0, 1.0, 1.0]


def test_a_text_to_go_on_with_is_no_question() -> None:
    wanted = EvalOptions(("passkey",), ("900",), None, recall="auto")
    with pytest.raises(UsageError, match="passkey is a text to continue"):
        evaluate(Terminal(quiet=True), ModelOptions(model="demo", device="cpu"), wanted, "gemma10m eval")


def test_an_index_is_timed_and_asked_for_sentences_it_must_find(tmp_path: Path) -> None:
    lines = (
        f"The keeper of lighthouse number{n} wrote about storm{n} and whale{n} every winter.\n" for n in range(3000)
    )
    (tmp_path / "log.txt").write_text("".join(lines))
    row = measure_index(tmp_path / "log.txt", load_tokenizer(demo_folder()), 20, seed=0)
    assert (row["found"], row["n"], row["files"]) == (20, 20, 1)
    assert row["text_bytes"] == (tmp_path / "log.txt").stat().st_size
    assert isinstance(row["index_bytes"], int)
    assert 0 < row["index_bytes"] < 3 * (tmp_path / "log.txt").stat().st_size


def test_of_code_lines_are_asked_for(tmp_path: Path) -> None:
    lines = (f"the keeper{n} of lighthouse{n} wrote of storm{n} and whale{n} in winter{n} and\n" for n in range(2000))
    (tmp_path / "log.py").write_text("".join(lines))
    assert measure_index(tmp_path / "log.py", load_tokenizer(demo_folder()), 20, seed=0)["found"] == 20


def test_a_short_document_is_not_asked_about(tmp_path: Path) -> None:
    (tmp_path / "short.txt").write_text("Too short to say much of anything at all.\n")
    with pytest.raises(UsageError, match="too short to ask 20 questions about"):
        measure_index(tmp_path / "short.txt", load_tokenizer(demo_folder()), 20, seed=0)
