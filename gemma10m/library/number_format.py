"""Choose the number format of a model's weights by the memory that is free, where the user names none."""

from __future__ import annotations

from pathlib import Path

import torch

from gemma10m.config import QUANTISED, ReadingConfig
from gemma10m.errors import ModelError
from gemma10m.library.listening import Listener
from gemma10m.weights.checkpoint import Checkpoint
from gemma10m.weights.loading import gpu_dtype
from gemma10m.weights.plan import memory_plan

SHARE = 0.9  # of the free memory that a plan may take


def fitting_format(
    listener: Listener, checkpoint: Checkpoint, reading: ReadingConfig, device: str, wanted: str, free: int | None
) -> str:
    """Return `wanted`, or int8 or int4 where the plan needs more than 90 % of the free bytes; a note says so.

    free: None if the system does not tell. The last format is returned where none fits, with a warning.
    """
    # A plan builds the model's skeleton; small models need none, and the rest of a plan is rarely more than this.
    if free is None or 16 * checkpoint.parameters < free or (device == "cuda" and gpu_dtype() != "bfloat16"):
        return wanted
    room, sizes = SHARE * free, dict[str, int]()
    narrower = QUANTISED[QUANTISED.index(wanted) + 1 :] if wanted in QUANTISED else QUANTISED
    for number_format in (wanted, *narrower):
        try:
            plan = memory_plan(checkpoint.config, reading, number_format, 1, stored=checkpoint.stored_bits)
        except ModelError:
            break  # rows that groups do not divide
        sizes[number_format] = plan.on_device(device)
        if sizes[number_format] <= room:
            break
    found = next((name for name, size in sizes.items() if size <= room), list(sizes)[-1])
    if found != wanted:
        needs = f"{wanted} needs {sizes[wanted] / 1e9:.1f} GB"
        listener.note(f"{needs}, {free / 1e9:.1f} GB are free: the weights are kept in {found} (--dtype overrides)")
    if sizes[found] > room:
        listener.warn(f"{checkpoint.name} needs {sizes[found] / 1e9:.1f} GB in {found}, {free / 1e9:.1f} GB are free")
    return found


def free_memory(device: str) -> int | None:
    """Return the bytes that are free on the GPU or in the machine, or None if the system does not tell."""
    return torch.cuda.mem_get_info()[0] if device == "cuda" else machine_memory("MemAvailable")


def machine_memory(name: str) -> int | None:
    """Return a line of Linux's /proc/meminfo in bytes: MemTotal or MemAvailable."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{name}:")), None)
