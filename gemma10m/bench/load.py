"""Time loading from a checkpoint in the page cache to weights where they compute."""

from __future__ import annotations

from pathlib import Path

import torch

from gemma10m.bench.ceiling import copy_rate
from gemma10m.bench.timing import repeated, spread
from gemma10m.weights.checkpoint import open_checkpoint
from gemma10m.weights.loading import load_model


def measure_load(folder: Path, device: str, dtype: str, repeats: int = 5) -> dict[str, object]:
    """Time `load_model` after a first load that fills the page cache, and its bytes/s over a copy's.

    On the CPU weights of the wanted dtype stay mapped: what is measured then is headers, checks and the map itself.
    """
    checkpoint = open_checkpoint(folder)
    found = spread(repeated(lambda: load_model(folder, device, dtype), device, repeats))
    copying = copy_rate(device)
    return {
        "weight_bytes": checkpoint.nbytes,
        "dtype": dtype,
        "seconds": found,
        "bytes_per_second": checkpoint.nbytes / found["median"],
        "copy_bytes_per_second": copying,
        "peak_device_memory_bytes": torch.cuda.max_memory_allocated() if device == "cuda" else None,
    }
