"""Run transformers with our weights, or with those of a GGUF file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from gemma10m.bench.gemma4_json import gemma4_json
from gemma10m.bench.shape import stock_weights
from gemma10m.errors import UsageError
from gemma10m.models.decoder import Decoder
from gemma10m.weights.save_model import config_json

HINT = "pip install 'gemma10m[dev]'"


@contextmanager
def opened(ours: Decoder, tokens: int) -> Iterator[Callable[[Tensor], Tensor]]:
    """Yield transformers' prefill, on our device, with our weights; it ignores gates. Any number of tokens fits."""
    try:
        from accelerate import init_empty_weights
        from transformers import CONFIG_MAPPING, AutoModelForCausalLM
    except ImportError as error:
        raise UsageError("transformers or accelerate is not installed", hint=HINT) from error
    is_gemma4 = ours.config.architecture == "gemma4"
    said = gemma4_json(ours.config) if is_gemma4 else config_json(ours.config, ours.reading)
    known = {name: value for name, value in said.items() if name not in ("memory", "segment_size", "carry", "sinks")}
    config = CONFIG_MAPPING[known.pop("model_type")](**known)
    make: Callable[..., torch.nn.Module] = AutoModelForCausalLM.from_config
    with ours.device, init_empty_weights(include_buffers=False):  # theirs are ours: none is made twice
        theirs: torch.nn.Module = make(config, attn_implementation="sdpa")
    weights = stock_weights(ours)
    theirs.load_state_dict(
        {**weights, "lm_head.weight": weights["model.embed_tokens.weight"]}, strict=True, assign=True
    )
    yield _prefill(theirs.requires_grad_(False).eval(), ours.device)


@contextmanager
def opened_file(file: Path, ours: Decoder, tokens: int) -> Iterator[Callable[[Tensor], Tensor]]:
    """Yield the prefill of a GGUF file's model, on our device and in our dtype. Any number of tokens fits."""
    yield _prefill(from_file(file, ours), ours.device)


def from_file(file: Path, ours: Decoder) -> torch.nn.Module:
    """Return transformers' model of a GGUF file, on our device and in our dtype. Raises UsageError without it."""
    try:
        from transformers import AutoModelForCausalLM
    except ImportError as error:
        raise UsageError("transformers is not installed", hint=HINT) from error
    theirs: torch.nn.Module = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=ours.dtype, attn_implementation="sdpa"
    )
    return theirs.to(ours.device).requires_grad_(False).eval()


def _prefill(theirs: torch.nn.Module, device: torch.device) -> Callable[[Tensor], Tensor]:
    def prefill(ids: Tensor) -> Tensor:
        with torch.inference_mode():
            logits: Tensor = theirs(ids.to(device), use_cache=True, logits_to_keep=1).logits[:, 0]
            return logits  # (1, V)

    return prefill
