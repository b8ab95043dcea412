"""This reader against transformers' Gemma with the same random weights, side by side in one process."""

from __future__ import annotations

import statistics
from collections.abc import Callable

import torch
from torch import Tensor

from gemma10m.bench.shape import random_model
from gemma10m.bench.timing import seconds
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.errors import UsageError
from gemma10m.models.gemma import Gemma
from gemma10m.reading.pace import Pace
from gemma10m.training.checkpoint import config_json

TOLERANCE = 1e-5


def measure_against_transformers(ours: Gemma, tokens: int, repeats: int) -> dict[str, object]:
    """Seconds to read `tokens` tokens and give the last one's logits, in turn; the ratio is the median over pairs.

    Raises UsageError when transformers is not installed, or when the two do not compute the same.
    """
    device, found = ours.device.type, parity(ours.device.type)
    theirs = _transformers(ours)
    ids = torch.randint(ours.config.vocabulary, (1, tokens))  # (1, S)
    runs: tuple[Callable[[], object], ...] = (lambda: _read(ours, ids), lambda: _prefill(theirs, ids))
    for run in runs:
        run()
    times = [[seconds(run, device) for run in runs] for _ in range(repeats)]
    ratios = [peer / own for own, peer in times]
    return {
        "layers": ours.config.layers,
        "tokens": tokens,
        "memory": ours.reading.memory,
        "dtype": str(ours.dtype).removeprefix("torch."),
        "tokens_per_second": tokens / statistics.median(own for own, _ in times),
        "transformers_tokens_per_second": tokens / statistics.median(peer for _, peer in times),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "parity": found,
    }


def parity(device: str) -> float:
    """Largest difference in float32 at a tiny size: a wrong model is not timed."""
    config = ModelConfig(64, 2, 4, 1, 16, 128, 99, has_gates=True)
    ours = random_model(config, ReadingConfig(memory="full"), device, torch.float32)
    ids = torch.randint(99, (1, 70))  # (1, S)
    found = float((_read(ours, ids) - _prefill(_transformers(ours), ids)).abs().max())
    if not found <= TOLERANCE:
        raise UsageError(f"not timed: logits differ from transformers' by {found:.1e}, more than {TOLERANCE:.0e}")
    return found


def _transformers(ours: Gemma) -> torch.nn.Module:
    """transformers' Gemma with our weights; gates are not part of it."""
    try:
        from transformers import GemmaConfig, GemmaForCausalLM
    except ImportError as error:
        raise UsageError("transformers is not installed", hint="pip install 'gemma10m[dev]'") from error
    stated = config_json(ours.config, ours.reading)
    known = {name: value for name, value in stated.items() if name not in ("memory", "segment_size", "carry", "sinks")}
    with ours.device:
        theirs: torch.nn.Module = GemmaForCausalLM(GemmaConfig(**known))
    gates = (".self_attn.gate", ".self_attn.write_gate.weight", ".self_attn.write_gate.bias")
    weights = {name: tensor for name, tensor in ours.state_dict().items() if not name.endswith(gates)}
    theirs.load_state_dict(
        {**weights, "lm_head.weight": weights["model.embed_tokens.weight"]}, strict=True, assign=True
    )
    return theirs.requires_grad_(False).eval()


def _read(model: Gemma, ids: Tensor) -> Tensor:
    """All but the last segment as a document is read, then the last one's logits (1, V)."""
    pace, segment = Pace(model), model.reading.segment
    closed = (ids.shape[1] - 1) // segment * segment
    state = pace.read(ids[0, :closed].tolist(), model.empty_state())
    with torch.inference_mode():
        logits: Tensor = model(ids[:, closed:], state, logits="last")[0]  # (1, 1, V)
        return logits[:, 0]


def _prefill(theirs: torch.nn.Module, ids: Tensor) -> Tensor:
    with torch.inference_mode():
        device = next(theirs.parameters()).device
        logits: Tensor = theirs(ids.to(device), use_cache=True, logits_to_keep=1).logits[:, 0]
        return logits  # (1, V)
