"""Write cells as rows, and rows as a table: a line per task and length, a column per depth, controls below."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from types import UnionType

from gemma10m.errors import UsageError
from gemma10m.evaluation.cell import GROUP, Cell, design_effect, wilson
from gemma10m.evaluation.journal import BatchResult, ResultRow
from gemma10m.evaluation.task import PERPLEXITY
from gemma10m.models.decoder import Decoder
from gemma10m.tokens import Tokenizer

Kinds = dict[str, type | UnionType]

HEADINGS = ("task", "tokens", "memory", "chance")
BUCKET_HEADINGS = ("positions", "perplexity with memory", "without", "difference in nats")
# What a row that is shown must have.
CELL: Kinds = {"label": str, "right": int, "n": int, "low": float, "high": float, "chance": float}
BUCKET: Kinds = {name: int for name in ("start", "stop", "n")}
BUCKET |= {name: float for name in ("perplexity_on", "perplexity_off", "difference")}
BUCKET |= {name: float | None for name in ("low", "high")}


def model_key(model: Decoder, tokenizer: Tokenizer) -> ResultRow:
    """Return what a model's answers depend on: weights, and how they are read."""
    reading = model.reading
    return {
        "model_fingerprint": model.fingerprint,
        "tokenizer_fingerprint": tokenizer.fingerprint,
        "dtype": model.number_format,
        "memory": reading.memory,
        "segment": reading.segment,
        "carry": reading.carry,
        "sinks": reading.sinks,
        **({"kv": reading.kv} if reading.kv != "float" else {}),  # rows written before there was a choice stay valid
    }


def cell_key(cell: Cell, text_sha256: str | None) -> ResultRow:
    task = cell.task
    return {
        "task": task.name,
        "form": task.form,
        "facts": task.facts,
        "values": task.values,
        "unseen": task.unseen,
        "tokens": cell.tokens,
        "depth": cell.depth,
        "n": cell.n,
        "seed": cell.seed,
        "text_sha256": text_sha256 if task.needs_prose else None,
    }


def cell_row(cell: Cell, batches: Sequence[BatchResult]) -> ResultRow:
    """Return the measured part of a row; `read` in tokens that went through the model, over all documents."""
    documents = [right for batch in sorted(batches, key=lambda batch: batch.first) for right in batch.right]
    right, effect = sum(documents), design_effect(documents)
    low, high = wilson(right / effect, cell.n / effect)
    read, seconds = sum(batch.read for batch in batches), sum(batch.seconds for batch in batches)
    return {
        "label": cell.task.label,
        "right": right,
        "accuracy": right / cell.n,
        "low": low,
        "high": high,
        "texts": -(-cell.n // GROUP),
        "effect": effect,
        "chance": cell.chance(),
        "read": read,
        "seconds": seconds,
        "tokens_per_second": read / seconds if seconds > 0 else None,
        "peak_memory_bytes": max(batch.peak_memory_bytes for batch in batches),
        "state_bytes": max(batch.state_bytes for batch in batches),
    }


def checked(row: ResultRow) -> ResultRow:
    """Check a row from a file. Raises UsageError for a row that this command does not write."""
    numbers = BUCKET if row["task"] == PERPLEXITY else CELL
    well_formed = all(isinstance(row.get(name), kind) for name, kind in numbers.items())
    if not well_formed or not 0 <= row.get("right", 0) <= row["n"]:
        raise UsageError(
            f"a row of {row['task']} at {row['tokens']:,} tokens in the results is not as it was written",
            hint="remove that row, or give --results another name",
        )
    return row


def table_lines(rows: Iterable[ResultRow]) -> Iterator[str]:
    """Yield aligned columns. Rows of one task and length are neighbours."""
    rows = list(rows)
    depths = sorted({row["depth"] for row in rows})
    table = [[*HEADINGS, *(f"depth {depth:g}" for depth in depths)]]
    for (label, tokens), mine in groupby(rows, key=lambda row: (row["label"], row["tokens"])):
        found = list(mine)
        for memory in dict.fromkeys(row["memory"] for row in found):
            scores = {row["depth"]: row for row in found if row["memory"] == memory}
            first = [label, f"{tokens:,}"] if memory == found[0]["memory"] else ["", ""]
            shown = [_score(scores[depth]) if depth in scores else "" for depth in depths]
            table.append([*first, memory, f"{found[0]['chance']:.2g}", *shown])
    yield from aligned(table)


def _score(row: ResultRow) -> str:
    """Format a score with its 95 % interval in percent."""
    return f"{row['right']}/{row['n']} ({100 * row['low']:.0f}-{100 * row['high']:.0f} %)"


def perplexity_lines(rows: Iterable[ResultRow]) -> Iterator[str]:
    """Return a line per bucket of positions; the last is all of them."""
    table = [list(BUCKET_HEADINGS)]
    for row in rows:
        interval = "" if row["low"] is None else f" ({row['low']:+.4f} to {row['high']:+.4f})"
        perplexities = f"{row['perplexity_on']:.3f}", f"{row['perplexity_off']:.3f}"
        table.append([f"{row['start']:,} to {row['stop']:,}", *perplexities, f"{row['difference']:+.4f}{interval}"])
    yield from aligned(table)


def aligned(table: list[list[str]]) -> Iterator[str]:
    """Align the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for first, *others in table:
        cells = [text.rjust(width) for text, width in zip(others, widths[1:], strict=True)]
        yield "  ".join([first.ljust(widths[0]), *cells]).rstrip()
