"""Say in which number format a model fits into the cards people have, and into this machine's memory."""

from __future__ import annotations

from collections.abc import Mapping

from gemma10m.config import QUANTISED, ModelConfig, ReadingConfig
from gemma10m.errors import ModelError
from gemma10m.library.number_format import SHARE, machine_memory
from gemma10m.progress import format_bytes
from gemma10m.weights.plan import MemoryPlan, memory_plan

CARDS = (6, 8, 12, 16, 24)  # GB
FORMATS_WIDEST_FIRST = ("bfloat16", *QUANTISED)


def fits(config: ModelConfig, reading: ReadingConfig, stored: Mapping[str, int]) -> list[tuple[str, str]]:
    """Return what `info` says: the widest format that fits each card, and the memory of this machine.

    stored: as in `memory_plan`.
    """
    plans = {name: plan for name in FORMATS_WIDEST_FIRST if (plan := _plan(config, reading, name, stored))}
    on_cards = [f"{size} GB {_widest(plans, size * 10**9, 'cuda')}" for size in CARDS]
    rows = [("fits cards", ", ".join(on_cards))]
    if size := machine_memory("MemTotal"):
        rows.append(("fits here", f"{_widest(plans, size, 'cpu')} in {format_bytes(size)} of main memory"))
    return rows


def _plan(
    config: ModelConfig, reading: ReadingConfig, number_format: str, stored: Mapping[str, int]
) -> MemoryPlan | None:
    try:
        return memory_plan(config, reading, number_format, 1, stored=stored)
    except ModelError:
        return None  # rows that groups do not divide


def _widest(plans: dict[str, MemoryPlan], size: int, device: str) -> str:
    return next((name for name, plan in plans.items() if plan.on_device(device) <= SHARE * size), "nothing")
