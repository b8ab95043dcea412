"""Rows say where they come from; what is timed is right first."""

from __future__ import annotations

import json
from pathlib import Path

import gemma10m
from gemma10m.bench.layers import TOLERANCE, _parity
from gemma10m.bench.length import measure_length
from gemma10m.bench.rows import append_row


def test_a_row_says_what_how_and_where(tmp_path: Path) -> None:
    results = tmp_path / "new" / "results.jsonl"
    append_row(results, "bench length", "gemma10m bench length", {"ratio": 1.5})
    append_row(results, "bench length", "gemma10m bench length", {"ratio": 2.5})
    rows = [json.loads(line) for line in results.read_text().splitlines()]
    assert [row["ratio"] for row in rows] == [1.5, 2.5]
    expected = {"kind", "command", "when", "commit", "gemma10m", "python", "versions", "machine", "threads", "load"}
    assert expected <= set(rows[0])
    assert rows[0]["versions"]["torch"].startswith("2.")


def test_the_two_models_that_are_timed_compute_the_same() -> None:
    assert 0 < _parity() <= TOLERANCE


def test_length_is_measured_in_pairs() -> None:
    measured = measure_length(gemma10m.load_model("demo"), short=128, repeats=2)
    assert measured["tokens"] == [128, 1280]
    assert len(measured["ratios"]) == 2
    assert min(measured["tokens_per_second"]) > 0
