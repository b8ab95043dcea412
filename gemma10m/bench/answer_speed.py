"""Time an answer's first token and the ones after it, on the state of a document that was read."""

from __future__ import annotations

import statistics
import time
from pathlib import Path

import torch

from gemma10m.bench.ceiling import copy_rate
from gemma10m.bench.timing import seconds, spread
from gemma10m.bench.writers import OwnWriter, TokenWriter, writer_of
from gemma10m.errors import UsageError
from gemma10m.memory.state import State
from gemma10m.models.continuation import Continuation
from gemma10m.models.decoder import Decoder
from gemma10m.reading.pace import Pace

QUESTION, ANSWER, REPEATS = 32, 64, 5  # tokens, tokens, questions


def measure_answer(model: Decoder, tokens: int) -> dict[str, object]:
    """Time greedy tokens after a question of 32 tokens, on a state of `tokens`; a first question is not counted."""
    device = model.device.type
    state = Pace(model).read(torch.randint(model.config.vocabulary, (tokens,)).tolist(), model.empty_state())
    question = torch.randint(model.config.vocabulary, (QUESTION,)).tolist()
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


def measure_answer_against(ours: Decoder, file: Path, name: str, ids: list[int], repeats: int = 5) -> dict[str, object]:
    """Time greedy tokens after a text, written by us and by another program from the same GGUF file, in turn.

    `ratio` is the median over pairs; `same_tokens` counts how many of ours the program writes, too, before the first
    other one. Raises UsageError for a program that is not known or not installed, and where not one token is the same.
    """
    with writer_of(name)(file, ours, len(ids) + ANSWER + 1) as theirs:
        writers = (OwnWriter(ours), theirs)
        texts = [_written(writer, ids)[2] for writer in writers]
        same = next((place for place, pair in enumerate(zip(*texts, strict=True)) if pair[0] != pair[1]), ANSWER + 1)
        if not same:
            raise UsageError(f"not timed: {name} begins its answer with another token")
        runs = [[_written(writer, ids)[:2] for writer in writers] for _ in range(repeats)]
    rates = [[ANSWER / later for _, later in run] for run in runs]
    ratios = [own / peers for own, peers in rates]
    return {
        "peer": name,
        "layers": ours.config.layers,
        "memory": ours.reading.memory,
        "dtype": ours.number_format,
        "tokens": len(ids),
        "first_token_seconds": statistics.median(own[0] for own, _ in runs),
        "peer_first_token_seconds": statistics.median(peers[0] for _, peers in runs),
        "tokens_per_second": statistics.median(own for own, _ in rates),
        "peer_tokens_per_second": statistics.median(peers for _, peers in rates),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "same_tokens": same,
        "weight_bytes": sum(tensor.nbytes for tensor in ours.state_dict().values()),
        "file": file.name,
        "file_bytes": file.stat().st_size,
    }


def _written(writer: TokenWriter, ids: list[int]) -> tuple[float, float, list[int]]:
    """Return the seconds of the first token, those of the rest, and the tokens."""
    tokens = list[int]()
    writer.reset()
    first = seconds(lambda: tokens.append(writer.after(ids)), "cpu")  # each token was fetched from its device

    def rest() -> None:
        for _ in range(ANSWER):
            tokens.append(writer.after(tokens[-1:]))

    return first, seconds(rest, "cpu"), tokens


def _token_seconds(model: Decoder, ids: list[int], state: State) -> list[float]:
    """Return the seconds of an answer's first token, and of each after it."""
    found, continued = [], Continuation(model, state)
    for _ in range(1 + ANSWER):
        started = time.perf_counter()
        ids = [int(continued.read(ids).argmax())]  # waits for the device
        found.append(time.perf_counter() - started)
    return found
