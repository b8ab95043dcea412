"""Make the tables of docs/kept.md: what quantised keys and values change, and what is recalled with them."""

from __future__ import annotations

from tables import ResultRow, rows

BARS = {"int8": 0.1, "int4": 1.0}  # percent of perplexity
MODELS = {"small": "Gemma 3 270M", "demo": "the demo"}


def is_of_formats(row: ResultRow) -> bool:
    """Tell if a row belongs to the page: it says a format, or its command does."""
    return "kv" in row or "--kv " in row["command"]


def is_of_the_page(row: ResultRow) -> bool:
    """Tell if a row is of a format, of heavy memory, or of its control."""
    return is_of_formats(row) or "--memory heavy" in row["command"]


def loss_rows() -> list[ResultRow]:
    """Return the newest row of each model, dtype, format and range of positions."""
    found = [row for row in rows("perplexity") if is_of_formats(row)]
    places = ("model", "dtype", "memory", "tokens", "start", "stop", "kv")
    return list({tuple(row.get(name) for name in places): row for row in found}.values())


def budget_rows() -> list[ResultRow]:
    """Return the newest row over a whole text of heavy memory with each carry, and of full memory in that text."""
    read = [row for row in rows("perplexity") if row["model"] == "small" and not is_of_formats(row)]
    whole = [row for row in read if (row["start"], row["stop"]) == (0, row["tokens"])]
    heavy = {row["carry"]: row for row in whole if row["memory"] == "heavy"}
    texts = {_text(row) for row in heavy.values()}
    full = {_text(row): row for row in whole if row["memory"] == "full" and _text(row) in texts}
    return [*(heavy[carry] for carry in sorted(heavy)), *full.values()]


def _text(row: ResultRow) -> tuple[object, ...]:
    return row["text_sha256"], row["tokens"], row["dtype"]


def cell_rows() -> list[ResultRow]:
    """Return the newest row of each cell and format, and those of heavy memory with its control."""
    found = [row for row in rows("recall") if is_of_the_page(row)]
    places = ("model", "label", "memory", "tokens", "depth", "kv")
    return list({tuple(row.get(name) for name in places): row for row in found}.values())


def loss_table() -> str:
    found = sorted(loss_rows(), key=lambda row: (row["model"], row["tokens"], row["start"], row["stop"] - row["start"]))
    exact = {_place(row): row for row in found if "kv" not in row}
    lines = ["| model | positions | float | int8 | int4 |", "| --- " * 5 + "|"]
    for place, row in exact.items():
        others = [newest for kv in BARS for newest in found if (_place(newest), newest.get("kv")) == (place, kv)]
        model = f"{MODELS[row['model']]}, {row['memory']}, {row['dtype']}"
        cells = [f"{row['perplexity_on']:.3f}", *(_change(other, row) for other in others)]
        lines.append(f"| {model} | {row['start']:,} to {row['stop']:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _place(row: ResultRow) -> tuple[object, ...]:
    return tuple(row[name] for name in ("model", "dtype", "memory", "tokens", "start", "stop"))


def _change(row: ResultRow, exact: ResultRow) -> str:
    change = 100 * (row["perplexity_on"] / exact["perplexity_on"] - 1)
    verdict = "within" if abs(change) <= BARS[row["kv"]] else "not within"
    return f"{row['perplexity_on']:.3f} ({change:+.3f} %, {verdict} {BARS[row['kv']]:g} %)"


def budget_table() -> str:
    """Return perplexities by the tokens that are kept: heavy memory keeps a carry twice, its control once."""
    found = budget_rows()
    heavy = {2 * row["carry"]: row["perplexity_on"] for row in found if row["memory"] == "heavy"}
    window = {row["carry"]: row["perplexity_off"] for row in found if row["memory"] == "heavy"}
    lines = ["| tokens kept | the newest | half of them the most attended |", "| --- " * 3 + "|"]
    for kept in sorted({*heavy, *window}):
        shown = (f"{losses[kept]:.3f}" if kept in losses else "" for losses in (window, heavy))
        lines.append(f"| {kept:,} | {' | '.join(shown)} |")
    full = (row["perplexity_on"] for row in found if row["memory"] == "full")
    return "\n".join([*lines, *(f"| all | {loss:.3f} | |" for loss in full)])


def cell_table() -> str:
    lines = ["| asked for | tokens | memory | keys and values | right | bytes of the state |", "| --- " * 6 + "|"]
    for row in sorted(cell_rows(), key=lambda row: (row["label"], row["tokens"])):
        asked = f"| {row['label']} | {row['tokens']:,} | {row['memory']} | {row.get('kv', 'float')}"
        lines.append(f"{asked} | {row['right']}/{row['n']} | {row['state_bytes']:,} |")
    return "\n".join(lines)
