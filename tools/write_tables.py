"""Write measured tables from docs/benchmarks/results.jsonl: `python tools/write_tables.py`.

README.md has the cells of long documents, docs/recall.md all of them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from gemma10m.weights.checkpoint import open_checkpoint

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "gemma10m" / "demo"
RESULTS = ROOT / "docs" / "benchmarks" / "results.jsonl"
PAGES = ("README.md", "docs/recall.md")
LONG = 32_768  # tokens
DEPTHS = (0.0, 0.5, 1.0)
FOUR = "needle multi-key, 4 facts"
BARS = (  # what, label, tokens, memory, share
    *(("passkey", "passkey", tokens, "gated", 1.0) for tokens in (32_768, 131_072, 524_288, 1_048_576)),
    ("one fact", "needle single", 1_048_576, "gated", 0.95),
    ("four names with numbers, one asked", FOUR, 131_072, "gated", 0.9),
    ("four names with words, one asked", f"{FOUR}, word", 131_072, "gated", 0.9),
    ("a fact changed later", "needle update", 131_072, "gated", 0.9),
    ("babi1", "babi1, 8 facts", 131_072, "gated", 0.9),
    ("one fact, passages alone", "needle single", 1_048_576, "window + passages", 0.99),
    ("four names with numbers, passages alone", FOUR, 1_048_576, "window + passages", 0.97),
    ("an answer that is not there, passages alone", "needle absent", 131_072, "window + passages", 0.95),
    ("stretch: passkey", "passkey", 10_485_760, "gated", 1.0),
    ("stretch: one fact", "needle single", 10_485_760, "gated", 0.99),
    ("stretch: four names with numbers", FOUR, 1_048_576, "gated", 0.9),
    ("stretch: sixteen names with numbers", "needle multi-key, 16 facts", 131_072, "gated", 0.9),
    ("stretch: a fact changed later", "needle update", 1_048_576, "gated", 0.9),
    ("stretch: babi1", "babi1, 8 facts", 10_485_760, "gated", 0.89),
)
ResultRow = dict[str, Any]
Place = tuple[str, int, str, float]


def rows(kind: str) -> list[ResultRow]:
    found = [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]
    return [row for row in found if row["kind"] == kind]


def recall_table(shortest: int) -> str:
    """Every cell of the demo model: a line a task, length and memory, a column a depth; the newest row counts."""
    cells = _demo_cells(shortest)
    depths = sorted({place[-1] for place in cells})
    lines = ["| task | tokens | memory | " + " | ".join(f"depth {depth:g}" for depth in depths) + " | chance |"]
    lines.append("| --- " * (len(depths) + 4) + "|")
    for place in sorted({place[:-1] for place in cells}):
        line = [cells.get((*place, depth)) for depth in depths]
        shown = " | ".join(f"{row['right']}/{row['n']}" if row else "" for row in line)
        chance = next(row["chance"] for row in line if row)
        label, tokens, memory = place
        lines.append(f"| {label} | {tokens:,} | {memory} | {shown} | {chance:.2g} |")
    return "\n".join(lines)


def bars_table() -> str:
    """What is to be reached, and every cell of it at depth 0, 0.5 and 1 that was measured."""
    cells = _demo_cells(0)
    lines = ["| what | tokens | to reach | right, by depth | |", "| --- " * 5 + "|"]
    for what, label, tokens, memory, bar in BARS:
        found = {depth: cells[place] for depth in DEPTHS if (place := (label, tokens, memory, depth)) in cells}
        shown = ", ".join(f"{row['right']}/{row['n']} at {depth:g}" for depth, row in found.items())
        missed = [row for row in found.values() if row["accuracy"] < bar]
        verdict = "not measured" if not found else "missed" if missed else "reached"
        lines.append(f"| {what} | {tokens:,} | {100 * bar:g} % | {shown} | {verdict} |")
    return "\n".join(lines)


def perplexity_table() -> str:
    """The newest measurement of the demo model, by position."""
    model = open_checkpoint(DEMO).fingerprint
    found = [row for row in rows("perplexity") if row["model_fingerprint"] == model]
    lines = ["| positions | perplexity with memory | without | difference in nats (95 %) |", "| --- " * 4 + "|"]
    for row in {(row["start"], row["stop"]): row for row in found}.values():
        interval = "" if row["low"] is None else f" ({row['low']:+.4f} to {row['high']:+.4f})"
        numbers = f"{row['perplexity_on']:.2f} | {row['perplexity_off']:.2f} | {row['difference']:+.4f}{interval}"
        lines.append(f"| {row['start']:,} to {row['stop']:,} | {numbers} |")
    return "\n".join(lines)


def _demo_cells(shortest: int) -> dict[Place, ResultRow]:
    """The newest row of each of the demo model's cells."""
    model = open_checkpoint(DEMO).fingerprint
    found = [row for row in rows("recall") if row.get("model_fingerprint") == model and row["tokens"] >= shortest]
    return {_place(row): row for row in found}


def _place(row: ResultRow) -> Place:
    other_text = ", King James" if "kjv" in row["command"] else ""
    return row["label"] + other_text, row["tokens"], row["memory"], row["depth"]


def speed_lines() -> str:
    length, start = (rows(f"bench {name}")[-1] for name in ("length", "start"))
    layers, llama = _against("gemma-2b", 16_384)
    real, real_llama = _against("small", 16_384)
    short, long = length["tokens"]
    growth, seconds, model = length["peak_growth_bytes"] / 1e6, start["seconds"], layers["memory"]
    return f"""* Gemma 3 270M, its real weights in bfloat16, all layers exact, reads {real["tokens"]:,} tokens of
  *Persuasion* on two cores at {real["tokens_per_second"]:,.0f} tokens/s: {real["ratio"]:.1f} times transformers and
  {real_llama["ratio"]:.2f} times llama.cpp in Q4_K_M, each side by side in one run; it loads in
  {real["load_seconds"]:.1f} s and takes {real["read_peak_bytes"] / 1e9:.2f} GB.
* The demo model reads {long:,} tokens at {length["ratio"]:.2f} times the tokens/s of {short:,}; its peak
  memory grows by {growth:.1f} MB.
* Two layers of Gemma-2B's shape in bfloat16 ({model} memory, carry 2048) read {layers["tokens"]:,} tokens at
  {layers["ratio"]:.2f} times the tokens/s of transformers' Gemma and {llama["ratio"]:.1f} times those
  of llama.cpp in BF16, each side by side in one run.
  Much of that is the last layer, which stops at its keys and values where no logits are wanted: nearly half of two
  layers, 5.5 % of the whole model's eighteen.
* `ask` on the saved state of {start["tokens"]:,} tokens with the demo model: the first byte of the answer
  {seconds:.1f} s after the process starts; with passages recalled and the whole answer checked
  {start["recalled_seconds"]:.1f} s."""


def _against(model: str, tokens: int) -> tuple[ResultRow, ResultRow]:
    """The last rows of a model beside transformers and beside llama.cpp."""
    found = [row for row in rows("bench against") if (row.get("model"), row["tokens"]) == (model, tokens)]
    peers = {row.get("peer"): row for row in found}
    return peers["transformers"], peers["llama.cpp"]


def filled(text: str) -> str:
    made_of = {
        "recall": recall_table(LONG),
        "all recall": recall_table(0),
        "bars": bars_table(),
        "perplexity": perplexity_table(),
        "speed": speed_lines(),
    }
    for name, made in made_of.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end {name} -->)"
        text = re.sub(pattern, lambda match, made=made: f"{match[1]}{made}\n{match[2]}", text, flags=re.DOTALL)
    return text


if __name__ == "__main__":
    for page in PAGES:
        path = ROOT / page
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
