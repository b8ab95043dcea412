"""A program for test_state_file_kill.py: children save without pause and are killed; nothing may ever be torn.

Run as `python state_saver.py FOLDER KILLS`. Prints one line of JSON, for atomic saves and for a fifth as many in-place
ones: kills, kills that left a temporary file, and how often the file was neither the old state nor the new one.
torch is imported once; a child is a fork.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import torch
from states import expectation, random_state, same_bits, sample_header, small_config

from gemma10m.config import ReadingConfig
from gemma10m.errors import StateError
from gemma10m.memory.state import State
from gemma10m.state_file import StateHeader, load_state, save_state

CONFIG = small_config(layers=4, kv_heads=2, head_size=64)
READING = ReadingConfig("gated", segment=64, carry=128, sinks=4)


Save = Callable[[], object]
Pair = tuple[State, StateHeader]


def naive_save(path: Path, data: bytes) -> None:
    """Save as people do without atomic files: open the old file and write over it."""
    with open(path, "wb", buffering=0) as file:
        for start in range(0, len(data), 4096):
            file.write(data[start : start + 4096])


def main(folder: Path, kills: int) -> dict[str, dict[str, int]]:
    torch.set_num_threads(1)
    path = folder / "state"
    states = [
        (random_state(CONFIG, READING, at, "bfloat16", seed=at), sample_header(CONFIG, READING, at, "bfloat16"))
        for at in (150, 300)
    ]
    atomic = [partial(save_state, path, *pair) for pair in states]
    naive = [partial(naive_save, path, bytes_after(save, path)) for save in atomic]
    return {"atomic": torn_by(atomic, states, path, kills), "naive": torn_by(naive, states, path, kills // 5)}


def torn_by(saves: Sequence[Save], states: Sequence[Pair], path: Path, kills: int) -> dict[str, int]:
    moments = random.Random(5)
    hits = torn = 0
    for _ in range(kills):
        kill_while_saving(saves, moments.uniform(0, 0.03))
        leftovers = list(path.parent.glob(".gemma10m-*.tmp"))
        hits += bool(leftovers)
        for leftover in leftovers:
            leftover.unlink()
        if not any(holds(path, *pair) for pair in states):
            torn += 1
            saves[0]()
    return {"kills": kills, "hits": hits, "torn": torn}


def bytes_after(save: Save, path: Path) -> bytes:
    save()
    return path.read_bytes()


def kill_while_saving(saves: Sequence[Save], seconds: float) -> None:
    started, start = os.pipe()
    child = os.fork()
    if not child:
        os.write(start, b".")
        while True:
            for save in saves:
                save()
    os.read(started, 1)
    os.close(started)
    os.close(start)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)


def holds(path: Path, state: State, header: StateHeader) -> bool:
    try:
        loaded, found = load_state(path, expect=expectation(CONFIG, header))
    except StateError:
        return False
    return found == header and same_bits(loaded, state)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
