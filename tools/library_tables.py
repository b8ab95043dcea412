"""Make the tables of docs/guides/library.md: which documents are found, and what disturbed runs leave."""

from __future__ import annotations

from tables import ResultRow, rows


def recall_rows() -> list[ResultRow]:
    """Return the newest row of each number of pages and set of questions."""
    found = {(row["pages"], row["set"]): row for row in rows("library")}
    return [found[place] for place in sorted(found)]


def run_rows() -> list[ResultRow]:
    """Return the newest run of each kind of workers, disturbed by kills and by a full disk."""
    found = {("kills" not in row, row["by"]): row for row in rows("many")}
    return [found[place] for place in sorted(found)]


def recall_table() -> str:
    heads = ("pages", "MB of text", "questions", "n", "right page first", "in the first three", "a search", "indexing")
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for row in recall_rows():
        size = f"{row['pages']:,} | {row['text_bytes'] / 1e6:.1f} | {row['set']} | {row['questions']}"
        times = f"{1e3 * row['seconds_a_search']:.0f} ms | {row['seconds_to_index']:.0f} s"
        lines.append(f"| {size} | {row['first']} | {row['first_3']} | {times} |")
    return "\n".join(lines)


def runs_table() -> str:
    heads = ("workers", "documents", "disturbed by", "read", "states that differ", "ended twice", "lost", "files left")
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for row in run_rows():
        cells = _full(row) if "disk_bytes" in row else _kills(row)
        lines.append(f"| {row['by']} | {row['documents']} | {cells} | {row['temporary_files']} |")
    return "\n".join(lines)


def _kills(row: ResultRow) -> str:
    what = f"{row['kills']} kills of a worker, one in {row['seconds_between_kills']:g} s"
    return f"{what} | {row['states']} | {row['states_that_differ']} | {row['ended_twice']} | {row['never_ended']}"


def _full(row: ResultRow) -> str:
    what = f"a disk of {row['disk_bytes'] / 1e6:.1f} MB, {row['named_as_failed']} named as failed"
    differ = row["damaged_states"] + row["states_that_differ_with_room"]
    return f"{what}, then room | {row['read']} | {differ} | |"
