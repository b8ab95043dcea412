"""Tabulate what sharing keys and values costs a model: the rows of `eval perplexity --memory full`."""

from __future__ import annotations

from tables import ResultRow, rows

STAGES = {"small": "as it was", "converted": "converted, not trained", "shared": "trained"}  # by the name of its folder


def sharing_rows() -> list[ResultRow]:
    """Return the newest row of each stage, over all of its positions."""
    found = [row for row in rows("perplexity") if row["memory"] == "full" and row["stop"] == row["tokens"]]
    newest = {row["model"]: row for row in found if row["model"] in STAGES and row["start"] == 0}
    return [newest[name] for name in STAGES if name in newest]


def sharing_table() -> str:
    lines = ["| Gemma 3 270M in groups of two | tokens | loss (nats) | perplexity |", "| --- " * 4 + "|"]
    for row in sharing_rows():
        numbers = f"{row['tokens']:,} | {row['loss_on']:.3f} | {row['perplexity_on']:.1f}"
        lines.append(f"| {STAGES[row['model']]} | {numbers} |")
    return "\n".join(lines)
