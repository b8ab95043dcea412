"""Compare this reader with another program with the same weights, side by side in one process."""

from __future__ import annotations

import hashlib
import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor

from gemma10m.bench import every_layer_peer, llama_cpp_peer, transformers_peer
from gemma10m.bench.alone import read_alone
from gemma10m.bench.gemma4_json import tiny_gemma4_json
from gemma10m.bench.own_prefill import own_prefill
from gemma10m.bench.shape import random_model
from gemma10m.bench.timing import seconds
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.errors import UsageError
from gemma10m.models.decoder import Decoder
from gemma10m.weights.config_file import parse_config

Prefill = Callable[[Tensor], Tensor]  # ids (1, S) -> logits (1, V) of the last one


@dataclass(frozen=True)
class Peer:
    opened: Callable[[Decoder, int], AbstractContextManager[Prefill]]  # a Gemma with our weights, for so many tokens
    opened_file: Callable[[Path, Decoder, int], AbstractContextManager[Prefill]]  # the model of a GGUF file
    shapes: tuple[str, ...] = ()  # architectures that it can be given our weights of; (): any


PEERS = {
    "transformers": Peer(transformers_peer.opened, transformers_peer.opened_file, ("gemma", "gemma4")),
    "llama.cpp": Peer(llama_cpp_peer.opened, llama_cpp_peer.opened_file, ("gemma",)),
    "every-layer": Peer(every_layer_peer.opened, every_layer_peer.opened_file),
}
TOLERANCE = 1e-5  # of logits in float32 at a tiny size, as a share of the largest
# The same of a real model's logits after a text. A peer rounds elsewhere, and llama.cpp what goes into a product to 8
# bits: up to 0.05. Gemma 3 read without its windows, or with one rope base for all layers, is off by 0.6.
FILE_TOLERANCE = 0.1


def measure_against(ours: Decoder, name: str, tokens: int, repeats: int) -> dict[str, object]:
    """Time random ids, read by us and by the peer's Gemma with our weights.

    Raises UsageError for a peer that is not known or not installed, or when the two do not compute the same.
    """
    peer, architecture = _peer(name), ours.config.architecture
    if peer.shapes and architecture not in peer.shapes:
        known = " and ".join(peer.shapes)
        raise UsageError(
            f"{name} is not given weights of the architecture {architecture}",
            hint=f"use a shape of {known}, or name a GGUF file with --model",
        )
    if ours.quantised:
        raise UsageError(f"{name} is not given weights in {ours.quantised}", hint="use --dtype bfloat16 or float32")
    found = parity(name, ours.device.type, ours.config)
    ids = torch.randint(ours.config.vocabulary, (1, tokens))  # (1, S)
    with peer.opened(ours, tokens) as prefill:
        return {"peer": name, **_in_turn(ours, prefill, ids, repeats), "parity": found}


def measure_file_against(ours: Decoder, file: Path, name: str, ids: list[int], repeats: int) -> dict[str, object]:
    """Time the ids of a text, read by us and by the peer's model of the same GGUF file; add our read's memory.

    Raises UsageError as `measure_against` does.
    """
    text, peer = torch.tensor([ids]), _peer(name)  # (1, S)
    alone = read_alone(file, ours.device.type, ours.number_format, ours.reading, ids)
    with peer.opened_file(file, ours, len(ids)) as prefill:
        found = _difference(own_prefill(ours, text), prefill(text), name, FILE_TOLERANCE)
        row = {"peer": name, **_in_turn(ours, prefill, text, repeats, warm=True), "parity": found}
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {**row, "file": file.name, "file_sha256": digest[:16], **asdict(alone)}


def parity(name: str, device: str, timed: ModelConfig) -> float:
    """Return the largest float32 difference at a tiny size, over the largest logit: a wrong model is not timed."""
    config = ModelConfig(64, 2, 4, 1, 32, 128, 99, has_gates=True)
    if timed.architecture == "gemma4":
        config = parse_config(tiny_gemma4_json(timed)).config
    ours = random_model(config, ReadingConfig(memory="full"), device, torch.float32)
    ids = torch.randint(config.vocabulary, (1, 70))  # (1, S)
    with PEERS[name].opened(ours, ids.shape[1]) as prefill:
        return _difference(own_prefill(ours, ids), prefill(ids), name, TOLERANCE)


def _peer(name: str) -> Peer:
    if name not in PEERS:
        raise UsageError(f"there is no peer {name!r}", hint=f"known: {', '.join(PEERS)}")
    return PEERS[name]


def _difference(own: Tensor, theirs: Tensor, name: str, tolerance: float) -> float:
    """Return the largest difference as a share of our largest logit. Raises UsageError beyond the tolerance."""
    own, theirs = own.float(), theirs.float().to(own.device)
    found = float((own - theirs).abs().max() / own.abs().max())
    if not found <= tolerance:
        raise UsageError(f"not timed: logits differ from {name}'s by {found:.1e}, more than {tolerance:.0e}")
    return found


def _in_turn(ours: Decoder, prefill: Prefill, ids: Tensor, repeats: int, warm: bool = False) -> dict[str, object]:
    """Time reading `ids` up to the last one's logits, in turn; the ratio is the median over pairs.

    warm: both have read them once already.
    """
    device, tokens = ours.device.type, ids.shape[1]
    runs: tuple[Callable[[], object], ...] = (lambda: own_prefill(ours, ids), lambda: prefill(ids))
    for run in () if warm else runs:
        run()
    times = [[seconds(run, device) for run in runs] for _ in range(repeats)]
    ratios = [theirs / own for own, theirs in times]
    return {
        "layers": ours.config.layers,
        "tokens": tokens,
        "memory": ours.reading.memory,
        "dtype": ours.number_format,
        "tokens_per_second": tokens / statistics.median(own for own, _ in times),
        "peer_tokens_per_second": tokens / statistics.median(theirs for _, theirs in times),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
    }
