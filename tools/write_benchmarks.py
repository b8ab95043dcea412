"""Write docs/benchmarks.md from docs/benchmarks/results.jsonl: `python tools/write_benchmarks.py`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from retrieval.page import retrieval_table, shown_rows
from tables import ROOT, ResultRow, against, newest, rows

DOCUMENT = ROOT / "docs" / "benchmarks.md"

GPU = "gemma10m bench read --shape gemma-2b --all --results docs/benchmarks/results.jsonl"
CPU = (
    "gemma10m bench read --shape gemma-2b --layers 2 --tokens 16384 --device cpu --against {} "
    "--results docs/benchmarks/results.jsonl"
)
REAL = (
    "gemma10m bench read --model {} --tokens {} --dtype bfloat16 --memory full --device cpu --against {} "
    "--source examples/persuasion.txt --results docs/benchmarks/results.jsonl"
)
SHARING = (
    "gemma10m bench read --shape gemma-4-E2B --tokens 2048 --dtype bfloat16 --device cpu --against {} "
    "--results docs/benchmarks/results.jsonl"
)
PEERS = ("transformers", "llama.cpp")

DOCUMENTS = """apt-get download debian-policy python3.11-doc linux-doc-6.1
for name in debian-policy python3.11-doc linux-doc-6.1; do
    dpkg-deb -x ${name}_*.deb $name
    gemma10m bench documents --source $name --results rows.jsonl
done
gemma10m bench documents --source prose/documents --results rows.jsonl"""


@dataclass(frozen=True)
class Cell:
    what: str
    bar: str
    wanted: dict[str, Any]  # what the row that fills it says
    shown: Callable[[ResultRow], str]
    command: str


def _gpu(kind: str, tokens: int) -> dict[str, Any]:
    return {"kind": kind, "model": "gemma-2b", "tokens": tokens, "layers": 18}


REAL_BARS = {("small", 16_384, "transformers"): "2.5x", ("small", 16_384, "llama.cpp"): "2x"}


def _real(name: str, title: str, tokens: int, peer: str) -> Cell:
    """Return the cell of a real model's read. A peer reads the same GGUF file, llama.cpp as it is."""
    wanted = {"kind": "bench against", "model": name, "tokens": tokens, "peer": peer}
    return Cell(
        f"{title}, real weights, bf16, all layers exact, {tokens:,} tokens of a novel on a CPU, against {peer}",
        REAL_BARS.get((name, tokens, peer), "1x"),
        wanted | {"dtype": "bfloat16", "memory": "full"},
        lambda row: f"{row['ratio']:.2f}x ({row['tokens_per_second']:,.0f} tokens/s)",
        REAL.format(name, tokens, peer),
    )


CELLS = (
    Cell(
        "Gemma-2B, bf16, carry 2048, delta memory, 1M tokens, of the matrix peak of the same run",
        "70 %",
        _gpu("bench read", 1_000_000),
        lambda row: f"{100 * row['utilisation']:.1f} % ({row['tokens_per_second']:,.0f} tokens/s)",
        GPU,
    ),
    Cell(
        "the same, 10M tokens",
        "68 s",
        _gpu("bench read", 10_000_000),
        lambda row: f"{row['seconds']:.0f} s, {100 * row['utilisation']:.1f} %",
        GPU,
    ),
    *(
        Cell(
            f"peak GPU memory at {tokens:,} tokens",
            "8 GiB, the same at both lengths",
            _gpu("bench read", tokens),
            lambda row: f"{row['peak_device_memory_bytes'] / 2**30:.2f} GiB",
            GPU,
        )
        for tokens in (1_000_000, 10_000_000)
    ),
    *(
        Cell(
            f"against transformers' Gemma (sdpa), {tokens:,} tokens, same GPU",
            bar,
            _gpu("bench against", tokens),
            lambda row: f"{row['ratio']:.2f}x",
            GPU,
        )
        for tokens, bar in ((32_768, "1.2x"), (131_072, "3x"))
    ),
    *(
        Cell(
            f"Gemma-2B's shape, 2 layers, bf16, 16,384 tokens on a CPU, against {peer}",
            bar,
            {"kind": "bench against", "model": "gemma-2b", "tokens": 16_384, "layers": 2, "peer": peer},
            lambda row: f"{row['ratio']:.2f}x",
            CPU.format(peer),
        )
        for peer, bar in zip(PEERS, ("2x", "1.2x"), strict=True)
    ),
    *(
        _real(name, title, tokens, peer)
        for name, title in (("small", "Gemma 3 270M"), ("chat", "SmolLM2 135M"))
        for tokens in (2_048, 16_384)
        for peer in PEERS
        if (name, tokens) != ("chat", 16_384)  # twice the context of SmolLM2
    ),
    *(
        Cell(
            f"Gemma 4 E2B's shape, random weights, bf16, 2,048 tokens on a CPU, against {what}",
            bar,
            {"kind": "bench against", "model": "gemma-4-E2B", "tokens": 2_048, "peer": peer},
            lambda row: f"{row['ratio']:.2f}x ({row['tokens_per_second']:,.0f} tokens/s)",
            SHARING.format(peer),
        )
        for peer, what, bar in (
            ("every-layer", "the same weights with every layer run, which leaves the same state", "3x"),
            ("transformers", "transformers, which skips layers, too", "4x"),
        )
    ),
    Cell(
        "the same read of Gemma 3 270M, 16,384 tokens, in a process of its own: loading, peak memory",
        "5 s, 1600 MB",
        {"kind": "bench against", "model": "small", "tokens": 16_384, "dtype": "bfloat16", "memory": "full"},
        lambda row: f"{row['load_seconds']:.1f} s, {row['read_peak_bytes'] / 1e6:.0f} MB",
        REAL.format("small", 16_384, "transformers"),
    ),
    Cell(
        "start-up: to the first progress line, 5 GB checkpoint in the page cache, on a GPU",
        "6 s",
        {"kind": "bench first progress", "model": "gemma-2b", "layers": 18, "device": "cuda"},
        lambda row: f"{row['seconds']:.1f} s",
        "gemma10m bench start --shape gemma-2b --results docs/benchmarks/results.jsonl",
    ),
    Cell(
        "passages of 35.6 MB of Python's library and novels, about 9M tokens: index, peak memory, a query",
        "3 minutes, 500 MB, 100 ms",
        {"kind": "bench index", "source": "python-and-novels"},
        lambda row: (
            f"{row['index_seconds']:.1f} s, {row['peak_memory_bytes'] / 1e6:.0f} MB, "
            f"{1e3 * row['query_seconds']['median']:.0f} ms, {row['index_bytes'] / row['text_bytes']:.2f} of the text"
        ),
        "gemma10m bench index --source FOLDER --results docs/benchmarks/results.jsonl",
    ),
    Cell(
        "King James text with verse numbers, a sentence asked by six of its words: recalled in 1,024 tokens",
        "95 %",
        {"kind": "bench index", "source": "kjv.txt"},
        lambda row: f"{row['found']} of {row['n']}",
        "gemma10m bench index --source prose/documents/kjv.txt --results docs/benchmarks/results.jsonl",
    ),
)


def used_rows() -> list[ResultRow]:
    """Return the rows that docs/benchmarks.md shows."""
    found = rows()
    cells = [row for cell in CELLS if (row := newest(found, cell.wanted))]
    speeds = [
        rows("bench length")[-1],
        rows("bench start")[-1],
        *against("gemma-2b", 16_384),
        *against("small", 16_384),
    ]
    return [*cells, *speeds, *_kernels(found).values(), *_opened(found).values(), *shown_rows(found)]


def _kernels(found: list[ResultRow]) -> dict[tuple[str, str, str], ResultRow]:
    return {(row["kernel"], row["dtype"], row["machine"]): row for row in found if row["kind"] == "bench kernels"}


def _opened(found: list[ResultRow]) -> dict[tuple[str, str], ResultRow]:
    return {(row["source"], row["format"]): row for row in found if row["kind"] == "bench documents"}


def cell_table(found: list[ResultRow]) -> str:
    lines = ["| what | to reach | measured | machine |", "| --- | --- | --- | --- |"]
    for cell in CELLS:
        row = newest(found, cell.wanted)
        empty = "the command below" if cell.command == GPU else f"`{cell.command}`"
        measured = f"{cell.shown(row)} | {row['machine']}" if row else f"not measured: {empty} |"
        lines.append(f"| {cell.what} | {cell.bar} | {measured} |")
    return "\n".join(lines)


def kernel_table(found: list[ResultRow]) -> str:
    kernels = _kernels(found)
    if not kernels:
        return "No kernel has been timed yet: `gemma10m bench kernels --results docs/benchmarks/results.jsonl`."
    lines = ["| kernel | numbers | ms | reference, ms | of a copy's bytes/s | off by | machine |"]
    lines.append("| --- " * 7 + "|")
    for (name, dtype, machine), row in kernels.items():
        times = f"{row['milliseconds']['median']:.3f} | {row['reference_milliseconds']['median']:.3f}"
        lines.append(f"| {name} | {dtype} | {times} | {row['of_copy']:.0%} | {row['off_by']:.1e} | {machine} |")
    return "\n".join(lines)


def document_table(found: list[ResultRow]) -> str:
    opened = _opened(found)
    lines = ["| files | format | read | MB on disk | MB of text | seconds | the slowest | memory, MB | not read |"]
    lines.append("| --- " * 9 + "|")
    for (source, name), row in sorted(opened.items()):
        shown = f"{name}, {row['pages']} pages" if row["pages"] else name
        sizes = f"{row['disk_bytes'] / 1e6:.1f} | {row['text_bytes'] / 1e6:.1f}"
        slowest = f"{row['slowest_file'].rpartition('/')[2]}, {row['slowest_cpu_seconds']:.2f}"
        skipped = ", ".join(f"{count} {why}" for why, count in row["skipped"].items())
        times = f"{row['cpu_seconds']:.2f} | {slowest} | {row['peak_memory_bytes'] / 1e6:.0f}"
        read = f"{row['read']:,} of {row['files']:,}"
        lines.append(f"| {source} | {shown} | {read} | {sizes} | {times} | {skipped} |")
    return "\n".join(lines)


def speed_lines() -> str:
    """Return the measured speeds in four sentences."""
    length, start = (rows(f"bench {name}")[-1] for name in ("length", "start"))
    layers, llama = against("gemma-2b", 16_384)
    real, real_llama = against("small", 16_384)
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


def document() -> str:
    found = rows()
    return f"""# Benchmarks

Written by `tools/write_benchmarks.py` from `docs/benchmarks/results.jsonl`, whose rows say command, machine, driver,
commit and versions; rows that no table uses any more are in `history.jsonl`. A utilisation compares the products that
reading needs (`bench/flops.py`) with the fastest product timed in the same run. Results are compared with the reference
before they are timed.

## In short

{speed_lines()}

## Targets

{cell_table(found)}

One command measures every cell that needs a GPU, in about five minutes on an H200:

```
{GPU}
```

## Kernels

{kernel_table(found)}

## Documents

Every file of three Debian packages and a Bible was opened one by one; the last column says what was not read, and
why.
Seconds are processor time, so other work on the machine does not count. Memory is the peak of the process and of the
one that reads PDFs. To repeat it:

```
{DOCUMENTS}
```

{document_table(found)}

## Passages

The percentage of held-out questions of SQuAD 2.0 and HotpotQA whose source sentences are all in the first 4, or 8,
passages found in nine million tokens; milliseconds of processor time for one question, where measured, and seconds
of it for the index. `python tools/fetch_questions.py FOLDER` writes the questions;
`python tools/compare_retrieval.py FOLDER` repeats it, with `--ends` for the first and the last row alone.

{retrieval_table(found)}
"""


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
