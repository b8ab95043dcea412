"""Compare what several ranks leave with one process: `python tools/compare_ranks.py BOOK [--results FILE]`.

A pretrained model reads the beginning of a book with each memory that ranks can share, in one round by processes of
this machine, and alone. `added` is the packaged adapter's memory; the others have the model's weights and drawn gates.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, replace
from multiprocessing.queues import Queue
from pathlib import Path

import torch
from torch import Tensor

from gemma10m.adapters.added_memory import PART
from gemma10m.bench.rows import append_rows
from gemma10m.config import MemoryKind, ReadingConfig
from gemma10m.library.model_choice import ModelOptions, load_reader
from gemma10m.memory.runs import deal
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.ranks.group import Ranks
from gemma10m.ranks.passed import received_bytes
from gemma10m.ranks.place import Place
from gemma10m.ranks.together import read_round
from gemma10m.terminal import Terminal

MEMORIES: tuple[MemoryKind, ...] = ("added", "linear", "delta", "gated")
RANKS, STRETCHES = (2, 4), (2048, 1024, 512)
SEGMENT, CARRY, SINKS = 512, 512, 4
ASKED = 20  # tokens after those that are read
GATE_SCALE = 0.02  # of drawn gates: small enough that what is written stays for thousands of tokens


@dataclass(frozen=True)
class Left:
    """Hold what a read left: the state, and the logits of the tokens after it."""

    state: State
    logits: Tensor  # (B, S, V)


@dataclass(frozen=True)
class Text:
    ids: Tensor  # (1, S): what is read
    asked: Tensor  # (1, T): what comes after it


@dataclass(frozen=True)
class Said:
    """Hold what a rank reports; `apart`: of rank 0 alone."""

    rank: int
    received: int
    designed: int
    apart: dict[str, float]


def with_memory(model: Decoder, memory: MemoryKind, dtype: torch.dtype) -> Decoder:
    """Return the model with this memory: with the adapter's for `added`, else without one and with drawn gates."""
    kept = memory == "added"
    config = model.config if kept else replace(model.config, added_rank=0, has_gates=True)
    config = replace(config, has_write_gates=memory == "gated")
    found = Decoder(config, ReadingConfig(memory, SEGMENT, CARRY, SINKS))
    weights = {name: weight for name, weight in model.state_dict().items() if kept or PART not in name}
    generator = torch.Generator().manual_seed(0)
    for name, weight in found.state_dict().items():
        if name not in weights:
            weights[name] = torch.randn(weight.shape, generator=generator) * GATE_SCALE
    found.load_state_dict({name: weight.to(dtype) for name, weight in weights.items()}, strict=True, assign=True)
    found.fingerprint = model.fingerprint
    return found.requires_grad_(False).eval()


def read_alone(model: Decoder, text: Text, stretch: int) -> Left:
    state = model.empty_state()
    for part in text.ids.split(stretch, dim=1):
        _, state = model(part, state, logits="none")
    return Left(state, model(text.asked, state)[0])


def distance(found: State, exact: State) -> float:
    """Return the largest difference of two numbers of a tensor, over the largest number of that tensor."""
    worst = 0.0
    for left, right in zip(found.layers, exact.layers, strict=True):
        for (_, tensor), (_, expected) in zip(left.tensors(), right.tensors(), strict=True):
            if tensor.numel():
                apart = (tensor.double() - expected.double()).abs().max()
                worst = max(worst, float(apart / expected.double().abs().max()))
    return worst


def differences(found: Left, exact: Left) -> dict[str, float]:
    apart = (found.logits.double() - exact.logits.double()).abs().max()
    return {"state": distance(found.state, exact.state), "logits": float(apart)}


def read_together(model: Decoder, text: Text, exact: Left, ranks: int) -> dict[str, object]:
    """Read on so many forked processes; return how far rank 0 is from the exact read, and the bytes of all."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
    context = multiprocessing.get_context("fork")
    said: Queue[Said] = context.Queue()
    started = [context.Process(target=_rank, args=(model, text, exact, place, port, said)) for place in places(ranks)]
    for process in started:
        process.start()
    found = sorted((said.get() for _ in started), key=lambda each: each.rank)
    for process in started:
        process.join()
    received, designed = [each.received for each in found], [each.designed for each in found]
    return {"ranks": ranks, **found[0].apart, "received_bytes": received, "designed_bytes": designed}


def places(ranks: int) -> list[Place]:
    return [Place(rank, ranks, rank) for rank in range(ranks)]


@torch.no_grad()
def _rank(model: Decoder, text: Text, exact: Left, place: Place, port: int, said: Queue[Said]) -> None:
    numbers = {"RANK": place.rank, "WORLD_SIZE": place.ranks, "MASTER_PORT": port}  # as torchrun sets them
    os.environ.update({name: str(number) for name, number in numbers.items()} | {"MASTER_ADDR": "127.0.0.1"})
    joined = Ranks(place)
    joined.meet({"model": model.fingerprint}, torch.device("cpu"))
    dealt = deal(0, text.ids.shape[1], SEGMENT, place.ranks)
    assert dealt is not None, "the text has fewer segments than there are ranks"
    state = read_round(model, text.ids, model.empty_state(), joined)
    received = joined.traffic.nbytes
    apart = {} if place.rank else differences(Left(state, model(text.asked, state)[0]), exact)
    said.put(Said(place.rank, received, sum(received_bytes(model, dealt, place.rank)), apart))


@torch.no_grad()
def compared(model: Decoder, memory: MemoryKind, text: Text) -> Iterator[dict[str, object]]:
    """Yield a row for one process of each stretch, and one for each number of ranks: how far they are from float64."""
    about = {"memory": memory, "tokens": text.ids.shape[1], "model": model.name, "segment": SEGMENT, "carry": CARRY}
    exact = read_alone(with_memory(model, memory, torch.float64), text, text.ids.shape[1])
    narrow = with_memory(model, memory, torch.float32)
    for stretch in STRETCHES:
        yield {**about, "ranks": 1, "stretch": stretch, **differences(read_alone(narrow, text, stretch), exact)}
    for ranks in RANKS:
        yield {**about, **read_together(narrow, text, exact, ranks)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("book", type=Path)
    parser.add_argument("-m", "--model", default="small")
    parser.add_argument("--tokens", type=int, default=2100)
    parser.add_argument("--results", type=Path)
    wanted = parser.parse_args()
    torch.set_num_threads(1)  # several processes share this machine, and forks keep no threads
    terminal = Terminal()
    reader = load_reader(terminal, ModelOptions(wanted.model, dtype="float32", memory="added", read_all=True))
    ids = torch.tensor([reader.tokenizer.encode(wanted.book.read_text(encoding="utf-8"))[: wanted.tokens + ASKED]])
    text = Text(ids[:, : wanted.tokens], ids[:, wanted.tokens :])
    rows = []
    for memory in MEMORIES:
        for row in compared(reader.model, memory, text):
            terminal.line(json.dumps(row))
            rows.append(row)
    if wanted.results:
        append_rows(wanted.results, "ranks", f"tools/compare_ranks.py {wanted.book} --tokens {wanted.tokens}", rows)


if __name__ == "__main__":
    main()
