"""Move rows that no page shows from docs/benchmarks/results.jsonl to history.jsonl: `python tools/retire_rows.py`."""

from __future__ import annotations

import json

import write_benchmarks
import write_tables
from tables import HISTORY, RESULTS


def split() -> tuple[list[str], list[str]]:
    """Return the lines that a page shows, and the others, each in the order of the file."""
    used = [json.dumps(row) for row in (*write_tables.used_rows(), *write_benchmarks.used_rows())]
    kept: list[str] = []
    retired: list[str] = []
    for line in RESULTS.read_text(encoding="utf-8").splitlines(keepends=True):
        (kept if json.dumps(json.loads(line)) in used else retired).append(line)
    return kept, retired


if __name__ == "__main__":
    kept, retired = split()
    with HISTORY.open("a", encoding="utf-8") as history:
        history.writelines(retired)
    RESULTS.write_text("".join(kept), encoding="utf-8")
