"""Make the tables of docs/remembering.md: what Gemma 3 270M recalls with the memory of its adapter."""

from __future__ import annotations

from pathlib import Path

from kv_tables import is_of_formats
from tables import ResultRow, rows

MODEL = "small"
TEXTS = {
    "persuasion-numbered.txt": "*Persuasion* with page and paragraph numbers",
    "persuasion.txt": "*Persuasion*",
    "kjv.txt": "King James Bible",
}
SHORT = {  # a label: what the README calls it
    "needle single": "a planted number",
    "needle single, unseen": "the same, with names and sentences that training never drew",
    "needle multi-key, 4 facts": "one of four numbers, by its name",
    "needle update": "a number that changed later in the text",
    "babi1, 8 facts": "where a person is, after a story (bAbI task 1)",
}
SHORT_LENGTHS = (2_048, 32_768, 1_048_576, 10_485_760)
MEMORIES = ("packaged", "the one before")  # the newest first
Cell = tuple[str, str, int, float | str]  # task, text, tokens, depth


def text_of(row: ResultRow) -> str:
    """Return the haystack's name: the passkey has one of its own."""
    named = (title for file, title in TEXTS.items() if f"/{file}" in row["command"] or f" {file}" in row["command"])
    return "its own filler" if row["label"] == "passkey" else next(named)


def text_of_file(row: ResultRow) -> str:
    return next(title for file, title in TEXTS.items() if Path(file).name in row["command"])


def cell_rows() -> dict[tuple[Cell, str], ResultRow]:
    """Return the newest row of each cell and memory, of the newest adapter; without its memory all are one model."""
    measured = (*rows("recall"), *rows("long recall"))
    found = [row for row in measured if row["model"] == MODEL and not is_of_formats(row)]
    times = [(row["when"], row["model_fingerprint"]) for row in found if row["memory"] == "added"]
    newest = max(times)[1] if times else None
    found = [row for row in found if row["memory"] != "added" or row["model_fingerprint"] == newest]
    return {((row["label"], text_of(row), row["tokens"], row["depth"]), row["memory"]): row for row in found}


def loss_rows() -> list[ResultRow]:
    """Return the newest row of each text and length, over all of its positions: an earlier adapter's are history."""
    read = [row for row in rows("perplexity") if row["model"] == MODEL and row["memory"] == "added"]
    found = [row for row in read if row["start"] == 0 and not is_of_formats(row)]
    longest: dict[tuple[str, str], ResultRow] = {}
    for row in found:
        place = (row["command"], row["when"])
        if place not in longest or row["stop"] > longest[place]["stop"]:
            longest[place] = row
    return list({(text_of_file(row), row["stop"]): row for row in longest.values()}.values())


def part_rows() -> list[ResultRow]:
    return list({row["arm"]: row for row in rows("memory parts")}.values())


def address_rows() -> list[tuple[str, ResultRow]]:
    """Return the rows of the newest memories that were packaged, with what they are called."""
    found = [row for row in rows("addresses") if row["adapter"] == MODEL]
    times = sorted({row["when"] for row in found}, reverse=True)
    return [(MEMORIES[place], row) for place, when in enumerate(times[:2]) for row in found if row["when"] == when]


def remembering_table() -> str:
    cells = cell_rows()
    lines = ["| asked for | text | tokens | depth | with memory | without |", "| --- " * 6 + "|"]
    for cell in sorted({cell for cell, _ in cells}, key=lambda cell: (*cell[:3], str(cell[3]))):
        label, text, tokens, depth = cell
        found = [cells.get((cell, memory)) for memory in ("added", "window")]
        shown = " | ".join(f"{row['right']}/{row['n']}" if row else "" for row in found)
        lines.append(f"| {label} | {text} | {tokens:,} | {depth} | {shown} |")
    return "\n".join(lines)


def short_table() -> str:
    """Return the README's table: rows of *Persuasion*, and the control's at the greatest length that it has."""
    cells = {
        (*cell[:3], memory): row for (cell, memory), row in cell_rows().items() if cell[1] == TEXTS["persuasion.txt"]
    }
    heads = [f"{tokens:,} tokens" for tokens in SHORT_LENGTHS]
    lines = [f"| asked for | {' | '.join(heads)} | without memory |", "| --- " * (len(heads) + 2) + "|"]
    for label, words in SHORT.items():
        named = {place[2:]: f"{row['right']}/{row['n']}" for place, row in cells.items() if place[0] == label}
        shown = [named.get((tokens, "added"), "") for tokens in SHORT_LENGTHS]
        without = [right for (_, memory), right in sorted(named.items()) if memory == "window"]
        lines.append(f"| {words} | {' | '.join(shown)} | {without[-1] if without else ''} |")
    return "\n".join(lines)


def loss_table() -> str:
    lines = ["| text | tokens | perplexity with memory | without | difference in nats (95 %) |", "| --- " * 5 + "|"]
    for row in loss_rows():
        title = text_of_file(row)
        interval = "" if row["low"] is None else f" ({row['low']:+.4f} to {row['high']:+.4f})"
        numbers = f"{row['perplexity_on']:.2f} | {row['perplexity_off']:.2f} | {row['difference']:+.4f}{interval}"
        lines.append(f"| {title} | {row['stop']:,} | {numbers} |")
    return "\n".join(lines)


def parts_table() -> str:
    lines = ["| memory | right |", "| --- | --- |"]
    return "\n".join([*lines, *(f"| {row['arm']} | {row['right']}/{row['n']} |" for row in part_rows())])


def address_table() -> str:
    lines = ["| memory | layer | first tokens | whole values |", "| --- " * 4 + "|"]
    for memory, row in address_rows():
        found = " | ".join(f"{100 * row[what] / row['values']:.0f} %" for what in ("first", "whole"))
        lines.append(f"| {memory} | {row['layer']} | {found} |")
    return "\n".join(lines)
