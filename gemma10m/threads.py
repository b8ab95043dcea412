"""Choose how many threads torch computes with, and how they wait for one another, before torch is imported.

Threads of OpenMP spin between two operations, for milliseconds. Where other work has taken a core, each spins away the
time that the thread it waits for needs: a read took seven times the processor time. So they soon sleep instead, and are
no more than the cores that this process may use and nobody else does.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

COUNTS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
WAITS = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
SPINS = 1000  # a few microseconds: between two small operations a thread is still awake
LOOKS, PAUSE = 5, 0.002  # at what runs now, and seconds between two: what runs for a moment is not counted


def choose_threads() -> None:
    """Set what the user has not set. If torch is loaded already it is too late, and not this program's choice."""
    if "torch" in sys.modules:
        return
    if not any(name in os.environ for name in WAITS):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # for every OpenMP; GNU's, which torch brings on Linux, heeds:
        os.environ["GOMP_SPINCOUNT"] = str(SPINS)
    if not any(name in os.environ for name in COUNTS) and sys.platform == "linux":
        os.environ["OMP_NUM_THREADS"] = str(free_cores())


def free_cores(proc: Path = Path("/proc"), cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Count the cores that this process may use, at most those free now, at least 1."""
    idle = (os.cpu_count() or 1) - _others_running(proc)
    return max(1, min(idle, len(os.sched_getaffinity(0)), *_quotas(proc, cgroups)))


def _others_running(proc: Path) -> int:
    """Count the threads beside this one that run or wait for a core, on the whole machine.

    The load average would count what has ended, such as this program's last run, and miss what has just begun.
    """
    running = []
    for look in range(LOOKS):
        if look:
            time.sleep(PAUSE)
        running.append(_running(proc))
    return max(0, min(running) - 1)


def _running(proc: Path) -> int:
    """Parse the R of `0.20 0.18 0.12 R/80 11206`; 1 if the file is missing."""
    try:
        return int((proc / "loadavg").read_text(encoding="ascii").split()[3].partition("/")[0])
    except (OSError, ValueError, IndexError):
        return 1


def _quotas(proc: Path, cgroups: Path) -> Iterator[int]:
    """Return the whole cores that this process's control groups, and those around them, allow."""
    for line in _text(proc / "self" / "cgroup").splitlines():
        controllers, _, group = line.partition(":")[2].partition(":")
        if not controllers:  # version 2
            for folder in _with_parents(cgroups, group):
                yield from _cores(_text(folder / "cpu.max").split())
        elif "cpu" in controllers.split(","):
            for folder in _with_parents(cgroups / "cpu", group):
                yield from _cores([_text(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period")])


def _with_parents(root: Path, group: str) -> Iterator[Path]:
    """Return the group's folder and those around it. In a container it may be the root, whatever its name says."""
    path = PurePosixPath(group.lstrip("/"))
    yield from (root / each for each in (path, *path.parents))


def _cores(limit: list[str]) -> Iterator[int]:
    """Parse a limit of quota and period, in microseconds; `max` and -1 are no limit."""
    try:
        quota, period = (int(word) for word in limit)
    except ValueError:
        return
    if quota > 0 and period > 0:
        yield quota // period


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return ""
