"""Gemma-2B-shaped layers with random weights: this reader against transformers' Gemma, side by side in one run."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import cast

import torch
from torch import Tensor

from gemma10m.config import MemoryKind, ModelConfig, ReadingConfig
from gemma10m.errors import UsageError
from gemma10m.models.gemma import Gemma
from gemma10m.training.checkpoint import config_json

TOLERANCE = 1e-5


def gemma_2b(layers: int) -> ModelConfig:
    return ModelConfig(
        hidden_size=2048,
        layers=layers,
        heads=8,
        kv_heads=1,
        head_size=256,
        feed_forward_size=16384,
        vocabulary=256000,
        has_gates=True,
    )


def measure_against_transformers(layers: int, tokens: int, memory: str, repeats: int) -> dict[str, object]:
    """Seconds to read `tokens` tokens and give the last one's logits, in turn; the ratio is the median over pairs.

    Raises UsageError when transformers is not installed, or when the two do not compute the same.
    """
    parity = _parity()
    config = gemma_2b(layers)
    reading = ReadingConfig(memory=cast(MemoryKind, memory), segment=2048, carry=2048, sinks=4)
    ours = _random(config, reading).to(torch.bfloat16)
    theirs = _transformers(ours)
    ids = torch.randint(config.vocabulary, (1, tokens))
    runs: tuple[Callable[[], object], ...] = (lambda: _read(ours, ids), lambda: _prefill(theirs, ids))
    for run in runs:
        run()
    times = [[_seconds(run) for run in runs] for _ in range(repeats)]
    ratios = [peer / own for own, peer in times]
    return {
        "layers": layers,
        "tokens": tokens,
        "memory": memory,
        "dtype": "bfloat16",
        "tokens_per_second": tokens / statistics.median(own for own, _ in times),
        "transformers_tokens_per_second": tokens / statistics.median(peer for _, peer in times),
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "parity": parity,
    }


def _random(config: ModelConfig, reading: ReadingConfig) -> Gemma:
    model = Gemma(config, reading)
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    return model.requires_grad_(False).eval()


def _transformers(ours: Gemma) -> torch.nn.Module:
    """transformers' Gemma with our weights; gates are not part of it."""
    try:
        from transformers import GemmaConfig, GemmaForCausalLM
    except ImportError as error:
        raise UsageError("transformers is not installed", hint="pip install 'gemma10m[dev]'") from error
    stated = config_json(ours.config, ours.reading)
    known = {name: value for name, value in stated.items() if name not in ("memory", "segment_size", "carry", "sinks")}
    theirs: torch.nn.Module = GemmaForCausalLM(GemmaConfig(**known))
    weights = {name: tensor for name, tensor in ours.state_dict().items() if not name.endswith("self_attn.gate")}
    theirs.load_state_dict(
        {**weights, "lm_head.weight": weights["model.embed_tokens.weight"]}, strict=True, assign=True
    )
    return theirs.requires_grad_(False).eval()


def _parity() -> float:
    """Largest difference in float32 at a tiny size: a wrong model is not timed."""
    config = ModelConfig(64, 2, 4, 1, 16, 128, 99, has_gates=True)
    ours = _random(config, ReadingConfig(memory="full"))
    ids = torch.randint(99, (1, 70))
    found = float((_read(ours, ids) - _prefill(_transformers(ours), ids)).abs().max())
    if not found <= TOLERANCE:
        raise UsageError(f"not timed: logits differ from transformers' by {found:.1e}, more than {TOLERANCE:.0e}")
    return found


def _read(model: Gemma, ids: Tensor) -> Tensor:
    state, segment = model.empty_state(), 2048
    with torch.inference_mode():
        parts = ids.split(segment, dim=1)
        for part in parts[:-1]:
            _, state = model(part, state, logits="none")
        logits: Tensor = model(parts[-1], state, logits="last")[0]  # (1, 1, V)
        return logits[:, 0]


def _prefill(theirs: torch.nn.Module, ids: Tensor) -> Tensor:
    with torch.inference_mode():
        logits: Tensor = theirs(ids, use_cache=True, logits_to_keep=1).logits[:, 0]
        return logits  # (1, V)


def _seconds(run: Callable[[], object]) -> float:
    started = time.perf_counter()
    run()
    return time.perf_counter() - started
