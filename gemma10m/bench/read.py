"""Read random ids: tokens/s, utilisation against a product measured in the same run, peak memory."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise

import torch

from gemma10m import ops
from gemma10m.bench.ceiling import matrix_peak
from gemma10m.bench.flops import needed_flops
from gemma10m.bench.timing import spread, synchronise
from gemma10m.heap import keeping_freed
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.reading.pace import Pace
from gemma10m.reading.stretch import peak_memory

WARM_UP = 2  # stretches


@dataclass(frozen=True)
class RandomRead:
    pace: Pace
    stretches: list[tuple[int, float]]  # tokens and seconds of each
    state: State


def measure_read(model: Decoder, tokens: int) -> dict[str, object]:
    """Time one read of `tokens` tokens after two stretches that are not counted, by stretch and as a whole."""
    device = model.device.type
    peak = matrix_peak(device, model.dtype)
    read_random(model, WARM_UP * Pace(model).tokens)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    found = read_random(model, tokens)
    seconds = sum(taken for _, taken in found.stretches)
    flops = needed_flops(model, tokens)
    return {
        "layers": model.config.layers,
        "memory": model.reading.memory,
        "segment": model.reading.segment,
        "carry": model.reading.carry,
        **({"kv": model.reading.kv} if model.reading.kv != "float" else {}),
        "dtype": model.number_format,
        "backend": ops.BACKEND,
        "tokens": tokens,
        "stretch": found.pace.tokens,
        "seconds": seconds,
        "tokens_per_second": tokens / seconds,
        "stretch_tokens_per_second": spread([count / taken for count, taken in found.stretches]),
        "flops_per_token": flops,
        "peak_flops_per_second": peak,
        "utilisation": tokens / seconds * flops / peak,
        "state_bytes": found.state.nbytes,
        "is_finite": all(
            bool(tensor.isfinite().all()) for layer in found.state.layers for _, tensor in layer.tensors()
        ),
        "peak_device_memory_bytes": torch.cuda.max_memory_allocated() if device == "cuda" else None,
        "peak_memory_bytes": peak_memory(),
    }


def read_random(model: Decoder, tokens: int) -> RandomRead:
    """Read random ids. On a GPU the host is a stretch ahead and waits for the stretch before."""
    pace, state, counts, ends = Pace(model), model.empty_state(), list[int](), [0.0]
    synchronise(model.device.type)
    ends[0] = time.perf_counter()
    with keeping_freed():  # as a read of a document does
        while state.position < tokens:
            count = min(tokens - state.position, pace.room(state.position))
            state = pace.read(torch.randint(model.config.vocabulary, (count,)).tolist(), state)
            counts.append(count)
            if model.device.type != "cuda" or len(counts) > 1:
                ends.append(time.perf_counter())
    pace.finish()
    if model.device.type == "cuda":
        ends.append(time.perf_counter())
    taken = [after - before for before, after in pairwise(ends)]
    return RandomRead(pace, list(zip(counts, taken, strict=True)), state)
