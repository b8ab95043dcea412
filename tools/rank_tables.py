"""Make the table of docs/distributed.md: how far several ranks and one process are from a read in float64."""

from __future__ import annotations

from tables import ResultRow, rows


def rank_rows() -> list[ResultRow]:
    """Return the newest row of each memory, number of ranks and stretch."""
    found = {(row["memory"], row["ranks"], row.get("stretch", 0)): row for row in rows("ranks")}
    return list(found.values())


def rank_table() -> str:
    heads = ("memory", "read by", "state", "logits after it", "received by each rank (MB)", "as designed")
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for row in rank_rows():
        by = f"{row['ranks']} ranks" if row["ranks"] > 1 else f"one process, stretch {row['stretch']}"
        passed = " | "
        if row["ranks"] > 1:
            received = ", ".join(f"{nbytes / 1e6:.1f}" for nbytes in row["received_bytes"])
            passed = f"{received} | {'yes' if row['received_bytes'] == row['designed_bytes'] else 'no'}"
        lines.append(f"| `{row['memory']}` | {by} | {row['state']:.1e} | {row['logits']:.1e} | {passed} |")
    return "\n".join(lines)
