"""`eval`: how often a planted fact is answered, by length and depth, with the control that has no memory."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from gemma10m.bench.rows import append_row
from gemma10m.commands.models import ModelOptions, load_reader
from gemma10m.evaluation.recall import Cell, measure
from gemma10m.reading.stretch import peak_memory
from gemma10m.terminal import Terminal
from gemma10m.training.planted import Planter, Prose


@dataclass(frozen=True)
class EvalOptions:
    text: Path
    segments: tuple[int, ...]
    depths: tuple[float, ...]
    facts: int
    n: int
    seed: int
    results: Path | None


def evaluate(terminal: Terminal, options: ModelOptions, wanted: EvalOptions, command: str) -> None:
    reader = load_reader(terminal, options)
    prose = Prose.of(reader.tokenizer, wanted.text.read_text(encoding="utf-8"))
    planter = Planter(reader.tokenizer, [prose])
    for segments in wanted.segments:
        for depth in wanted.depths:
            started = time.monotonic()
            cell = measure(
                reader.model,
                planter,
                segments=segments,
                depth=depth,
                facts=wanted.facts,
                n=wanted.n,
                seed=wanted.seed,
                rows=wanted.n,
            )
            seconds = time.monotonic() - started
            row = {**_row(cell), "model": reader.model.name, "memory": reader.model.reading.memory, "seconds": seconds}
            row |= {"carry": reader.model.reading.carry, "text": wanted.text.name, "peak_memory_bytes": peak_memory()}
            terminal.line(_line(cell, seconds))
            if terminal.json:
                terminal.json_line(row)
            if wanted.results:
                append_row(wanted.results, "recall", command, row)


def _row(cell: Cell) -> dict[str, object]:
    low, high = cell.interval()
    return {
        "tokens": cell.tokens,
        "segments": cell.segments,
        "depth": cell.depth,
        "facts": cell.facts,
        "n": cell.n,
        "right": cell.right,
        "accuracy": cell.accuracy,
        "low": low,
        "high": high,
    }


def _line(cell: Cell, seconds: float) -> str:
    low, high = cell.interval()
    return (
        f"{cell.tokens:>10,} tokens  depth {cell.depth:4.2f}  {cell.right}/{cell.n} right "
        f"(95 % interval {low:.3f} to {high:.3f})  {seconds:.1f} s"
    )
