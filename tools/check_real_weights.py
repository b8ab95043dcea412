"""Hold our reading of real weights against transformers': `check_real_weights.py MODEL [RESULTS]`.

MODEL is a GGUF file, a checkpoint folder, or a name that `gemma10m` knows. Both read the same ids of the same text in
float32. What is found goes to standard output and, as a row, into the file RESULTS.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer

import gemma10m
from gemma10m.bench.rows import append_rows
from gemma10m.weights.loading import resolve_model

ROOT = Path(__file__).parent.parent
TEXT = ROOT / "examples" / "persuasion.txt"
CHARACTERS = slice(20_000, 34_000)  # more than TOKENS of them
TOKENS = 2048  # with <bos>
STRETCH = 256  # tokens whose logits are compared at a time: a vocabulary takes up to a megabyte a token

Reader = Callable[[int, int], Tensor]  # from, to -> logits (to - from, V) float32 of those tokens


def source(model: str) -> dict[str, Any]:
    """Return the arguments by which transformers finds the weights."""
    path = Path(model) if Path(model).exists() else resolve_model(model)
    packed = [path] if path.is_file() else sorted(path.glob("*.gguf"))
    if not packed:
        return dict(pretrained_model_name_or_path=path)
    return dict(pretrained_model_name_or_path=packed[0].parent, gguf_file=packed[0].name)


def text_ids(where: dict[str, Any]) -> Tensor:
    """Return <bos> and the text's first tokens by transformers' tokenizer (1, S)."""
    tokenizer = AutoTokenizer.from_pretrained(**where)
    text = TEXT.read_text(encoding="utf-8")[CHARACTERS]
    ids = [tokenizer.bos_token_id, *tokenizer.encode(text, add_special_tokens=False)][:TOKENS]
    if len(ids) < TOKENS:
        sys.exit(f"the text has {len(ids):,} tokens, {TOKENS:,} are compared")
    return torch.tensor([ids])


@torch.no_grad()
def official_reader(where: dict[str, Any], ids: Tensor) -> Reader:
    """Read everything in one call: no cache and no cut can be wrong."""
    model = AutoModelForCausalLM.from_pretrained(**where, dtype=torch.float32, attn_implementation="eager").eval()
    logits = model(input_ids=ids, use_cache=False).logits[0]  # (S, V)
    return lambda start, stop: logits[start:stop]


def our_reader(model: str, ids: Tensor) -> Reader:
    """Read stretch after stretch, as a document is read."""
    ours = gemma10m.load_model(model, memory="full")
    states = {0: ours.empty_state()}

    @torch.no_grad()
    def read(start: int, stop: int) -> Tensor:
        logits, states[stop] = ours(ids[:, start:stop], states.pop(start), logits="all")
        found: Tensor = logits[0]  # (S, V)
        return found

    return read


def compare(readers: dict[str, Reader], ids: Tensor) -> dict[str, object]:
    """Return each reader's mean loss in nats a token, and how far the second one's logits are from the first one's."""
    expected, tokens = ids[0, 1:], ids.shape[1]
    losses = dict.fromkeys(readers, 0.0)
    largest = spread = 0.0
    same = 0
    for start in range(0, tokens - 1, STRETCH):
        stop = min(start + STRETCH, tokens - 1)
        found = {name: read(start, stop) for name, read in readers.items()}
        for name, logits in found.items():
            losses[name] += float(F.cross_entropy(logits.double(), expected[start:stop], reduction="sum"))
        first, *others = found.values()
        spread = max(spread, float(first.abs().max()))
        for other in others:
            largest = max(largest, float((other - first).abs().max()))
            same += int((other.argmax(-1) == first.argmax(-1)).sum())
    shown = {f"{name}_loss": round(loss / (tokens - 1), 6) for name, loss in losses.items()}
    if len(readers) == 1:
        return shown
    return shown | dict(largest_difference=largest, largest_logit=spread, same_first_choice=same, of_tokens=tokens - 1)


def main(model: str, results: str | None = None) -> None:
    where = source(model)
    ids = text_ids(where)
    readers = {"transformers": official_reader(where, ids), "gemma10m": our_reader(model, ids)}
    row = dict(
        model=where.get("gguf_file", Path(model).name),
        tokens=ids.shape[1],
        ids_sha256=hashlib.sha256(ids.numpy().tobytes()).hexdigest(),
        dtype="float32",
        **compare(readers, ids),
    )
    sys.stdout.write("".join(f"{name}: {value}\n" for name, value in row.items()))
    if results is not None:
        append_rows(Path(results), "real weights", f"python tools/check_real_weights.py {row['model']}", [row])


if __name__ == "__main__":
    main(*sys.argv[1:3])
