"""Check in a minute what a device computes: kernels, a prompt with and without them, a long read and its memory."""

from __future__ import annotations

import torch
from torch import Tensor

from gemma10m import ops
from gemma10m.bench.kernels import check_kernels
from gemma10m.bench.read import measure_read
from gemma10m.models.decoder import Decoder
from gemma10m.reading.stretch import stretch_tokens
from gemma10m.weights.plan import memory_plan

PROMPT = 700  # tokens
READ = {"cuda": 100_000, "cpu": 8192}  # tokens
KEPT = (
    "dtype",
    "backend",
    "tokens",
    "seconds",
    "tokens_per_second",
    "utilisation",
    "peak_device_memory_bytes",
    "peak_memory_bytes",
)


def measure_first_minute(model: Decoder) -> dict[str, object]:
    """Return one row. Raises UsageError for a kernel that is wrong.

    `prompt_apart` is the largest difference between two probabilities of a next token, with this device's kernels and
    with plain PyTorch; `same_likeliest` is the share of the prompt's tokens after which the same one is the likeliest.
    """
    device = model.device.type
    checked = check_kernels(model.config, device) if ops.BACKEND == "triton" else {}
    ids = torch.randint(model.config.vocabulary, (1, PROMPT), generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        fast = _probabilities(model, ids)
    with torch.enable_grad():  # kernels go forward only
        plain = _probabilities(model, ids)
    read = measure_read(model, READ[device])
    segments = max(1, stretch_tokens(model) // model.reading.segment)
    plan = memory_plan(model.config, model.reading, model.number_format, segments)
    return {
        "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
        "kernels_off_by": checked or None,
        "prompt_apart": float((fast - plain).abs().max()),
        "same_likeliest": float((fast.argmax(-1) == plain.argmax(-1)).float().mean()),
        **{name: read[name] for name in KEPT},
        "planned_bytes": plan.on_device(model.device.type),
    }


def _probabilities(model: Decoder, ids: Tensor) -> Tensor:
    logits, _ = model(ids, model.empty_state())
    return torch.softmax(logits[0].detach().float(), dim=-1)  # (S, V)
