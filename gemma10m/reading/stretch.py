"""Choose how many tokens go through a layer together: it changes speed and memory, never the result."""

from __future__ import annotations

import os
import resource
import sys
from contextlib import suppress

import torch

from gemma10m.models.decoder import Decoder
from gemma10m.models.layers import FEED_FORWARD_ROWS

# A stretch is what a signal or the progress line waits for: some seconds of a small card at most, about one of a slow
# core. Longer ones would make no card that is known read faster.
LONGEST = 16384
CPU_FLOPS = 4e10
CPU_LONGEST = 2048


def stretch_tokens(model: Decoder, rows: int = 1) -> int:
    """Return how many tokens of each of `rows` documents go through together: whole segments.

    On CUDA they fit into 80 % of the free memory, on the CPU into CPU_FLOPS.
    """
    segment = model.reading.segment
    if model.device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(model.device)
        free += torch.cuda.memory_reserved(model.device) - torch.cuda.memory_allocated(model.device)
        room = 0.8 * free - FEED_FORWARD_ROWS * 3 * model.config.widest_feed_forward * model.dtype.itemsize
        tokens = min(LONGEST, int(room / scratch_per_token(model) / rows))
    else:
        tokens = min(CPU_LONGEST, int(CPU_FLOPS / product_flops(model))) // rows
    return max(1, tokens // segment) * segment


def product_flops(model: Decoder) -> int:
    """Count the FLOPs of a token's products with weights, in the layers that leave something in the state."""
    config, run = model.config, model.config.last_owner + 1
    feed_forward = sum(config.feed_forward_flops(layer) for layer in range(min(run, config.layers)))
    return feed_forward + sum(mixer.cost(LONGEST).projection_flops for mixer in model.mixers[:run])


def scratch_per_token(model: Decoder) -> int:
    """Count the bytes that the hungriest layer needs per token: residual, norm, projections, float32 copies."""
    costs = [mixer.cost(LONGEST) for mixer in model.mixers]
    narrow = 6 * model.config.hidden_size + max(cost.narrow_scratch for cost in costs)
    return narrow * model.dtype.itemsize + max(cost.wide_scratch for cost in costs) * 4


def device_memory(model: Decoder) -> tuple[int, int] | None:
    """Return the bytes used on the GPU by every process, and its size; None on the CPU."""
    if model.device.type != "cuda":
        return None
    free, total = torch.cuda.mem_get_info(model.device)
    return total - free, total


def process_memory() -> int:
    """Return the resident bytes now if the system reports them, else the peak."""
    try:
        with open("/proc/self/statm", encoding="ascii") as statm:
            return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return peak_memory()


def peak_memory() -> int:
    """Return the most resident bytes of this process since it started, or since `reset_peak_memory`."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def reset_peak_memory() -> None:
    """Count the peak from now on, where the system is Linux."""
    with suppress(OSError), open("/proc/self/clear_refs", "w", encoding="ascii") as clear_refs:
        clear_refs.write("5")
