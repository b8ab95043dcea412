"""This reader against another program's Gemma with the same random weights, side by side in one process."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import Tensor

from gemma10m.bench import llama_cpp_peer, transformers_peer
from gemma10m.bench.shape import random_model
from gemma10m.bench.timing import seconds
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.errors import UsageError
from gemma10m.models.decoder import Decoder
from gemma10m.reading.pace import Pace

Prefill = Callable[[Tensor], Tensor]  # ids (1, S) -> logits (1, V) of the last one


# With a model's weights, for so many tokens.
PEERS: dict[str, Callable[[Decoder, int], AbstractContextManager[Prefill]]] = {
    "transformers": transformers_peer.opened,
    "llama.cpp": llama_cpp_peer.opened,
}
TOLERANCE = 1e-5  # of logits in float32 at a tiny size, as a share of the largest


def measure_against(ours: Decoder, name: str, tokens: int, repeats: int) -> dict[str, object]:
    """Seconds to read `tokens` tokens and give the last one's logits, in turn; the ratio is the median over pairs.

    Raises UsageError for a peer that is not known or not installed, or when the two do not compute the same.
    """
    if name not in PEERS:
        raise UsageError(f"there is no peer {name!r}", hint=f"known: {', '.join(PEERS)}")
    device, found = ours.device.type, parity(name, ours.device.type)
    ids = torch.randint(ours.config.vocabulary, (1, tokens))  # (1, S)
    with PEERS[name](ours, tokens) as prefill:
        runs: tuple[Callable[[], object], ...] = (lambda: _read(ours, ids), lambda: prefill(ids))
        for run in runs:
            run()
        times = [[seconds(run, device) for run in runs] for _ in range(repeats)]
    ratios = [theirs / own for own, theirs in times]
    return {
        "peer": name,
        "layers": ours.config.layers,
        "tokens": tokens,
        "memory": ours.reading.memory,
        "dtype": str(ours.dtype).removeprefix("torch."),
        "tokens_per_second": tokens / statistics.median(own for own, _ in times),
        "peer_tokens_per_second": tokens / statistics.median(theirs for _, theirs in times),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "parity": found,
    }


def parity(name: str, device: str) -> float:
    """Largest difference in float32 at a tiny size, of the largest logit: a wrong model is not timed."""
    config = ModelConfig(64, 2, 4, 1, 32, 128, 99, has_gates=True)
    ours = random_model(config, ReadingConfig(memory="full"), device, torch.float32)
    ids = torch.randint(config.vocabulary, (1, 70))  # (1, S)
    own = _read(ours, ids)
    with PEERS[name](ours, ids.shape[1]) as prefill:
        found = float((own - prefill(ids).to(own.device)).abs().max() / own.abs().max())
    if not found <= TOLERANCE:
        raise UsageError(f"not timed: logits differ from {name}'s by {found:.1e}, more than {TOLERANCE:.0e}")
    return found


def _read(model: Decoder, ids: Tensor) -> Tensor:
    """All but the last segment as a document is read, then the last one's logits (1, V)."""
    pace, segment = Pace(model), model.reading.segment
    closed = (ids.shape[1] - 1) // segment * segment
    state = pace.read(ids[0, :closed].tolist(), model.empty_state())
    with torch.inference_mode():
        logits: Tensor = model(ids[:, closed:], state, logits="last")[0]  # (1, 1, V)
        return logits[:, 0]
