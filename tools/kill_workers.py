"""Kill workers of `read-all` again and again: `python tools/kill_workers.py SECONDS [--documents 200] [--ray]`.

Small documents are read undisturbed, then in another run of which a worker is killed every SECONDS. Print a row with
the number of kills, of states that differ, bit for bit but for the seconds that reading took, of documents that ended
twice or not at all, and of temporary files that are left. With --full BYTES the disk of the states has only so many
bytes instead, and nobody is killed (a tmpfs, which only root may mount): print how many states are whole, and how many
are named as failed; then the run is repeated with room.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from kill_at_random import leftovers, rows, tensors

from gemma10m.bench.rows import append_rows
from gemma10m.library.states_index import MERGED_INDEX, states_in
from gemma10m.state_file import read_header

BOOK = Path(__file__).parents[1] / "examples" / "persuasion.txt"
WORKERS = ("spawn_main", "ray::ReadingActor")  # how the command line of a worker's process reads
LENGTH = 12_000  # characters of a document


def write_documents(folder: Path, count: int) -> Path:
    folder.mkdir()
    text = BOOK.read_text(encoding="utf-8")
    for number in range(count):
        start = number * (len(text) - LENGTH) // count
        (folder / f"{number:03}.txt").write_text(text[start : start + LENGTH], encoding="utf-8")
    return folder


def start(documents: Path, states: Path, words: list[str]) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "gemma10m", "read-all", str(documents), "-o", str(states), "-m", "demo", "--json"]
    return subprocess.Popen([*command, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def workers_of(process: int) -> list[int]:
    """Return the processes of workers below the process, by what the system tells of each."""
    parents, found = dict[int, int](), list[int]()
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        try:
            stat = Path(entry.path, "stat").read_text(encoding="ascii", errors="replace")
            command = Path(entry.path, "cmdline").read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
        if any(word in command for word in WORKERS):
            found.append(int(entry.name))
    return [one for one in found if process in _above(one, parents)]


def _above(process: int, parents: dict[int, int]) -> Iterator[int]:
    while process := parents.get(process, 0):
        yield process


def disturbed(run: subprocess.Popen[str], seconds: float) -> tuple[int, str]:
    """Kill a worker every so often until the run ends; return the number of kills and what it wrote."""
    draw, kills = random.Random(11), 0
    while True:
        try:
            out, err = run.communicate(timeout=seconds)
            sys.stderr.write(err)
            return kills, out
        except subprocess.TimeoutExpired:
            if workers := workers_of(run.pid):
                os.kill(draw.choice(workers), signal.SIGKILL)
                kills += 1


def content(states: Path) -> dict[str, str]:
    """Return what a run must leave of each document, by the state's name; raises for a damaged file."""
    found = dict[str, str]()
    for name in states_in(states).indexed:
        header = replace(read_header(states / name), seconds=0.0)
        found[name] = f"{header} {tensors(states / name)} {rows(states / (name + '.passages'))}"
    return found


def ended(out: str) -> Counter[str]:
    return Counter(record["document"] for record in map(json.loads, out.splitlines()))


def measure_kills(base: Path, count: int, seconds: float, words: list[str]) -> dict[str, object]:
    documents = write_documents(base / "documents", count)
    started = time.monotonic()
    start(documents, base / "undisturbed", []).communicate()
    undisturbed, started = time.monotonic() - started, time.monotonic()
    kills, out = disturbed(start(documents, base / "states", words), seconds)
    took, times = time.monotonic() - started, ended(out)
    wanted, found = content(base / "undisturbed"), content(base / "states")
    return {
        "documents": count,
        "by": "ray" if words else "processes",
        "seconds_between_kills": seconds,
        "kills": kills,
        "states": len(found),
        "states_that_differ": sum(found.get(name) != wanted[name] for name in wanted) + (len(wanted) != count),
        "ended_twice": sum(number > 1 for number in times.values()),
        "never_ended": count - len(times),
        "temporary_files": leftovers(base / "states"),
        "library_differs": rows(base / "states" / MERGED_INDEX) != rows(base / "undisturbed" / MERGED_INDEX),
        "seconds": round(took, 1),
        "seconds_undisturbed": round(undisturbed, 1),
    }


def measure_full(base: Path, count: int, nbytes: int, words: list[str]) -> dict[str, object]:
    documents, states = write_documents(base / "documents", count), base / "disk" / "states"
    start(documents, base / "undisturbed", []).communicate()
    with mounted(base / "disk", nbytes):
        run = start(documents, states, words)
        out, _ = run.communicate()
        records = [json.loads(line) for line in out.splitlines()]
        whole, wanted = content(states), content(base / "undisturbed")
        left = leftovers(states)
        subprocess.run(["mount", "-o", "remount,size=1g", str(base / "disk")], check=True)
        again = start(documents, states, words)
        again.communicate()
        after = content(states)
    return {
        "documents": count,
        "by": "ray" if words else "processes",
        "disk_bytes": nbytes,
        "exit_code": run.returncode,
        "read": sum(record["ended"] == "read" for record in records),
        "named_as_failed": sum(record["ended"] == "failed" and record["exit_code"] == 7 for record in records),
        "whole_states": sum(whole[name] == wanted[name] for name in whole),
        "damaged_states": sum(whole[name] != wanted[name] for name in whole),
        "temporary_files": left,
        "exit_code_with_room": again.returncode,
        "states_that_differ_with_room": sum(after.get(name) != wanted[name] for name in wanted),
    }


@contextmanager
def mounted(folder: Path, nbytes: int) -> Iterator[None]:
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={nbytes}", "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float, nargs="?", default=20.0)
    parser.add_argument("--documents", type=int, default=200)
    parser.add_argument("--ray", action="store_true")
    parser.add_argument("--full", type=int)
    parser.add_argument("--results", type=Path)
    wanted = parser.parse_args()
    words = ["--ray"] if wanted.ray else []
    with ExitStack() as stack:
        base = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if wanted.full:
            row = measure_full(base, wanted.documents, wanted.full, words)
        else:
            row = measure_kills(base, wanted.documents, wanted.seconds, words)
    sys.stdout.write("".join(f"{name}: {value}\n" for name, value in row.items()))
    if wanted.results:
        given = [word for word in sys.argv[1:] if word not in ("--results", str(wanted.results))]
        append_rows(wanted.results, "many", " ".join(["python tools/kill_workers.py", *given]), [row])


if __name__ == "__main__":
    main()
