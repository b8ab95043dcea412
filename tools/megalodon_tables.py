"""Tabulate a small Megalodon beside a Gemma of its size: perplexity by position, and how fast both read."""

from __future__ import annotations

from tables import ResultRow, rows

READERS = {  # models of `bench read`
    "megalodon": "Megalodon, 1.1 million parameters",
    "gemma-twin": "Gemma of this size, which sees all",
    "mega200M": "Megalodon's 200M, random weights",
    "gemma-4-E2B": "Gemma 4 E2B, random weights",
    "gemma-2b": "two layers of Gemma 2B, random weights",
}
MEGALODON, GEMMA = "megalodon", "gemma-twin"  # names of the folders that recipes of these names fill


def loss_rows() -> list[ResultRow]:
    """Return the rows of the newest measurement of each of the two."""
    found = {name: [row for row in rows("perplexity") if row["model"] == name] for name in (MEGALODON, GEMMA)}
    return [row for each in found.values() for row in each if row["when"] == each[-1]["when"]]


def loss_table() -> str:
    kept = {(row["model"], row["start"], row["stop"]): row for row in loss_rows()}
    lines = ["| positions | Megalodon | its chunk alone | Gemma, all of it | its segment alone |", "| --- " * 5 + "|"]
    for model, start, stop in sorted(kept, key=lambda key: (key[2], -key[1])):  # all positions together last
        if model == MEGALODON:
            pair = (kept[model, start, stop], kept[GEMMA, start, stop])
            numbers = " | ".join(f"{row['perplexity_on']:.1f} | {row['perplexity_off']:.1f}" for row in pair)
            lines.append(f"| {start:,} to {stop:,} | {numbers} |")
    return "\n".join(lines)


def speed_rows() -> list[ResultRow]:
    """Return the newest row of each model and length that was read on a CPU."""
    found = [row for row in rows("bench read") if row["model"] in READERS and "cpu" in row["command"]]
    newest = {(list(READERS).index(row["model"]), row["tokens"]): row for row in found}
    return [newest[place] for place in sorted(newest)]


def speed_table() -> str:
    lines = ["| model | tokens | tokens/s | of the matrix peak | state | finite |", "| --- " * 6 + "|"]
    for row in speed_rows():
        numbers = f"{row['tokens']:,} | {row['tokens_per_second']:,.0f} | {100 * row['utilisation']:.0f} %"
        state = f"{row['state_bytes']:,} B | {'yes' if row['is_finite'] else 'no'}" if "is_finite" in row else " | "
        lines.append(f"| {READERS[row['model']]} | {numbers} | {state} |")
    return "\n".join(lines)
