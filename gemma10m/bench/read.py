"""Reading random ids: tokens/s, utilisation against a product measured in the same run, peak memory."""

from __future__ import annotations

import time
from collections.abc import Iterator

import torch

from gemma10m import ops
from gemma10m.bench.ceiling import matrix_peak
from gemma10m.bench.flops import needed_flops
from gemma10m.bench.timing import spread, synchronise
from gemma10m.models.gemma import Gemma
from gemma10m.reading.pace import Pace
from gemma10m.reading.stretch import peak_memory

WARM_UP = 2  # stretches


def measure_read(model: Gemma, tokens: int) -> dict[str, object]:
    """One read of `tokens` tokens after two stretches that are not counted; rates by stretch and of the whole."""
    device = model.device.type
    peak = matrix_peak(device, model.dtype)
    for _ in stretches(model, WARM_UP * Pace(model).tokens):
        pass
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    synchronise(device)
    started = time.perf_counter()
    rates = list(stretches(model, tokens))
    synchronise(device)
    seconds = time.perf_counter() - started
    flops = needed_flops(model.config, model.reading)
    return {
        "layers": model.config.layers,
        "memory": model.reading.memory,
        "segment": model.reading.segment,
        "carry": model.reading.carry,
        "dtype": str(model.dtype).removeprefix("torch."),
        "backend": ops.BACKEND,
        "tokens": tokens,
        "stretch": Pace(model).tokens,
        "seconds": seconds,
        "tokens_per_second": tokens / seconds,
        "stretch_tokens_per_second": spread(rates),
        "flops_per_token": flops,
        "peak_flops_per_second": peak,
        "utilisation": tokens / seconds * flops / peak,
        "peak_device_memory_bytes": torch.cuda.max_memory_allocated() if device == "cuda" else None,
        "peak_memory_bytes": peak_memory(),
    }


def stretches(model: Gemma, tokens: int) -> Iterator[float]:
    """Tokens/s of each stretch; on a GPU the host is one ahead, so that they tell the truth but for the first."""
    pace, state, left = Pace(model), model.empty_state(), tokens
    while left:
        started = time.perf_counter()
        count = min(left, pace.room(state.position))
        ids = torch.randint(model.config.vocabulary, (count,)).tolist()
        state = pace.read(ids, state)
        left -= count
        yield count / (time.perf_counter() - started)
