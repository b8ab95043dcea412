"""transformers' Gemma with our weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from gemma10m.bench.shape import stock_weights
from gemma10m.errors import UsageError
from gemma10m.models.decoder import Decoder
from gemma10m.training.saved_run import config_json


@contextmanager
def opened(ours: Decoder, tokens: int) -> Iterator[Callable[[Tensor], Tensor]]:
    """Its prefill, on our device, with our weights; gates are no part of it. Any number of tokens fits."""
    try:
        from transformers import GemmaConfig, GemmaForCausalLM
    except ImportError as error:
        raise UsageError("transformers is not installed", hint="pip install 'gemma10m[dev]'") from error
    stated = config_json(ours.config, ours.reading)
    known = {name: value for name, value in stated.items() if name not in ("memory", "segment_size", "carry", "sinks")}
    with ours.device:
        theirs: torch.nn.Module = GemmaForCausalLM(GemmaConfig(**known))
    weights = stock_weights(ours)
    theirs.load_state_dict(
        {**weights, "lm_head.weight": weights["model.embed_tokens.weight"]}, strict=True, assign=True
    )
    theirs.requires_grad_(False).eval()

    def prefill(ids: Tensor) -> Tensor:
        with torch.inference_mode():
            logits: Tensor = theirs(ids.to(ours.device), use_cache=True, logits_to_keep=1).logits[:, 0]
            return logits  # (1, V)

    yield prefill
