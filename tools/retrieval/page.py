"""Show the rows of tools/compare_retrieval.py as a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

COLUMNS = ("squad_at_4", "squad_at_8", "squad_cpu_ms", "hotpotqa_at_4", "hotpotqa_at_8", "hotpotqa_cpu_ms")


def shown_rows(found: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the newest row of each way of searching and draw of questions."""
    kept = {}
    for row in found:
        if row["kind"] == "retrieval":
            kept[row["part"], row["questions"], row["seed"], row["variant"]] = row
    return list(kept.values())


def retrieval_table(found: Sequence[dict[str, Any]]) -> str:
    lines = ["| questions | search | SQuAD, 4 | 8 | ms | HotpotQA, 4 | 8 | ms | build, s | index, MB |"]
    lines.append("| --- " * 10 + "|")
    for row in shown_rows(found):
        numbers = " | ".join(f"{row[column]:.1f}" if column in row else "" for column in COLUMNS)
        drawn = f"{row['questions']} of {row['part']}, seed {row['seed']}"
        built = f"{row['build_seconds']:.1f} | {row['index_bytes'] / 1e6:.1f}"
        lines.append(f"| {drawn} | {row['variant']} | {numbers} | {built} |")
    return "\n".join(lines)
