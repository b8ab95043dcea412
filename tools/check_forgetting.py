"""Measure what an adapter makes a model forget: `python tools/check_forgetting.py TEXT [-m MODEL] [--adapter FOLDER]`.

Print the perplexity of passages of a text, evenly spread over it, with the adapter and without.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F

from gemma10m.bench.rows import append_rows
from gemma10m.library.model_choice import ModelOptions, choose_model, choose_reading, load_chosen
from gemma10m.saved_states import Reader
from gemma10m.terminal import Terminal
from gemma10m.tokens.prompt import Prompt
from gemma10m.weights.adapting import NO_ADAPTER

PASSAGES, TOKENS = 4, 2048


def perplexity(reader: Reader, text: str) -> float:
    total, count, step = 0.0, 0, len(text) // PASSAGES
    for first in range(0, step * PASSAGES, step):
        ids = [*Prompt(reader.tokenizer).opening(), *reader.tokenizer.encode(text[first : first + step])][:TOKENS]
        with torch.inference_mode():
            logits = reader.model(torch.tensor([ids]), reader.model.empty_state())[0][0]  # (S, V)
            total += float(F.cross_entropy(logits[:-1].float(), torch.tensor(ids[1:]), reduction="sum"))
        count += len(ids) - 1
    return math.exp(total / count)


def loaded(terminal: Terminal, model: str, adapter: str | None) -> Reader:
    options = ModelOptions(model, memory="full", adapter=adapter)
    chosen = choose_model(terminal, options)
    return load_chosen(terminal, chosen, choose_reading(terminal, options, chosen, 0), read_all=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("text", type=Path)
    parser.add_argument("-m", "--model", default="small")
    parser.add_argument("--adapter", help="Default: the packaged one.")
    parser.add_argument("--results", type=Path)
    options = parser.parse_args()
    terminal, text = Terminal(), options.text.read_text(encoding="utf-8")
    before = perplexity(loaded(terminal, options.model, NO_ADAPTER), text)
    after = perplexity(loaded(terminal, options.model, options.adapter), text)
    row = {"model": Path(options.model).name, "text": options.text.name, "tokens": PASSAGES * TOKENS}
    row |= {"perplexity_without": round(before, 2), "perplexity_with": round(after, 2)}
    if options.results:
        append_rows(options.results, "forgetting", f"tools/check_forgetting.py {options.text.name}", [row])
    terminal.line(json.dumps(row))


if __name__ == "__main__":
    main()
