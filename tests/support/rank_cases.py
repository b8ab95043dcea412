"""Cases that several gloo ranks run, each against one process that reads the same; the ranks are started once."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from models import named_tensors, random_ids
from torch import Tensor

from gemma10m.config import AttentionSpec, MemoryKind, ModelConfig, ReadingConfig, Rope
from gemma10m.memory.runs import deal
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.ranks.exchange import Traffic
from gemma10m.ranks.passed import received_bytes
from gemma10m.ranks.together import read_round

SEGMENT = 5
GLOBAL, LOCAL = AttentionSpec(4, 2, 6, query_key_norm=True), AttentionSpec(4, 2, 6, Rope(100.0), 7, query_key_norm=True)


@dataclass(frozen=True)
class Case:
    """Describe a document, how it is read, and in rounds of how many tokens."""

    name: str
    memory: MemoryKind
    ranks: int
    lengths: tuple[int, ...]  # of the rounds
    carry: int = 0
    sinks: int = 0
    layers: str = "GLGG"  # global, local, one that shares what the one before it keeps
    dtype: str = "float64"


def cases() -> Iterator[Case]:
    for ranks in (2, 4):
        for memory in ("linear", "delta", "gated"):
            yield Case(f"{memory} on {ranks}", memory, ranks, (40, 63), carry=SEGMENT, sinks=3, layers="GLSW")
        # Windows longer than a run, so that more than one neighbour has what a rank sees.
        yield Case(f"a long carry on {ranks}", "gated", ranks, (20, 33), carry=4 * SEGMENT, sinks=5, layers="GW")
        yield Case(f"narrow on {ranks}", "gated", ranks, (100, 103), carry=SEGMENT, sinks=3, dtype="float32")
    yield Case("added", "added", 2, (40, 63), carry=SEGMENT, sinks=3, layers="GLSW")
    # Runs that are shorter than the context of a token.
    yield Case("added in short runs", "added", 4, (23, 38), carry=SEGMENT, sinks=3, layers="GG")
    yield Case("window", "window", 2, (40, 63), carry=SEGMENT, sinks=3, layers="GLSW")
    yield Case("without carry", "delta", 2, (41, 39), layers="G")
    yield Case("fewer segments than ranks", "delta", 4, (9, 8), carry=SEGMENT, sinks=2, layers="G")
    yield Case("tokens one at a time", "gated", 2, (1, 1, 13), carry=SEGMENT, sinks=4, layers="GG")
    yield Case("bfloat16", "gated", 2, (40, 33), carry=SEGMENT, sinks=3, dtype="bfloat16", layers="GL")


WIDE = AttentionSpec(4, 2, 6, Rope(100.0), 17, query_key_norm=True)


def mixed_model(memory: MemoryKind, layers: str, carry: int, sinks: int, dtype: torch.dtype) -> Decoder:
    """Return a model with random weights and Gemma 3's norms; G sees everything, L and W slide, S shares a G's keys."""
    specs: list[AttentionSpec] = []
    for letter in layers:
        shared = AttentionSpec(4, 2, 6, query_key_norm=True, source=layers.index("G"))
        specs.append({"G": GLOBAL, "L": LOCAL, "W": WIDE, "S": shared}[letter])
    config = ModelConfig(
        hidden_size=14, layers=len(layers), heads=4, kv_heads=2, head_size=6, feed_forward_size=20, vocabulary=37,
        has_gates=True, has_write_gates=memory == "gated", added_rank=3 if memory == "added" else 0,
        architecture="gemma3", post_norms=True, attention=tuple(specs),
    )  # fmt: skip
    model = Decoder(config, ReadingConfig(memory, SEGMENT, carry, sinks))
    generator = torch.Generator().manual_seed(len(layers))
    for name, parameter in model.requires_grad_(False).named_parameters():
        scale = 0.2 if "norm" in name or "gate" in name.rsplit(".", 2)[-1] else parameter.shape[-1] ** -0.5
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
    return model.to(dtype).eval()


@dataclass
class Few:
    """Stand in for `Ranks` with the first of the processes, or all of them."""

    rank: int
    size: int
    data: dist.ProcessGroup
    traffic: Traffic


@torch.no_grad()
def run_case(case: Case, ranks: Few) -> dict[str, Any]:
    dtype = getattr(torch, case.dtype)
    model = mixed_model(case.memory, case.layers, case.carry, case.sinks, dtype)
    ids = random_ids(model, sum(case.lengths))
    rounds = ids.split(list(case.lengths), dim=1)
    ranks.traffic.nbytes, designed, passed = 0, 0, []
    found = model.empty_state()
    for part in rounds:
        dealt = deal(found.position, part.shape[1], SEGMENT, ranks.size)
        designed += sum(received_bytes(model, dealt, ranks.rank)) if dealt else 0
        passed.append(dealt is not None)
        found = read_round(model, part, found, ranks)  # type: ignore[arg-type]
    result = {"digest": _digest(found), "received": ranks.traffic.nbytes, "designed": designed, "passed": passed}
    return result | (_compared(case, model, found, rounds) if ranks.rank == 0 else {})


def _compared(case: Case, model: Decoder, found: State, rounds: tuple[Tensor, ...]) -> dict[str, Any]:
    """Compare a state with that of one process, and of both with float64 where the model's type is narrower."""
    expected, more = _state(model, rounds), random_ids(model, 7, seed=1)
    logits = float((model(more, found)[0] - model(more, expected)[0]).abs().max())
    result = {"error": _distance(found, expected), "logits": logits}
    if case.dtype == "float64":
        return result
    exact = _state(mixed_model(case.memory, case.layers, case.carry, case.sinks, torch.float64), rounds)
    own = [_state(model, torch.cat(rounds, dim=1).split(size, dim=1)) for size in (SEGMENT, 4 * SEGMENT, 1000)]
    worst = max(_distance(state, exact) for state in own)
    return result | {"own error": worst, "exact error": _distance(found, exact)}


def _digest(state: State) -> str:
    digest = hashlib.sha256()
    for tensor in named_tensors(state).values():
        digest.update(tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _state(model: Decoder, rounds: tuple[Tensor, ...]) -> State:
    state = model.empty_state()
    for part in rounds:
        _, state = model(part, state, logits="none")
    return state


def _distance(found: State, expected: State) -> float:
    """Return the largest difference of two numbers, over the largest number of their tensor where that is above 1."""
    assert found.position == expected.position
    left, right = named_tensors(found), named_tensors(expected)
    assert left.keys() == right.keys()
    worst = 0.0
    for name, tensor in left.items():
        assert tensor.shape == right[name].shape, name
        if tensor.numel():
            largest = max(1.0, float(right[name].abs().max()))
            worst = max(worst, float((tensor.double() - right[name].double()).abs().max()) / largest)
    return worst


def free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port


def rank_environment(rank: int, ranks: int, port: int) -> dict[str, str]:
    """Return the variables that torchrun would set."""
    numbers = {"RANK": rank, "WORLD_SIZE": ranks, "LOCAL_RANK": rank, "MASTER_PORT": port}
    return {name: str(number) for name, number in numbers.items()} | {"MASTER_ADDR": "127.0.0.1"}


def run_all(folder: Path) -> list[dict[str, dict[str, Any]]]:
    """Start four ranks that run every case; return what each of them found, by the case's name."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, __file__, str(folder)], env=environment, timeout=300, check=True)
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(4)]


def main() -> None:
    """Fork four ranks, so that torch is imported once for all of them."""
    torch.set_num_threads(1)
    port = free_port()
    started = [multiprocessing.get_context("fork").Process(target=_rank, args=(rank, port)) for rank in range(4)]
    for process in started:
        process.start()
    for process in started:
        process.join()
    sys.exit(any(process.exitcode for process in started))


def _rank(rank: int, port: int) -> None:
    os.environ.update(rank_environment(rank, 4, port))
    dist.init_process_group("gloo")
    world, pair = dist.group.WORLD, dist.new_group([0, 1])
    found = {}
    for case in cases():
        group = world if case.ranks == 4 else pair
        if rank < case.ranks:
            assert group is not None
            found[case.name] = run_case(case, Few(rank, case.ranks, group, Traffic()))
    (Path(sys.argv[1]) / f"{rank}.json").write_text(json.dumps(found))
    dist.barrier()
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
