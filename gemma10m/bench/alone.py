"""Load a model and read ids in a process that does nothing else, so that its peak memory is theirs."""

from __future__ import annotations

import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import torch

from gemma10m.config import ReadingConfig
from gemma10m.reading.pace import Pace
from gemma10m.reading.stretch import peak_memory
from gemma10m.weights.loading import load_model


@dataclass(frozen=True)
class Alone:
    """Hold resident bytes: before the model is loaded, the most until it is loaded, and until all is read."""

    bytes_before: int
    load_seconds: float
    load_peak_bytes: int
    read_peak_bytes: int


def read_alone(path: Path, device: str, dtype: str, reading: ReadingConfig, ids: list[int]) -> Alone:
    """Load the model and read the ids in a new process, with as many threads as this one computes with.

    That process is not spawned by this one, whose memory it would count as its own.
    """
    with ProcessPoolExecutor(1, get_context("forkserver")) as processes:
        return processes.submit(_read, path, device, dtype, reading, ids, torch.get_num_threads()).result()


def _read(path: Path, device: str, dtype: str, reading: ReadingConfig, ids: list[int], threads: int) -> Alone:
    torch.set_num_threads(threads)
    before, started = peak_memory(), time.perf_counter()
    model = load_model(path, device, dtype, **reading.said())
    seconds, loaded = time.perf_counter() - started, peak_memory()
    pace = Pace(model)
    pace.read(ids, model.empty_state())
    pace.finish()
    return Alone(before, seconds, loaded, peak_memory())
