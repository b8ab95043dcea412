"""A program for test_training_command.py: children save a run without pause and are killed.

Run as `python training_saver.py FOLDER KILLS`. Every number of the n-th save is n. Prints one line of JSON: kills, how
many saves the file was found at, and how often its numbers were not all of one save.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from training_runs import small_model, small_recipe, writer

from gemma10m.training.saved_run import RunOrigin, load_run, save_run
from gemma10m.training.trainer import Trainer

ORIGIN = RunOrigin("data", "scratch", "")


def main(folder: Path, kills: int) -> dict[str, int]:
    torch.set_num_threads(1)
    recipe = small_recipe()
    trainer = Trainer(small_model(recipe), writer(), recipe)
    fill(trainer, 0)
    started = time.monotonic()
    save_run(trainer, ORIGIN, folder)
    pace = time.monotonic() - started
    moments, found, torn = random.Random(3), set(), 0
    for _ in range(kills):
        kill_while_saving(trainer, folder, moments.uniform(0, 4 * pace))
        saved = load_run(folder, trainer)
        assert saved is not None
        numbers = {float(number) for tensor in saved.tensors.values() for number in tensor.unique()}
        torn += numbers != {float(saved.position.step)}
        found.add(saved.position.step)
    return {"kills": kills, "found": len(found), "torn": torn}


def fill(trainer: Trainer, number: int) -> None:
    with torch.no_grad():
        for parameter in trainer.model.parameters():
            parameter.fill_(number)
            moments = {name: torch.full_like(parameter, number) for name in ("exp_avg", "exp_avg_sq")}
            trainer.optimizer.state[parameter] = {"step": torch.tensor(float(number)), **moments}
    trainer.position = replace(trainer.position, step=number)


def kill_while_saving(trainer: Trainer, folder: Path, seconds: float) -> None:
    """Kill the child `seconds` after its first save, however long a busy machine lets it wait for that."""
    listening, telling = os.pipe()
    child = os.fork()
    if not child:
        for number in range(1, 10**6):
            fill(trainer, number)
            save_run(trainer, ORIGIN, folder)
            os.write(telling, b".")
    os.read(listening, 1)
    time.sleep(seconds)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(listening)
    os.close(telling)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]))))
