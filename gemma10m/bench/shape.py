"""Random weights of Gemma-2B's shape: what a read costs on this device, without a download."""

from __future__ import annotations

import time

import torch

from gemma10m.bench.layers import gemma_2b
from gemma10m.config import ReadingConfig
from gemma10m.models.gemma import Gemma
from gemma10m.reading.stretch import peak_memory, stretch_tokens

READING = ReadingConfig(memory="delta", segment=2048, carry=2048, sinks=4)


def measure_shape(device: str, tokens: int, layers: int = 18) -> dict[str, object]:
    """Tokens/s and peak memory of one read of random ids in bfloat16, after a first stretch that is not counted."""
    with torch.device(device):
        model = Gemma(gemma_2b(layers), READING).to(torch.bfloat16)
    for parameter in model.requires_grad_(False).parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    stretch = stretch_tokens(model)
    read_random(model, stretch, stretch)
    seconds = read_random(model, tokens, stretch)
    cuda = device == "cuda"
    return {
        "shape": f"gemma-2b, {layers} layers",
        "memory": READING.memory,
        "tokens": tokens,
        "stretch": stretch,
        "tokens_per_second": tokens / seconds,
        "seconds": seconds,
        "peak_device_memory_bytes": torch.cuda.max_memory_allocated() if cuda else None,
        "peak_memory_bytes": peak_memory(),
    }


def read_random(model: Gemma, tokens: int, stretch: int) -> float:
    """Seconds to read random ids."""
    state = model.empty_state()
    started = time.perf_counter()
    with torch.inference_mode():
        for start in range(0, tokens, stretch):
            ids = torch.randint(model.config.vocabulary, (1, min(stretch, tokens - start)), device=model.device)
            _, state = model(ids, state, logits="none")
    if model.device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started
