"""`bench`: measurements as rows."""

from __future__ import annotations

from pathlib import Path

from gemma10m.bench.rows import append_row
from gemma10m.commands.models import ModelOptions, load_reader
from gemma10m.errors import UsageError
from gemma10m.terminal import Terminal
from gemma10m.weights.loading import resolve_device

BENCHES = ("length", "layers", "read", "start")


def bench(
    terminal: Terminal, name: str, options: ModelOptions, state: Path | None, results: Path, command: str, tokens: int
) -> None:
    if name == "length":
        from gemma10m.bench.length import measure_length

        row = measure_length(load_reader(terminal, options).model, short=32_000, repeats=5)
    elif name == "layers":
        from gemma10m.bench.layers import measure_against_transformers

        row = measure_against_transformers(2, 16_384, options.memory or "delta", repeats=3)
    elif name == "read":
        from gemma10m.bench.shape import measure_shape

        row = measure_shape(resolve_device(options.device), tokens)
    elif name == "start":
        from gemma10m.bench.start import measure_start

        if state is None:
            raise UsageError("bench start needs a saved state", hint="gemma10m read book.txt -m demo -o book.state")
        row = measure_start(state, "What is the special magic number for amber-lantern?", options.model or "demo", 5)
    else:
        raise UsageError(f"there is no bench {name!r}", hint=f"known: {', '.join(BENCHES)}")
    append_row(results, f"bench {name}", command, row)
    terminal.table(f"bench {name}", [(key, str(value)) for key, value in row.items()])
    if terminal.json:
        terminal.json_line(row)
