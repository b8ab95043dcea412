"""Train every kind of memory alike from one checkpoint, and measure each: `compare_memories.py FROM PROSE OUT`.

FROM is what recipes/demo/01.json leaves: a model that binds values to names in its window and keeps nothing beyond it.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

RECIPE = Path(__file__).parent.parent / "recipes" / "demo" / "compare.json"
KINDS = ("gated", "delta", "linear", "state-vector")
LENGTHS = ("192", "1K", "8K")
TASKS = (("passkey",), ("needle", "--form", "single"), ("needle", "--form", "multi-key", "--values", "word"))


def compare(start: Path, prose: Path, out: Path) -> None:
    """Write a run and rows of `gemma10m eval` for each kind into OUT; run again, it resumes."""
    for kind in KINDS:
        run, recipe = out / kind, out / f"{kind}.json"
        out.mkdir(parents=True, exist_ok=True)
        recipe.write_text(json.dumps(json.loads(RECIPE.read_text(encoding="utf-8")) | {"memory": kind}))
        gemma10m("train", start, "--data", prose / "train", "--out", run, "--recipe", recipe)
        lengths = [part for length in LENGTHS for part in ("--length", length)]
        for task in TASKS:
            shown = (*task, *lengths, "--depth", "0", "-n", "40", "--model", run, "--data", prose / "test")
            gemma10m("eval", *shown, "--results", out / "rows.jsonl")


def gemma10m(*arguments: object) -> None:
    subprocess.run([sys.executable, "-m", "gemma10m", *map(str, arguments)], check=True)


if __name__ == "__main__":
    compare(*map(Path, sys.argv[1:4]))
