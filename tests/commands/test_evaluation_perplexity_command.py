"""`gemma10m eval perplexity`: measured once, checked before anything else is measured, stopped by a signal."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from readers import checkpoint

from gemma10m.commands import evaluate as command
from gemma10m.commands import perplexity_run as measuring
from gemma10m.commands.evaluate import EvalOptions, evaluate
from gemma10m.errors import Interrupted, UsageError
from gemma10m.library.model_choice import ModelOptions
from gemma10m.terminal import Terminal

BOOK = "It was a fine day, and they walked on.\nThe house stood still; nobody spoke of it again.\n\n" * 20


@pytest.fixture
def wanted(tmp_path: Path) -> EvalOptions:
    book = tmp_path / "book.txt"
    book.write_text(BOOK)
    return EvalOptions(("perplexity",), ("100",), book, n=2, results=tmp_path / "results.jsonl")


def run(wanted: EvalOptions, **options: Any) -> None:
    chosen = ModelOptions(model=str(checkpoint()), device="cpu", **options)
    evaluate(Terminal(quiet=True), chosen, wanted, "gemma10m eval")


def rows_in(path: Path | None) -> list[dict[str, Any]]:
    assert path is not None
    return [json.loads(line) for line in path.read_text().splitlines()]


def no_reading(*_: object) -> None:
    raise AssertionError("nothing is to be read")


def test_perplexity_is_measured_once(wanted: EvalOptions, capsys: pytest.CaptureFixture[str]) -> None:
    run(wanted)
    shown, rows = capsys.readouterr().out, rows_in(wanted.results)
    assert {row["kind"] for row in rows} == {"perplexity"}
    assert [(row["start"], row["stop"]) for row in rows] == [(0, 16), (16, 32), (32, 64), (64, 100), (0, 100)]
    assert "0 to 100" in shown
    run(wanted)
    assert capsys.readouterr().out == shown
    assert rows_in(wanted.results) == rows


@pytest.mark.parametrize("left", [1, 3, 4])
def test_a_part_of_a_perplexity_is_measured_again(
    wanted: EvalOptions, capsys: pytest.CaptureFixture[str], left: int
) -> None:
    assert wanted.results
    run(wanted)
    shown, rows = capsys.readouterr().out, wanted.results.read_text().splitlines(keepends=True)
    assert len(rows) == 5
    wanted.results.write_text("".join(rows[:left]))
    for _ in range(2):
        run(wanted)
        assert capsys.readouterr().out == shown
        assert len(rows_in(wanted.results)) == left + 5


@pytest.mark.parametrize(
    ("options", "changes", "said"),
    [
        ({}, {"lengths": ("100", "99999")}, "99,999 tokens are to be measured"),
        ({"memory": "window"}, {}, "nothing to compare"),
    ],
)
def test_what_cannot_be_measured_is_said_before_anything_is(
    wanted: EvalOptions, monkeypatch: pytest.MonkeyPatch, options: Any, changes: Any, said: str
) -> None:
    monkeypatch.setattr(command.NeedleRun, "measure", no_reading)
    monkeypatch.setattr(measuring, "measure_perplexity", no_reading)
    with pytest.raises(UsageError, match=said):
        run(replace(wanted, tasks=("needle", "perplexity"), **changes), **options)


def test_a_signal_stops_it_and_what_was_finished_is_kept(wanted: EvalOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    measure = measuring.measure_perplexity

    def signalled(*arguments: Any) -> Any:
        if arguments[3] == 200:
            signal.raise_signal(signal.SIGINT)
        return measure(*arguments)

    monkeypatch.setattr(measuring, "measure_perplexity", signalled)
    with pytest.raises(Interrupted, match="stopped in the perplexity of 200 tokens") as stopped:
        run(replace(wanted, lengths=("100", "200")))
    assert stopped.value.exit_code == 130
    assert {row["tokens"] for row in rows_in(wanted.results)} == {100}


def test_perplexity_has_no_picture(wanted: EvalOptions, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="which perplexity does not have"):
        run(replace(wanted, plot=tmp_path / "a.png"))
