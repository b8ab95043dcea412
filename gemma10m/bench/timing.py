"""Time a call: by the process's clock with everything it started done, or by the device's own."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch

CACHE = 1 << 29  # bytes written between calls on a GPU, so that none finds its numbers in the cache


def synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def seconds(call: Callable[[], object], device: str) -> float:
    """Time one call, until its last kernel is done."""
    synchronise(device)
    started = time.perf_counter()
    call()
    synchronise(device)
    return time.perf_counter() - started


def repeated(call: Callable[[], object], device: str, repeats: int) -> list[float]:
    """Time `repeats` calls after one that is not counted."""
    call()
    return [seconds(call, device) for _ in range(repeats)]


def device_seconds(call: Callable[[], object], device: str, repeats: int) -> list[float]:
    """Time as `repeated` does, but on a GPU by its own clock, without the launch, which outlasts a small kernel."""
    if device != "cuda":
        return repeated(call, device, repeats)
    call()
    flushed = torch.empty(CACHE, dtype=torch.int8, device=device)
    marks = [[torch.cuda.Event(enable_timing=True) for _ in range(2)] for _ in range(repeats)]
    for before, after in marks:
        flushed.zero_()
        before.record()
        call()
        after.record()
    torch.cuda.synchronize()
    return [before.elapsed_time(after) / 1e3 for before, after in marks]


def spread(found: Sequence[float]) -> dict[str, float]:
    """Return the median, 20th and 80th percentile."""
    if len(found) < 2:
        return {"median": found[0], "p20": found[0], "p80": found[0]}
    cuts = statistics.quantiles(found, n=5, method="inclusive")
    return {"median": statistics.median(found), "p20": cuts[0], "p80": cuts[3]}
