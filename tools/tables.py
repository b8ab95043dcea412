"""Read the rows of docs/benchmarks/results.jsonl, from which the tables are written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "benchmarks" / "results.jsonl"
HISTORY = RESULTS.with_name("history.jsonl")
PACKED = "--results packed.jsonl"  # in the command of rows that differ in the weights' format alone
ResultRow = dict[str, Any]


def rows(kind: str | None = None) -> list[ResultRow]:
    """Return the rows of one kind, or all of them, oldest first, but for those of docs/packed.md."""
    return [row for row in _every() if kind in (None, row["kind"]) and PACKED not in row["command"]]


def packed_rows(kind: str) -> list[ResultRow]:
    """Return the rows of one kind that docs/packed.md compares, oldest first."""
    return [row for row in _every() if row["kind"] == kind and PACKED in row["command"]]


def _every() -> list[ResultRow]:
    return [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]


def newest(found: list[ResultRow], wanted: dict[str, Any]) -> ResultRow | None:
    """Return the last row whose fields have the wanted values."""
    fitting = [row for row in found if all(row.get(name) == value for name, value in wanted.items())]
    return fitting[-1] if fitting else None


def against(model: str, tokens: int) -> tuple[ResultRow, ResultRow]:
    """Return the last rows of a model's read beside transformers and beside llama.cpp."""
    found = [row for row in rows("bench against") if (row.get("model"), row["tokens"]) == (model, tokens)]
    peers = {row.get("peer"): row for row in found}
    return peers["transformers"], peers["llama.cpp"]
