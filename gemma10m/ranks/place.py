"""Find out which rank this process is. Imports no torch: every command asks."""

from __future__ import annotations

import os
from dataclasses import dataclass

from gemma10m.errors import UsageError

VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


@dataclass(frozen=True)
class Place:
    rank: int  # counted over all machines, from 0
    ranks: int
    local: int  # counted on this machine, from 0: the number of its card


def place() -> Place | None:
    """Return this process's place among the ranks that torchrun started; None for a process that reads alone.

    Raises UsageError for numbers that cannot be.
    """
    if any(name not in os.environ for name in VARIABLES):
        return None
    numbers = {name: os.environ[name] for name in VARIABLES[:3]}
    wrong = [f"{name} is {value!r}" for name, value in numbers.items() if not (value.isascii() and value.isdigit())]
    if not wrong:
        found = Place(*(int(numbers[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))
        if found.rank < found.ranks:
            return found if found.ranks > 1 else None
        wrong = [f"RANK is {found.rank} of a WORLD_SIZE of {found.ranks}"]
    raise UsageError(f"{' and '.join(wrong)} in the environment", hint="let torchrun start the ranks, or unset RANK")
