"""Write docs/benchmarks.md from docs/benchmarks/results.jsonl: `python tools/write_benchmarks.py`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "benchmarks" / "results.jsonl"
DOCUMENT = ROOT / "docs" / "benchmarks.md"
ResultRow = dict[str, Any]

GPU = "gemma10m bench read --shape gemma-2b --all --results docs/benchmarks/results.jsonl"
CPU = (
    "gemma10m bench read --shape gemma-2b --layers 2 --tokens 16384 --device cpu --against {} "
    "--results docs/benchmarks/results.jsonl"
)
REAL = (
    "gemma10m bench read --model {} --tokens {} --dtype bfloat16 --memory full --device cpu --against {} "
    "--source examples/persuasion.txt --results docs/benchmarks/results.jsonl"
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


def rows() -> list[ResultRow]:
    return [json.loads(line) for line in RESULTS.read_text(encoding="utf-8").splitlines()]


def newest(found: list[ResultRow], wanted: dict[str, Any]) -> ResultRow | None:
    fitting = [row for row in found if all(row.get(name) == value for name, value in wanted.items())]
    return fitting[-1] if fitting else None


def cell_table(found: list[ResultRow]) -> str:
    lines = ["| what | to reach | measured | machine |", "| --- | --- | --- | --- |"]
    for cell in CELLS:
        row = newest(found, cell.wanted)
        empty = "the command below" if cell.command == GPU else f"`{cell.command}`"
        measured = f"{cell.shown(row)} | {row['machine']}" if row else f"not measured: {empty} |"
        lines.append(f"| {cell.what} | {cell.bar} | {measured} |")
    return "\n".join(lines)


def kernel_table(found: list[ResultRow]) -> str:
    kernels: dict[tuple[str, str, str], ResultRow] = {}
    for row in found:
        if row["kind"] == "bench kernels":
            kernels[row["kernel"], row["dtype"], row["machine"]] = row
    if not kernels:
        return "No kernel has been timed yet: `gemma10m bench kernels --results docs/benchmarks/results.jsonl`."
    lines = ["| kernel | numbers | ms | reference, ms | of a copy's bytes/s | off by | machine |"]
    lines.append("| --- " * 7 + "|")
    for (name, dtype, machine), row in kernels.items():
        times = f"{row['milliseconds']['median']:.3f} | {row['reference_milliseconds']['median']:.3f}"
        lines.append(f"| {name} | {dtype} | {times} | {row['of_copy']:.0%} | {row['off_by']:.1e} | {machine} |")
    return "\n".join(lines)


def document_table(found: list[ResultRow]) -> str:
    opened: dict[tuple[str, str], ResultRow] = {}
    for row in found:
        if row["kind"] == "bench documents":
            opened[row["source"], row["format"]] = row
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


def document() -> str:
    found = rows()
    return f"""# Benchmarks

Written by `tools/write_benchmarks.py` from `docs/benchmarks/results.jsonl`, whose rows say command, machine, driver,
commit and versions. A utilisation counts the products that reading needs (`bench/flops.py`) against the fastest product
timed in the same run. What is timed is compared with its reference first.

## What is to be reached

{cell_table(found)}

One command fills what a GPU fills, in about five minutes of an H200's time:

```
{GPU}
```

## Kernels

{kernel_table(found)}

## Documents

Every file of three Debian packages and a Bible, opened one by one, and the reasons for what is not read. Seconds are of
computing: what else ran on the machine does not count. Memory is the process's, with that of the one that reads PDFs.
To repeat it:

```
{DOCUMENTS}
```

{document_table(found)}
"""


if __name__ == "__main__":
    DOCUMENT.write_text(document(), encoding="utf-8")
