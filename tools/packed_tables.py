"""Make the tables of docs/packed.md: what weights in 8 and 4 bits change, and how fast they write."""

from __future__ import annotations

from tables import ResultRow, packed_rows, rows

MODELS = {"demo": "the demo", "small": "Gemma 3 270M", "large": "Qwen2.5 Coder 1.5B"}
FORMATS = ("bfloat16", "int8", "int4")
BARS = {"int8": 0.5, "int4": 5.0}  # percent of perplexity
SPEED_BARS = {
    ("small", "transformers", "bfloat16"): "1.6x",
    ("small", "llama.cpp", "int8"): "0.9x",
    ("large", "llama.cpp", "int4"): "0.9x",
}


def loss_rows() -> list[ResultRow]:
    """Return the newest row of each model and format, over all positions."""
    found = [row for row in packed_rows("perplexity") if (row["start"], row["stop"]) == (0, row["tokens"])]
    return list({(row["model"], row["dtype"]): row for row in found}.values())


def cell_rows() -> list[ResultRow]:
    """Return the newest row of each cell and format."""
    found = packed_rows("recall")
    return list({(row["model"], row["tokens"], row["depth"], row["dtype"]): row for row in found}.values())


def answer_rows() -> list[ResultRow]:
    """Return the newest row of each model and format with SQuAD's right passages."""
    return list({(row["model"], row["dtype"]): row for row in packed_rows("qa")}.values())


def speed_rows() -> list[ResultRow]:
    """Return the newest comparison of each model, format and program."""
    found = {(row["model"], row["peer"], row["dtype"]): row for row in rows("bench answer against")}
    return [found[place] for place in sorted(found, key=lambda at: (list(MODELS).index(at[0]), *at[1:]))]


def loss_table() -> str:
    lines = [f"| model | tokens | {' | '.join(FORMATS)} |", "| --- " * (2 + len(FORMATS)) + "|"]
    found = {(row["model"], row["dtype"]): row for row in loss_rows()}
    for model, title in MODELS.items():
        wide = found.get((model, "bfloat16"))
        if wide is None:
            continue
        cells = [_loss(found.get((model, name)), wide["perplexity_on"], BARS.get(name)) for name in FORMATS]
        lines.append(f"| {title} | {wide['tokens']:,} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _loss(row: ResultRow | None, wide: float, bar: float | None) -> str:
    if row is None:
        return ""
    found = f"{row['perplexity_on']:.3f}"
    if bar is None:
        return found
    change = 100 * (row["perplexity_on"] / wide - 1)
    return f"{found} ({change:+.2f} %, {'within' if change <= bar else 'not within'} {bar:g} %)"


def cell_table() -> str:
    lines = [f"| model | tokens | depth | {' | '.join(FORMATS)} |", "| --- " * (3 + len(FORMATS)) + "|"]
    found = {(row["model"], row["tokens"], row["depth"], row["dtype"]): row for row in cell_rows()}
    for model, tokens, depth in sorted({place[:3] for place in found}):
        cells = [found.get((model, tokens, depth, name)) for name in FORMATS]
        shown = " | ".join(f"{row['right']}/{row['n']}" if row else "" for row in cells)
        lines.append(f"| {MODELS[model]} | {tokens:,} | {depth:g} | {shown} |")
    return "\n".join(lines)


def answer_table() -> str:
    lines = [f"| model | questions | {' | '.join(FORMATS)} |", "| --- " * (2 + len(FORMATS)) + "|"]
    found = {(row["model"], row["dtype"]): row["all"] for row in answer_rows()}
    for model in dict.fromkeys(place[0] for place in found):
        cells = [found.get((model, name)) for name in FORMATS]
        shown = " | ".join(f"{100 * each['exact']:.1f} / {100 * each['f1']:.1f}" if each else "" for each in cells)
        lines.append(f"| {MODELS[model]} | {max(each['n'] for each in cells if each)} | {shown} |")
    return "\n".join(lines)


def speed_table() -> str:
    heads = ("model", "ours", "beside", "tokens/s", "theirs", "ratio", "to reach", "first token", "theirs", "machine")
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for row in speed_rows():
        bar = SPEED_BARS.get((row["model"], row["peer"], row["dtype"]), "")
        rates = f"{row['tokens_per_second']:.1f} | {row['peer_tokens_per_second']:.1f} | {row['ratio']:.2f}x | {bar}"
        firsts = f"{row['first_token_seconds']:.2f} s | {row['peer_first_token_seconds']:.2f} s"
        where = f"{MODELS[row['model']]} | {row['dtype']} | {row['peer']}"
        lines.append(f"| {where} | {rates} | {firsts} | {row['machine']} |")
    return "\n".join(lines)


def page_rows() -> list[ResultRow]:
    return [*loss_rows(), *cell_rows(), *answer_rows(), *speed_rows()]
