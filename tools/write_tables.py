"""Write measured tables from docs/benchmarks/results.jsonl: `python tools/write_tables.py`.

README.md has what a pretrained model recalls, in short; docs/recall.md what the demo does; docs/answers.md what is
asked of real documents, docs/state-file.md what was killed at random, docs/concepts.md how many verdicts are wrong,
docs/remembering.md what a pretrained model recalls, docs/training.md what sharing keys and values costs one
and how a Megalodon reads on,
docs/kept.md what keys and values in fewer bits change, docs/packed.md what weights in fewer bits do,
docs/guides/library.md how often the right one of many documents is found, and what disturbed runs leave,
docs/distributed.md how far several ranks are from one process.
"""

from __future__ import annotations

import re
from pathlib import Path

import kv_tables
import library_tables
import megalodon_tables
import memory_tables
import packed_tables
import rank_tables
from sharing_tables import sharing_rows, sharing_table
from tables import ROOT, ResultRow, against, rows

from gemma10m.weights.checkpoint import open_checkpoint

DEMO = ROOT / "gemma10m" / "demo"
PAGES = (
    "README.md",
    "docs/recall.md",
    "docs/answers.md",
    "docs/state-file.md",
    "docs/concepts.md",
    "docs/remembering.md",
    "docs/training.md",
    "docs/kept.md",
    "docs/packed.md",
    "docs/guides/library.md",
    "docs/distributed.md",
)
SETS = {
    "squad-asked": "SQuAD 2.0",
    "hotpotqa-asked": "HotpotQA",
    "hotpotqa-comparisons": "HotpotQA's comparisons",
}
READ_IN = {
    "all.md": "found in nine million tokens",
    "persuasion.txt": "*Persuasion*, found",
    "policy.pdf": "debian-policy (PDF), found",
    "python-library": "Python's library, found",
    **{
        f"{name}-{size}.md": f"found in {words} tokens"
        for name in ("squad", "hotpotqa")
        for size, words in (("32k", "32 thousand"), ("128k", "128 thousand"), ("1m", "a million"))
    },
}
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
OTHER_TEXTS = {"King James": "kjv", "numbered pages": "persuasion-numbered"}  # name: the part of a file name
Place = tuple[str, int, str, float]


def recall_table() -> str:
    """Return every cell of the demo model: a line per task, length and memory, a column per depth; newest rows."""
    cells = _demo_cells()
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
    """Return the targets, each with its measured cells at depth 0, 0.5 and 1."""
    cells = _demo_cells()
    lines = ["| what | tokens | to reach | right, by depth | |", "| --- " * 5 + "|"]
    for what, label, tokens, memory, bar in BARS:
        found = {depth: cells[place] for depth in DEPTHS if (place := (label, tokens, memory, depth)) in cells}
        shown = ", ".join(f"{row['right']}/{row['n']} at {depth:g}" for depth, row in found.items())
        missed = [row for row in found.values() if row["accuracy"] < bar]
        verdict = "not measured" if not found else "missed" if missed else "reached"
        lines.append(f"| {what} | {tokens:,} | {100 * bar:g} % | {shown} | {verdict} |")
    return "\n".join(lines)


def perplexity_table() -> str:
    """Return the newest measurement of the demo model, by position."""
    lines = ["| positions | perplexity with memory | without | difference in nats (95 %) |", "| --- " * 4 + "|"]
    for row in _demo_perplexity():
        interval = "" if row["low"] is None else f" ({row['low']:+.4f} to {row['high']:+.4f})"
        numbers = f"{row['perplexity_on']:.2f} | {row['perplexity_off']:.2f} | {row['difference']:+.4f}{interval}"
        lines.append(f"| {row['start']:,} to {row['stop']:,} | {numbers} |")
    return "\n".join(lines)


def _demo_perplexity() -> list[ResultRow]:
    """Return the newest row of each range of positions: the whole text first, then from its start to its end."""
    model = open_checkpoint(DEMO).fingerprint
    found = {(row["start"], row["stop"]): row for row in rows("perplexity") if _is_demo(row, model)}
    whole = max(stop for _, stop in found)
    return [found[positions] for positions in sorted(found, key=lambda at: (at != (0, whole), at))]


def _demo_cells() -> dict[Place, ResultRow]:
    """Return the newest row of each of the demo model's cells."""
    model = open_checkpoint(DEMO).fingerprint
    found = [row for row in rows("recall") if _is_demo(row, model)]
    return {_place(row): row for row in found}


def _is_demo(row: ResultRow, model: str) -> bool:
    """Tell if a row is the demo's. The cells of docs/kept.md are its own, but for those of heavy memory."""
    is_kept = kv_tables.is_of_the_page(row) and row["memory"] != "heavy"
    return row.get("model_fingerprint") == model and not is_kept


def _place(row: ResultRow) -> Place:
    other = next((f", {name}" for name, file in OTHER_TEXTS.items() if file in row["command"]), "")
    return row["label"] + other, row["tokens"], row["memory"], row["depth"]


def speed_lines() -> str:
    """Return the README's line on speed: the real model, read side by side with two other programs."""
    row, llama = against("small", 16_384)
    speed, peak = f"{row['tokens_per_second']:,.0f} tokens/s", f"{row['read_peak_bytes'] / 1e9:.2f} GB"
    return f"""Gemma 3 270M reads {row["tokens"]:,} tokens of *Persuasion* on two CPU cores at {speed}, in {peak}:
{row["ratio"]:.1f} times as fast as transformers and {llama["ratio"]:.2f} times as llama.cpp in Q4_K_M, side by side."""


def answer_rows() -> list[ResultRow]:
    """Return the newest row of each model and set of questions in each document, a set's shortest document first."""
    parts = ("model", "questions_sha256", "document", "given", "recall", "memory")
    found = {tuple(row[part] for part in parts): row for row in rows("qa")}
    return sorted(found.values(), key=lambda row: (_set_place(row), not row["given"], row["bytes"], row["model"]))


def _set_place(row: ResultRow) -> int:
    """Return a set's place among the published ones, which come before those written by hand."""
    name = Path(row["questions"]).stem
    return list(SETS).index(name) if name in SETS else len(SETS)


def answers_table() -> str:
    heads = (
        "model",
        "questions",
        "n",
        "passages",
        "exact",
        "F1",
        "sources found",
        "false answers",
        "refused",
        "seconds",
    )
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    for row in answer_rows():
        asked = SETS.get(Path(row["questions"]).stem, "written by hand")
        passages = "the right ones, given" if row["given"] else READ_IN[Path(row["document_name"]).name]
        passages = passages if row["recall"] else passages.replace("found in", f"none, the {row['memory']} alone after")
        passages = passages.replace("added", "memory")
        passages += ", beside its memory" if row["recall"] and row["memory"] == "added" else ""
        every, found = row["all"], row["all"]["source_found"]
        shares = (every["exact"], every["f1"], found, row["false_answers"], row["refused"])
        cells = [f"{100 * share:.1f} %" if share is not None else "" for share in shares]
        seconds = f"{row['seconds_per_question']:.1f}"
        lines.append(f"| {row['model']} | {asked} | {every['n']} | {passages} | {' | '.join(cells)} | {seconds} |")
    return "\n".join(lines)


def list_rows() -> list[ResultRow]:
    """Return the newest row of each document that lists are asked about."""
    return list({row["document"]: row for row in rows("lists")}.values())


def lists_table() -> str:
    lines = ["| document | n | recall | precision | listed | seconds |", "| --- " * 6 + "|"]
    for row in list_rows():
        shares = f"{100 * row['recall']:.0f} % | {100 * row['precision']:.0f} % | {row['listed']:.1f}"
        lines.append(f"| {row['document']} | {row['n']} | {shares} | {row['seconds_per_question']:.0f} |")
    return "\n".join(lines)


def timing_rows() -> list[ResultRow]:
    """Return the newest row of each document and model that questions are timed with."""
    return list({(row["document"], row["model"]): row for row in rows("questions")}.values())


def timing_table() -> str:
    heads = ("document", "model", "bytes", "first question", "first word", "answer", "further question", "peak")
    lines = [f"| {' | '.join(heads)} |", "| --- " * len(heads) + "|"]
    times = ("indexing_and_first_answer", "first_word", "answer", "further_question")
    for row in timing_rows():
        shown = " | ".join(f"{row[f'{name}_seconds']:.1f} s" for name in times)
        where = f"| {row['document']} | {row['model']} | {row['bytes']:,}"
        lines.append(f"{where} | {shown} | {row['peak_bytes'] / 1e9:.2f} GB |")
    return "\n".join(lines)


def kills_line() -> str:
    """Return what tools/kill_at_random.py has measured."""
    row = rows("kills")[-1]
    kills, early, damaged = row["kills"], row["before_the_end"], row["damaged"]
    differ, left = row["reruns_that_differ"], row["temporary_files_after_the_rerun"]
    return f"""Measured by `{row["command"]}`, over reading with its index, answering, summarising and training:
{kills} kills, {early} of them before the end; {damaged} damaged files, {differ} reruns that differ from a run that
nobody killed, and {left} temporary files after them."""


def verdict_rows() -> list[ResultRow]:
    """Return the newest row of each seed of tools/check_verdicts.py."""
    return list({row["seed"]: row for row in rows("verdicts")}.values())


def verdicts_line() -> str:
    found = verdict_rows()
    n, certified, missed = (
        sum(row[name] for row in found) for name in ("n", "certified_wrongly", "right_not_verified")
    )
    return f"""Of {n} sentences and table rows with a number, a name, the order or a negation changed, {certified} are
verified; of {n} right answers in the text's own words, or with a pronoun, a number's format or a word's ending
changed, {missed} are not (`tools/check_verdicts.py`)."""


def used_rows() -> list[ResultRow]:
    """Return the rows that the README and the pages in docs show."""
    kept = [*_demo_cells().values(), *_demo_perplexity(), *against("small", 16_384)]
    remembering = [*memory_tables.cell_rows().values(), *memory_tables.loss_rows(), *memory_tables.part_rows()]
    remembering += [row for _, row in memory_tables.address_rows()]
    remembering += [*kv_tables.loss_rows(), *kv_tables.cell_rows(), *kv_tables.budget_rows()]
    asked = [*answer_rows(), *list_rows(), *timing_rows(), *verdict_rows()]
    asked += [*library_tables.recall_rows(), *library_tables.run_rows()]
    megalodon = [*megalodon_tables.loss_rows(), *megalodon_tables.speed_rows()]
    packed = packed_tables.page_rows()
    apart = [rows("kills")[-1], *rank_tables.rank_rows()]
    return [*kept, *asked, *apart, *remembering, *sharing_rows(), *megalodon, *packed]


def filled(text: str) -> str:
    """Return the page with the tables between its marks written anew."""
    made_of = {
        "short": memory_tables.short_table(),
        "all recall": recall_table(),
        "bars": bars_table(),
        "perplexity": perplexity_table(),
        "speed": speed_lines(),
        "answers": answers_table(),
        "lists": lists_table(),
        "timing": timing_table(),
        "library": library_tables.recall_table(),
        "runs": library_tables.runs_table(),
        "ranks": rank_tables.rank_table(),
        "kills": kills_line(),
        "verdicts": verdicts_line(),
        "remembering": memory_tables.remembering_table(),
        "losses": memory_tables.loss_table(),
        "parts": memory_tables.parts_table(),
        "addresses": memory_tables.address_table(),
        "sharing": sharing_table(),
        "megalodon": megalodon_tables.loss_table(),
        "megalodon speed": megalodon_tables.speed_table(),
        "kv losses": kv_tables.loss_table(),
        "budgets": kv_tables.budget_table(),
        "kv cells": kv_tables.cell_table(),
        "packed losses": packed_tables.loss_table(),
        "packed answers": packed_tables.answer_table(),
        "packed cells": packed_tables.cell_table(),
        "packed speed": packed_tables.speed_table(),
    }
    for name, made in made_of.items():
        pattern = rf"(<!-- {name} -->\n).*?(<!-- end {name} -->)"
        text = re.sub(pattern, lambda match, made=made: f"{match[1]}{made}\n{match[2]}", text, flags=re.DOTALL)
    return text


if __name__ == "__main__":
    for page in PAGES:
        path = ROOT / page
        path.write_text(filled(path.read_text(encoding="utf-8")), encoding="utf-8")
