"""Seconds of a call, on the device's own clock where it has one."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence

import torch


def synchronise(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()


def seconds(call: Callable[[], object], device: str) -> float:
    """Of one call, until its last kernel is done."""
    synchronise(device)
    started = time.perf_counter()
    call()
    synchronise(device)
    return time.perf_counter() - started


def repeated(call: Callable[[], object], device: str, repeats: int) -> list[float]:
    """Seconds of `repeats` calls after one that is not counted."""
    call()
    return [seconds(call, device) for _ in range(repeats)]


def spread(found: Sequence[float]) -> dict[str, float]:
    """Median, 20th and 80th percentile."""
    if len(found) < 2:
        return {"median": found[0], "p20": found[0], "p80": found[0]}
    cuts = statistics.quantiles(found, n=5, method="inclusive")
    return {"median": statistics.median(found), "p20": cuts[0], "p80": cuts[3]}
