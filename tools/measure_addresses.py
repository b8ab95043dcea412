"""Say how well a memory tells facts apart: `python tools/measure_addresses.py ADAPTER BOOK [--results FILE]`.

A layer's queries are compared with its keys at every token of a document of a dozen facts, nothing is written, and no
answer is made. A value is found when each of its tokens is the most alike to the question's.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from memory_reader import reader_with_memory

from gemma10m.bench.rows import append_rows
from gemma10m.models.added_attention import AddedMemoryAttention
from gemma10m.tasks.haystack import Prose
from gemma10m.tasks.writer import Writer
from gemma10m.terminal import Terminal
from gemma10m.training.address_losses import addresses, alikeness, layer_document
from gemma10m.training.addresses import FACTS, AddressedDocument, gather
from gemma10m.training.heard_inputs import added_layers
from gemma10m.training.recipe import Recipe, default_stages

SEED = 100


@torch.no_grad()
def measured(layer: AddedMemoryAttention, documents: Sequence[AddressedDocument], number: int) -> dict[str, Any]:
    first = whole = values = 0
    for document in documents:
        alike = alikeness(addresses(layer, layer_document(document, number)))  # (H, Q, S)
        likeliest, at = alike.sum(0).argmax(-1).cpu(), 0
        for target in document.targets:
            hit = likeliest[at : at + len(target.places)] == target.places
            first, whole, values = first + bool(hit[0]), whole + bool(hit.all()), values + 1
            at += len(target.places)
    return {"first": first, "whole": whole, "values": values}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("adapter", type=Path)
    parser.add_argument("book", type=Path)
    parser.add_argument("-m", "--model", default="small")
    parser.add_argument("-n", type=int, default=40, help="documents")
    parser.add_argument("--results", type=Path)
    wanted = parser.parse_args()
    terminal = Terminal()
    reader = reader_with_memory(terminal, wanted.model, wanted.adapter)
    writer = Writer(reader.tokenizer, [Prose.of(reader.tokenizer, wanted.book.read_text(encoding="utf-8"))])
    recipe = Recipe(default_stages(reader.model.reading.segment), tasks={"needle": 1}, strays=8, seed=SEED)
    documents = [document for document in gather(reader.model, writer, recipe, wanted.n) if document.targets]
    rows = []
    for number, (layer, mixer) in enumerate(added_layers(reader.model).items()):
        about = {"adapter": wanted.adapter.name, "model": wanted.model, "layer": layer, "facts": FACTS}
        rows.append(about | {"documents": len(documents)} | measured(mixer, documents, number))
        terminal.line(json.dumps(rows[-1]))
    if wanted.results:
        command = f"tools/measure_addresses.py {wanted.adapter.name} {wanted.book.name} -n {wanted.n}"
        append_rows(wanted.results, "addresses", command, rows)


if __name__ == "__main__":
    main()
