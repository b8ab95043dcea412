"""Say what each part of an added memory is worth: `python tools/knock_out_memory.py ADAPTER BOOK [--results FILE]`.

Ask for planted numbers with the whole memory, with parts set back to what they were before training, and with some
layers' memory alone. Nothing is trained again, so this says what a trained memory rests on, not what could be done
without a part.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import torch
from memory_reader import reader_with_memory
from torch import Tensor

from gemma10m.adapters.added_memory import PART
from gemma10m.bench.rows import append_rows
from gemma10m.evaluation.cell import GROUP, Cell
from gemma10m.evaluation.needles import answer, read_side_by_side
from gemma10m.evaluation.task import Task
from gemma10m.models.decoder import Decoder
from gemma10m.tasks.haystack import Prose
from gemma10m.tasks.writer import Writer
from gemma10m.terminal import Terminal
from gemma10m.tokens import Tokenizer

PARTS = ("query", "key", "value", "output", "context")  # low-rank ones
SEED = 5


def layer_of(name: str) -> str:
    return name.split(".")[2]


def arms(tensors: dict[str, Tensor]) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield the name of each arm, and the tensors that it changes."""
    layers = sorted({layer_of(name) for name in tensors}, key=int)
    gates = {layer: [name for name in tensors if layer_of(name) == layer and ".read_gate." in name] for layer in layers}
    zeroed = {name: torch.zeros_like(tensor) for name, tensor in tensors.items()}
    yield "whole", {}
    for layer in layers:
        yield f"without layer {layer}", {name: zeroed[name] for name in gates[layer]}
        yield (
            f"layer {layer} alone",
            {name: zeroed[name] for other in layers if other != layer for name in gates[other]},
        )
    for part in PARTS:
        yield (
            f"without low-rank {part}",
            {name: zeroed[name] for name in tensors if name.endswith(f".{part}.up.weight")},
        )
    for which in ("query_map", "key_map"):
        names = [name for name in tensors if name.endswith(which)]
        yield (
            f"{which} the identity",
            {name: torch.eye(len(tensors[name]), device=tensors[name].device) for name in names},
        )


def right(model: Decoder, tokenizer: Tokenizer, prose: Prose, cell: Cell) -> int:
    writer, count = Writer(tokenizer, [prose]), 0
    for first in range(0, cell.n, GROUP):
        scripts = cell.scripts(writer, model.reading.segment, list(range(first, min(first + GROUP, cell.n))))
        count += sum(answer(model, scripts, lambda chunk: None, read_side_by_side).right)
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("adapter", type=Path)
    parser.add_argument("book", type=Path)
    parser.add_argument("-m", "--model", default="small")
    parser.add_argument("--length", type=int, default=2048)
    parser.add_argument("-n", type=int, default=20)
    parser.add_argument("--results", type=Path)
    wanted = parser.parse_args()
    terminal = Terminal()
    reader = reader_with_memory(terminal, wanted.model, wanted.adapter)
    prose = Prose.of(reader.tokenizer, wanted.book.read_text(encoding="utf-8"))
    cell = Cell(Task("needle", 1, False, "single", "number"), wanted.length, 0.2, wanted.n, SEED)
    trained = {name: weight for name, weight in reader.model.state_dict().items() if PART in name}
    command = (
        f"tools/knock_out_memory.py {wanted.adapter.name} {wanted.book.name} --length {wanted.length} -n {wanted.n}"
    )
    rows = []
    for name, changes in arms(trained):
        reader.model.load_state_dict({**reader.model.state_dict(), **trained, **changes}, strict=True, assign=True)
        found = right(reader.model, reader.tokenizer, prose, cell)
        rows.append({"arm": name, "right": found, "n": wanted.n, "tokens": wanted.length, "model": wanted.model})
        terminal.line(json.dumps(rows[-1]))
    if wanted.results:
        append_rows(wanted.results, "memory parts", command, rows)


if __name__ == "__main__":
    main()
