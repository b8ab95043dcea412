"""Tabulate a small Megalodon's perplexity by position beside a Gemma's of its size: the rows of `eval perplexity`."""

from __future__ import annotations

from tables import ResultRow, rows

MEGALODON, GEMMA = "megalodon", "gemma-twin"  # names of the folders that recipes of these names fill


def megalodon_rows() -> list[ResultRow]:
    """Return the rows of the newest measurement of each of the two."""
    found = {name: [row for row in rows("perplexity") if row["model"] == name] for name in (MEGALODON, GEMMA)}
    return [row for each in found.values() for row in each if row["when"] == each[-1]["when"]]


def megalodon_table() -> str:
    kept = {(row["model"], row["start"], row["stop"]): row for row in megalodon_rows()}
    lines = ["| positions | Megalodon | its chunk alone | Gemma, all of it | its segment alone |", "| --- " * 5 + "|"]
    for model, start, stop in sorted(kept, key=lambda key: (key[2], -key[1])):  # all positions together last
        if model == MEGALODON:
            pair = (kept[model, start, stop], kept[GEMMA, start, stop])
            numbers = " | ".join(f"{row['perplexity_on']:.1f} | {row['perplexity_off']:.1f}" for row in pair)
            lines.append(f"| {start:,} to {stop:,} | {numbers} |")
    return "\n".join(lines)
