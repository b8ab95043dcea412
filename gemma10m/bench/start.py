"""From process start to the first byte of an answer, on a saved state."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path


def measure_start(state: Path, question: str, model: str, repeats: int) -> dict[str, object]:
    """Seconds, over `repeats` processes after a first one that fills the page cache."""
    command = [sys.executable, "-m", "gemma10m", "ask", str(state), question, "--model", model]
    seconds = [_first_byte(command) for _ in range(repeats + 1)][1:]
    return {"seconds": statistics.median(seconds), "all_seconds": seconds, "model": model}


def _first_byte(command: list[str]) -> float:
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        assert process.stdout is not None
        process.stdout.read(1)
        return time.perf_counter() - started
