"""Time an answer's first token and the ones after it, on the state of a document that was read."""

from __future__ import annotations

import time

import torch

from gemma10m.bench.ceiling import copy_rate
from gemma10m.bench.timing import spread, synchronise
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.reading.pace import Pace

QUESTION, ANSWER, REPEATS = 32, 64, 5  # tokens, tokens, questions


def measure_answer(model: Decoder, tokens: int) -> dict[str, object]:
    """Time greedy tokens after a question of 32 tokens, on a state of `tokens`; a first question is not counted."""
    device = model.device.type
    state = Pace(model).read(torch.randint(model.config.vocabulary, (tokens,)).tolist(), model.empty_state())
    question = torch.randint(model.config.vocabulary, (1, QUESTION), device=model.device)  # (B, S)
    asked = [_token_seconds(model, question, state) for _ in range(REPEATS + 1)][1:]
    rate = spread([1 / later for _, *others in asked for later in others])
    weights = sum(tensor.nbytes for tensor in model.state_dict().values())
    copying = copy_rate(device)
    return {
        "layers": model.config.layers,
        "memory": model.reading.memory,
        "dtype": model.number_format,
        "tokens": tokens,
        "first_token_seconds": spread([first for first, *_ in asked]),
        "tokens_per_second": rate,
        "weight_bytes": weights,
        # Every token reads all weights once; a copy both reads and writes.
        "copy_bytes_per_second": copying,
        "of_copy": rate["median"] * weights / copying,
    }


@torch.inference_mode()
def _token_seconds(model: Decoder, ids: torch.Tensor, state: State) -> list[float]:
    """Return the seconds of an answer's first token, and of each after it."""
    found = []
    for _ in range(1 + ANSWER):
        synchronise(model.device.type)
        started = time.perf_counter()
        logits, state = model(ids, state, logits="last")  # (B, 1, V)
        ids = logits.argmax(-1)  # (B, 1)
        synchronise(model.device.type)
        found.append(time.perf_counter() - started)
    return found
