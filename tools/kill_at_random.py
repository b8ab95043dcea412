"""Kill the program at random moments and run it again: `python tools/kill_at_random.py KILLS [--results FILE]`.

Reading with its index, answering, summarising and training take turns. Each time a forked process runs the command and
is killed with SIGKILL; then the same command runs to its end, and what it leaves is compared, bit for bit, with what a
run that nobody killed left. Print a row with the number of kills, of kills that came before the end, of files that were
damaged, of reruns that differ and of temporary files that are left.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import safe_open

from gemma10m import saved_states
from gemma10m.bench.rows import append_rows
from gemma10m.cli import main as run_program

QUESTIONS = "What is the special magic number for amber-lantern?\nWho walked on?\n"
RECIPE = {
    "stages": [{"length": 96, "tokens": 3000}],
    "tokens_per_step": 400,
    "warmup_tokens": 500,
    "save_every": 2,
    "segment": 32,
    "carry": 32,
    "sinks": 4,
    "tasks": {"needle": 1, "text": 1},
    "facts": 1,
    "questions": 1,
}
SHAPE = {
    "model_type": "gemma",
    "vocab_size": 600,
    "max_position_embeddings": 8192,
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "head_dim": 16,
    "intermediate_size": 64,
}


class Activity:
    """A command, the folder that it works in, and what it leaves there."""

    def __init__(self, name: str, base: Path, words: list[str], result: Callable[[Path], str]) -> None:
        self.name, self.words, self.result = name, words, result
        self.folder = base / name
        self.wanted, self.seconds = self.expected()

    def expected(self) -> tuple[str, float]:
        """Return what a run leaves that nobody kills, and how long it takes."""
        self.clear()
        started = time.monotonic()
        self.run()
        return self.result(self.folder), time.monotonic() - started

    def clear(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()

    def start(self) -> int:
        """Fork a process that runs the command; return its number."""
        child = os.fork()
        if child:
            return child
        os.environ["XDG_CACHE_HOME"] = str(self.folder / "cache")
        with open(self.folder / "log", "a", encoding="utf-8") as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        sys.argv = ["gemma10m", *(word.replace("FOLDER", str(self.folder)) for word in self.words)]
        try:
            run_program()
        except SystemExit as end:
            os._exit(end.code if isinstance(end.code, int) else 1)
        finally:
            os._exit(1)

    def run(self) -> None:
        _, status = os.waitpid(self.start(), 0)
        if status:
            log = (self.folder / "log").read_text(encoding="utf-8")
            raise SystemExit(f"{self.name} ended with {os.waitstatus_to_exitcode(status)}:\n{log[-2000:]}")

    def kill(self, seconds: float) -> bool:
        """Kill the command after so many seconds; return whether it was still running."""
        child = self.start()
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def tensors(path: Path) -> str:
    """Return the hash of all tensors of a file; raises SafetensorError for a damaged one."""
    found = hashlib.sha256()
    with safe_open(path, "pt") as file:
        for name in sorted(file.keys()):
            found.update(name.encode() + file.get_tensor(name).flatten().view(torch.uint8).numpy().tobytes())
    return found.hexdigest()


def rows(path: Path) -> str:
    """Return the hash of an index's rows; raises sqlite3.Error for a damaged one."""
    database = sqlite3.connect(path)
    held = database.execute("SELECT id, file, start, stop, text FROM passages ORDER BY id").fetchall()
    database.close()
    return hashlib.sha256(repr(held).encode()).hexdigest()


def state_left(folder: Path) -> str:
    states = folder / "cache" / "gemma10m" / "states"
    return " ".join([*map(tensors, states.glob("*.safetensors")), *map(rows, states.glob("*.passages"))])


def answers_left(folder: Path) -> str:
    lines = (folder / "answers.jsonl").read_text(encoding="utf-8").splitlines()
    return repr(sorted((line["question"], line["answer"]) for line in map(json.loads, lines)))


def summaries_left(folder: Path) -> str:
    kept = (folder / "cache" / "gemma10m" / "summaries").glob("*.json")
    return repr(sorted((path.name, path.read_text(encoding="utf-8")) for path in kept))


def run_left(folder: Path) -> str:
    return " ".join(tensors(folder / "out" / name) for name in ("model.safetensors", "run.safetensors"))


def activities(base: Path) -> list[Activity]:
    book = Path(__file__).parents[1] / "examples" / "persuasion.txt"
    text = book.read_text(encoding="utf-8")
    for name, size in (("book.txt", 120_000), ("short.txt", 6_000)):
        (base / name).write_text(text[:size], encoding="utf-8")
    (base / "questions.txt").write_text(QUESTIONS, encoding="utf-8")
    (base / "recipe.json").write_text(json.dumps(RECIPE), encoding="utf-8")
    (base / "config.json").write_text(json.dumps(SHAPE), encoding="utf-8")
    demo = ["--model", "demo"]
    asked = ["--questions", f"{base}/questions.txt", "-o", "FOLDER/answers.jsonl", *demo]
    trained = ["--data", f"{base}/book.txt", "--out", "FOLDER/out", "--recipe", f"{base}/recipe.json"]
    training = Activity("training", base, ["train", *trained, "--config", f"{base}/config.json"], run_left)
    model = shutil.copytree(training.folder / "out", base / "model")  # the demo does not summarise
    summed = ["--by", "sections", "--max-new-tokens", "8", "--model", str(model)]
    return [
        Activity("reading", base, ["read", f"{base}/book.txt", *demo], state_left),
        Activity("answering", base, ["ask", f"{base}/short.txt", *asked], answers_left),
        Activity("summarising", base, ["summarize", f"{base}/short.txt", *summed], summaries_left),
        training,
    ]


def leftovers(folder: Path) -> int:
    return sum(1 for _ in folder.rglob(".gemma10m-*.tmp"))


def measure(kills: int, base: Path) -> dict[str, object]:
    draw, found, of_each = random.Random(11), Counter[str](), Counter[str]()
    turns = activities(base)
    for number in range(kills):
        activity = turns[number % len(turns)]
        activity.clear()
        of_each[activity.name] += 1
        found["before the end"] += activity.kill(draw.uniform(0, activity.seconds))
        found["temporary files after a kill"] += leftovers(activity.folder)
        activity.run()
        try:
            found["reruns that differ"] += activity.result(activity.folder) != activity.wanted
        except (OSError, ValueError, sqlite3.Error) as error:
            sys.stderr.write(f"{activity.name}: {error}\n")
            found["damaged"] += 1
        found["temporary files after the rerun"] += leftovers(activity.folder)
    names = ("before the end", "damaged", "reruns that differ", "temporary files after a kill")
    counts = {name.replace(" ", "_"): found[name] for name in (*names, "temporary files after the rerun")}
    return {"kills": kills, "of_each": dict(of_each), **counts}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kills", type=int)
    parser.add_argument("--results", type=Path)
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    saved_states.CHECKPOINT_SECONDS = 0.0  # a checkpoint after every stretch
    with tempfile.TemporaryDirectory() as folder:
        row = measure(wanted.kills, Path(folder))
    sys.stdout.write("".join(f"{name}: {value}\n" for name, value in row.items()))
    if wanted.results:
        append_rows(wanted.results, "kills", f"python tools/kill_at_random.py {wanted.kills}", [row])


if __name__ == "__main__":
    main()
