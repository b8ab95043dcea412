"""`gemma10m eval`: rows, table and JSON; what is measured already is not measured again; bad input is one sentence."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readers import SEGMENT, checkpoint
from typer.testing import CliRunner

from gemma10m import cli
from gemma10m.commands import evaluate as command
from gemma10m.commands import needle_run as measuring
from gemma10m.commands.evaluate import EvalOptions, evaluate, parse_length
from gemma10m.commands.needle_run import split_into_batches
from gemma10m.errors import DiskError, DocumentError, Gemma10MError, Interrupted, UsageError
from gemma10m.evaluation import plots
from gemma10m.evaluation.cell import GROUP
from gemma10m.evaluation.needles import answer
from gemma10m.library.model_choice import ModelOptions
from gemma10m.reading.stretch import peak_memory, process_memory
from gemma10m.terminal import Terminal

BOOK = "It was a fine day, and they walked on.\nThe house stood still; nobody spoke of it again.\n\n" * 20


@pytest.fixture
def wanted(tmp_path: Path) -> EvalOptions:
    book = tmp_path / "book.txt"
    book.write_text(BOOK)
    return EvalOptions(("needle",), ("400",), book, (0.0, 1.0), n=12, results=tmp_path / "rows" / "results.jsonl")


def run(wanted: EvalOptions, json: bool = False, **options: Any) -> None:
    chosen = ModelOptions(model=str(checkpoint()), device="cpu", **options)
    evaluate(Terminal(quiet=True, json=json), chosen, wanted, "gemma10m eval")


def rows_in(path: Path | None) -> list[dict[str, Any]]:
    assert path is not None
    return [json.loads(line) for line in path.read_text().splitlines()]


MEASURED = ("right", "read", "chance", "n", "memory", "depth", "state_bytes")


def what_was_measured(path: Path | None) -> list[tuple[Any, ...]]:
    return [tuple(row[name] for name in MEASURED) for row in rows_in(path)]


def no_reading(*_: object) -> None:
    raise AssertionError("nothing is left to read")


def test_a_row_says_what_was_measured(wanted: EvalOptions, capsys: pytest.CaptureFixture[str]) -> None:
    run(wanted, json=True)
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    rows = rows_in(wanted.results)
    assert [(row["depth"], row["memory"]) for row in rows] == [
        (0.0, "gated"), (0.0, "window"), (1.0, "gated"), (1.0, "window")
    ]  # fmt: skip
    assert all(row.items() >= one.items() for row, one in zip(rows, shown, strict=True))
    for row in rows:
        assert (row["kind"], row["task"], row["form"], row["facts"]) == ("recall", "needle", "single", 1)
        assert (row["tokens"], row["n"], row["seed"], row["segment"], row["carry"]) == (400, 12, 0, SEGMENT, SEGMENT)
        assert 0 <= row["low"] <= row["accuracy"] == row["right"] / 12 <= row["high"] <= 1
        assert row["chance"] == pytest.approx(1 / 90000)
        assert row["tokens_per_second"] == pytest.approx(row["read"] / row["seconds"])
        assert 12 * SEGMENT < row["read"] <= 12 * 400
        assert row["peak_memory_bytes"] > 10**7
        assert len(row["model_fingerprint"]) == len(row["text_sha256"]) == 64
    assert rows[1]["read"] < rows[0]["read"]
    assert rows[1]["state_bytes"] < rows[0]["state_bytes"]


def test_the_table(wanted: EvalOptions, capsys: pytest.CaptureFixture[str]) -> None:
    run(replace(wanted, tasks=("babi1", "needle"), lengths=("400", "1K"), n=2, unseen=True))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split("  ")[0] == "task"
    assert lines[0].split()[-4:] == ["depth", "0", "depth", "1"]
    starts = [label for label in ("babi1, 8 facts, unseen", "needle single, unseen") for _ in range(2)]
    assert [line.split("  ")[0] for line in lines[1::2]] == starts
    assert all(line.startswith("  ") for line in lines[2::2])
    memories = [("gated" in line, "window" in line) for line in lines[1:]]
    assert memories == [(True, False), (False, True)] * 4
    assert all(line.count("/2") == 2 for line in lines[1:])
    assert all("0.17" in line for line in lines[1:5])
    assert " 1,024 " in lines[3]


def test_no_controls(wanted: EvalOptions) -> None:
    run(replace(wanted, controls=False, n=1, depths=(0.5,)))
    run(replace(wanted, n=1, depths=(0.5,), seed=1), memory="window")
    assert [row["memory"] for row in rows_in(wanted.results)] == ["gated", "window"]


def test_finished_cells_are_shown_and_not_read_again(
    wanted: EvalOptions, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(wanted)
    first, before = capsys.readouterr().out, rows_in(wanted.results)
    monkeypatch.setattr(measuring, "answer", no_reading)
    run(wanted)
    assert capsys.readouterr().out == first
    assert rows_in(wanted.results) == before
    changes: list[dict[str, Any]] = [{"seed": 1}, {"n": 13}, {"values": "word"}, {"facts": 2}, {"lengths": ("401",)}]
    for change in changes:
        with pytest.raises(AssertionError, match="nothing is left"):
            run(replace(wanted, **change))
    with pytest.raises(AssertionError, match="nothing is left"):
        run(wanted, carry=2 * SEGMENT)
    with pytest.raises(AssertionError, match="nothing is left"):
        run(wanted, dtype="bfloat16")


def signal_in_batch(number: int) -> Callable[..., Any]:
    calls = iter(range(1, 100))

    def answering(*arguments: Any) -> Any:
        if next(calls) == number:
            signal.raise_signal(signal.SIGINT)
        return answer(*arguments)

    return answering


def test_an_interrupted_cell_goes_on_with_the_next_batch(wanted: EvalOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    unbroken = replace(wanted, results=wanted.results.with_name("unbroken.jsonl")) if wanted.results else wanted
    run(unbroken)
    with monkeypatch.context() as patch:
        patch.setattr(measuring, "answer", signal_in_batch(6))  # two batches a cell: the last of the third cell
        with pytest.raises(Interrupted, match=r"cell 3 of 4, needle single, gated, 10 of 12 documents") as stopped:
            run(wanted)
    assert (stopped.value.exit_code, stopped.value.hint) == (130, "run the same command again to resume")
    assert wanted.results
    (partial,) = wanted.results.parent.glob("results.jsonl.*.partial.jsonl")
    assert [len(line["right"]) for line in rows_in(partial)] == [10]
    with monkeypatch.context() as patch:
        read: list[int] = []
        patch.setattr(measuring, "answer", lambda model, scripts, *others: (
            read.append(len(scripts)), answer(model, scripts, *others))[1])  # fmt: skip
        run(wanted)
    assert read == [2, 10, 2]
    assert what_was_measured(wanted.results) == what_was_measured(unbroken.results)
    assert not partial.exists()


def test_without_results_the_rows_are_kept_in_the_cache(
    wanted: EvalOptions, monkeypatch: pytest.MonkeyPatch, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(measuring, "answer", signal_in_batch(1))
    with pytest.raises(Interrupted) as stopped:
        run(replace(wanted, results=None))
    assert stopped.value.hint == "run the same command again to resume"
    monkeypatch.setattr(measuring, "answer", answer)
    chosen = ModelOptions(model=str(checkpoint()), device="cpu")
    evaluate(Terminal(), chosen, replace(wanted, results=None), "gemma10m eval")
    run(wanted)
    kept = cache.with_name("measurements.jsonl")
    assert what_was_measured(kept) == what_was_measured(wanted.results)
    said = capsys.readouterr().err
    assert f"rows are kept in {kept}; cells already in it are not measured again\n" in said
    assert re.search(r"4 cells, [\d,]+ tokens to read: about \d", said)


@given(st.integers(1, 60), st.integers(1, GROUP), st.sets(st.integers(0, 60)))
def test_batches_are_neighbours_of_one_group_that_are_not_read_yet(n: int, size: int, done: set[int]) -> None:
    batches = list(split_into_batches(n, size, done))
    assert sorted(index for batch in batches for index in batch) == sorted(set(range(n)) - done)
    for batch in batches:
        assert batch == list(range(batch[0], batch[0] + len(batch)))
        assert len(batch) <= size
        assert len({index // GROUP for index in batch}) == 1


@pytest.mark.parametrize("line", ["{", "[1]", '{"a": NaN}', '{"a": 1, "a": 2}', "", "\x00"])
def test_a_corrupt_line_in_the_results_is_named(wanted: EvalOptions, line: str) -> None:
    assert wanted.results
    wanted.results.parent.mkdir()
    wanted.results.write_text('{"kind": "other"}\n' + line + "\n" + '{"kind": "more"}\n')
    with pytest.raises(UsageError, match=r"results\.jsonl, line 2, is not (JSON|a JSON object)"):
        run(wanted)


@pytest.mark.parametrize(
    "line",
    ["{", "{}", '{"first": 0, "right": [1], "seconds": 1.0, "read": 1, "state_bytes": 1, "peak_memory_bytes": 1}'],
)
def test_a_corrupt_line_of_an_unfinished_cell_is_named(
    wanted: EvalOptions, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert wanted.results
    with monkeypatch.context() as patch:
        patch.setattr(measuring, "answer", signal_in_batch(2))
        with pytest.raises(Interrupted):
            run(wanted)
    (partial,) = wanted.results.parent.glob("*.partial.jsonl")
    partial.write_text(partial.read_text() + line + "\n")
    with pytest.raises(UsageError, match=r"partial\.jsonl, line 2, is not"):
        run(wanted)


def test_what_a_kill_cut_off_is_measured_again(wanted: EvalOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wanted.results
    run(wanted)
    before = what_was_measured(wanted.results)
    wanted.results.write_bytes(wanted.results.read_bytes()[:-200])
    with monkeypatch.context() as patch:
        patch.setattr(measuring, "answer", signal_in_batch(2))
        with pytest.raises(Interrupted):
            run(wanted)
    (partial,) = wanted.results.parent.glob("*.partial.jsonl")
    partial.write_text(partial.read_text() + '{"first": 10, "right": [fal')
    run(wanted)
    assert what_was_measured(wanted.results) == before


def test_a_finished_row_that_was_changed_is_refused(wanted: EvalOptions) -> None:
    assert wanted.results
    run(wanted)
    text = wanted.results.read_text()
    for change in ('"right": 99', '"right": "0"', '"right": -1'):
        wanted.results.write_text(text.replace('"right": 0', change))
        with pytest.raises(UsageError, match="a row of needle at 400 tokens in the results is not as it was written"):
            run(wanted)


def test_plots_are_drawn_from_the_rows(wanted: EvalOptions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    drawn: dict[str, list[dict[str, Any]]] = {}
    monkeypatch.setattr(command, "find_spec", lambda _: object())
    for name in ("heat_map", "length_plot"):
        monkeypatch.setattr(plots, name, lambda rows, path: drawn.update({path.name: rows}))
    run(replace(wanted, n=1, plot=tmp_path / "heat.png"))
    assert list(drawn) == ["heat.png", "heat-lengths.png"]
    assert [row["memory"] for row in drawn["heat.png"]] == ["gated", "window"] * 2
    monkeypatch.setattr(command, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match="--plot needs matplotlib"):
        run(replace(wanted, plot=tmp_path / "heat.png"))


def test_the_table_has_intervals(wanted: EvalOptions, capsys: pytest.CaptureFixture[str]) -> None:
    run(wanted)
    assert "0/12 (0-24 %)" in capsys.readouterr().out  # Wilson's, of twelve


def test_a_model_without_memory_is_said(wanted: EvalOptions, capsys: pytest.CaptureFixture[str]) -> None:
    chosen = ModelOptions(model=str(checkpoint(gates=False)), device="cpu")
    evaluate(Terminal(), chosen, replace(wanted, n=1), "gemma10m eval")
    assert "has no memory: it cannot answer about what has left its window" in capsys.readouterr().err


def test_peak_memory_is_the_cell_s_own(wanted: EvalOptions) -> None:
    before = bytearray(b"x") * 600_000_000
    del before
    most = process_memory() + 300_000_000
    assert most < peak_memory()
    run(replace(wanted, n=1))
    assert all(row["peak_memory_bytes"] < most for row in rows_in(wanted.results))


@pytest.mark.parametrize(
    ("word", "tokens"), [("32K", 32768), ("1M", 1048576), ("10m", 10485760), ("5000", 5000), ("1k", 1024)]
)
def test_lengths(word: str, tokens: int) -> None:
    assert parse_length(word) == tokens


@pytest.mark.parametrize("word", ["", "K", "0", "-5", "1.5M", "1G", "٣", "1e6", "9" * 11, "0K", " 1K"])
def test_what_is_no_length_is_refused(word: str) -> None:
    with pytest.raises(UsageError, match="--length must be a number of tokens"):
        parse_length(word)


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"tasks": ("passkey", "nedle")}, UsageError, "there is no task 'nedle'"),
        ({"lengths": ("20",)}, UsageError, "20 tokens are too few for needle single"),
        ({"lengths": ("1M", "50"), "tasks": ("needle", "babi3")}, UsageError, "50 tokens are too few"),
        ({"depths": (0.5, 1.01)}, UsageError, "a depth must be 0 .* found 1.01"),
        ({"depths": (-0.1,)}, UsageError, "a depth must be"),
        ({"depths": (float("nan"),)}, UsageError, "a depth must be 0 .* found nan"),
        ({"data": None}, UsageError, "needle needs prose"),
        ({"data": Path("nowhere.txt")}, DocumentError, "nowhere.txt"),
        ({"n": 0}, UsageError, "-n must be 1 to"),
        ({"batch": 11}, UsageError, "--batch must be 1 to 10, found 11"),
        ({"facts": 0}, UsageError, "--facts must be 1 to"),
        ({"form": "double"}, UsageError, "--form must be one of single"),
        ({"form": "single", "facts": 3}, UsageError, "--form single has one fact"),
        ({"form": "multi-key", "facts": 1}, UsageError, "--form multi-key needs two facts"),
        ({"values": "roman"}, UsageError, "--values must be one of"),
        ({"values": "word", "tasks": ("babi1",)}, UsageError, "--values is for the task needle alone"),
        ({"unseen": True, "tasks": ("passkey",)}, UsageError, "passkey has no unseen form"),
        ({"results": Path("/dev/null/rows.jsonl")}, Gemma10MError, "/dev/null/rows.jsonl"),
    ],
)
def test_bad_input_is_one_sentence(
    wanted: EvalOptions,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    error: type[Gemma10MError],
    sentence: str,
) -> None:
    monkeypatch.setattr(measuring, "answer", no_reading)
    with pytest.raises(error, match=sentence):
        run(replace(wanted, **change))


def test_a_book_without_text_is_refused(wanted: EvalOptions, tmp_path: Path) -> None:
    (tmp_path / "empty.txt").write_text("\n \n")
    with pytest.raises(DocumentError, match="holds no text"):
        run(replace(wanted, data=tmp_path / "empty.txt"))


def test_results_that_cannot_be_written_are_found_before_anything_is_measured(
    wanted: EvalOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "answer", no_reading)
    (tmp_path / "file").write_text("")
    with pytest.raises((DiskError, UsageError)):
        run(replace(wanted, results=tmp_path / "file" / "rows.jsonl"))
    with pytest.raises(UsageError, match="cannot be read"):
        run(replace(wanted, results=tmp_path))


def test_the_command_line_says_it_all(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(command, "evaluate", lambda _terminal, options, wanted, _words: seen.extend([options, wanted]))
    words = (
        "eval needle babi2 --length 32K --length 1M --data book.txt --depth 0 --depth 1 -n 7 --facts 4 --form multi-key"
    )
    words += " --values uuid --unseen --seed 5 --no-controls --batch 3 --results r.jsonl --plot p.png"
    words += " --recall auto --dtype bfloat16 -m x"
    result = CliRunner().invoke(cli.app, words.split())
    assert result.exit_code == 0, result.output
    options, wanted = seen
    assert (options.model, options.dtype) == ("x", "bfloat16")
    assert wanted == EvalOptions(
        ("needle", "babi2"), ("32K", "1M"), Path("book.txt"), (0.0, 1.0), 7, 4, "multi-key", "uuid",
        True, 5, False, 3, Path("r.jsonl"), Path("p.png"), "auto",
    )  # fmt: skip
    CliRunner().invoke(cli.app, ["eval", "passkey", "--length", "8K"])
    assert seen[3] == EvalOptions(("passkey",), ("8K",), None)
