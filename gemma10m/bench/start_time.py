"""Time the program from process start to the first byte of an answer, or to a read's first progress line."""

from __future__ import annotations

import os
import pty
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

from gemma10m.errors import UsageError
from gemma10m.folders import demo_folder
from gemma10m.models.decoder import Decoder
from gemma10m.state_file import read_header
from gemma10m.weights.save_model import save_model

COUNTED = b"tok/s"  # stands in every progress line that counts
SENTENCE = "It is a truth universally acknowledged. "  # of a document that no model reads before its line is seen
SENTENCES = 50_000
RECALLED = "64"  # tokens


def measure_start(state: Path, question: str, model: str, repeats: int) -> dict[str, object]:
    """Time the answer's first byte on a saved state, over `repeats` processes after one that fills the cache.

    From memory alone, which shows an answer as it is made, and with passages recalled and the whole answer checked.
    """
    command = [sys.executable, "-m", "gemma10m", "ask", str(state), question, "--model", model, "--recall"]
    asked = [(_first_byte([*command, "off"]), _first_byte([*command, RECALLED])) for _ in range(repeats + 1)][1:]
    seconds, recalled = zip(*asked, strict=True)
    return {
        "model": model,
        "tokens": read_header(state).position,
        "seconds": statistics.median(seconds),
        "all_seconds": seconds,
        "recalled_seconds": statistics.median(recalled),
        "all_recalled_seconds": recalled,
    }


def measure_first_progress(model: str, device: str, folder: Path, repeats: int) -> dict[str, object]:
    """Time until a terminal shows how many tokens were read, `repeats` times after one that is not counted.

    folder: where the document may be written. Raises UsageError when the program ends without such a line.
    """
    document = folder / "document.txt"
    document.write_text(SENTENCE * SENTENCES, encoding="utf-8")
    command = [sys.executable, "-m", "gemma10m", "read", str(document), "--model", model, "--device", device]
    command += ["--output", str(folder / "document.state")]
    seconds = [_first_progress(command) for _ in range(repeats + 1)][1:]
    return {"seconds": statistics.median(seconds), "all_seconds": seconds, "device": device}


def write_checkpoint(model: Decoder, folder: Path) -> None:
    """Write the model as a checkpoint folder, with the demo's tokenizer: the ids do not matter to the clock."""
    save_model(model, folder)
    for name in ("tokenizer.model", "tokenizer_config.json"):
        shutil.copy(demo_folder() / name, folder)


def _first_byte(command: list[str]) -> float:
    started = time.perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        assert process.stdout is not None
        if not process.stdout.read(1):
            raise UsageError("the program ended before its answer began")
        return time.perf_counter() - started


def _first_progress(command: list[str]) -> float:
    started, ours, theirs = time.perf_counter(), *pty.openpty()
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:  # noqa: S603
        os.close(theirs)
        try:
            shown = b""
            while COUNTED not in shown:
                shown += _read(ours)
            return time.perf_counter() - started
        finally:
            process.kill()
            os.close(ours)


def _read(terminal: int) -> bytes:
    try:
        found = os.read(terminal, 4096)
    except OSError:  # what Linux says when the other side is gone
        found = b""
    if not found:
        raise UsageError("the program ended before it showed how far it was")
    return found
