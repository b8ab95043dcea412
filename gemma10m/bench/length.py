"""Compare the cost per token and the memory of reading with those at ten times the length."""

from __future__ import annotations

import statistics

from gemma10m.bench.read import read_random
from gemma10m.models.decoder import Decoder
from gemma10m.reading.stretch import peak_memory


def measure_length(model: Decoder, short: int, repeats: int) -> dict[str, object]:
    """Read random ids of `short` and 10 * `short` tokens in turn; tokens/s are medians over `repeats` pairs."""
    rates: dict[int, list[float]] = {short: [], 10 * short: []}
    peaks: dict[int, int] = {}
    _read(model, short)
    for tokens in (short, 10 * short):
        _read(model, tokens)
        peaks[tokens] = peak_memory()
    for _ in range(repeats):
        for tokens, found in rates.items():
            found.append(tokens / _read(model, tokens))
    ratios = [long / brief for brief, long in zip(*rates.values(), strict=True)]
    return {
        "tokens": [short, 10 * short],
        "tokens_per_second": [statistics.median(found) for found in rates.values()],
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "peak_memory_bytes": list(peaks.values()),
        "peak_growth_bytes": peaks[10 * short] - peaks[short],
        "model": model.name,
    }


def _read(model: Decoder, tokens: int) -> float:
    return sum(seconds for _, seconds in read_random(model, tokens).stretches)
