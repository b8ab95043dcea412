"""Save and resume a training run: the trained weights, their moments and where the run is, in run.safetensors alone.

What other commands read, a checkpoint or an adapter, is written from it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from torch import Tensor

from gemma10m.errors import TrainingError
from gemma10m.training.parameters import trained
from gemma10m.training.run_file import (
    RUN,
    are_finite,
    cannot_resume,
    check_tensors,
    read_run,
    restore_tensors,
    run_tensors,
    write_run,
)
from gemma10m.training.schedule import Position
from gemma10m.training.trainer import Trainer

FORMAT = "gemma10m.training/1"


@dataclass(frozen=True)
class RunOrigin:
    """Hold what a run was started on; it resumes with the same alone."""

    data: str  # the document's fingerprint
    start: str  # the checkpoint's fingerprint, or "scratch"
    teacher: str  # the teacher's fingerprint, "same", or ""


@dataclass(frozen=True)
class SavedRun:
    origin: RunOrigin
    position: Position
    tensors: dict[str, Tensor]


def save_run(trainer: Trainer, origin: RunOrigin, folder: Path) -> None:
    """Save everything a run needs to resume from here.

    Raises DiskError, and TrainingError for numbers that are not finite; the file of before is then as it was.
    """
    tensors = run_tensors(trained(trainer.model), trainer.optimizer)
    if not are_finite(tensors):
        raise TrainingError(
            f"the weights of step {trainer.position.step} are no longer finite",
            hint="lower learning_rate or gate_learning_rate in the recipe",
        )
    about = {"format": FORMAT, "origin": asdict(origin), "position": asdict(trainer.position)}
    write_run(folder / RUN, about, tensors)


def load_run(folder: Path, trainer: Trainer) -> SavedRun | None:
    """Load the folder's run, checked against the trainer's model, or None without one. Raises StateError."""
    path = folder / RUN
    if not path.is_file():
        return None
    about, tensors = read_run(path, FORMAT)
    try:
        origin, position = RunOrigin(**about["origin"]), Position(**about["position"])
    except (KeyError, TypeError) as error:
        raise cannot_resume(path, str(error)) from error
    check_tensors(path, tensors, run_tensors(trained(trainer.model), trainer.optimizer))
    _check(path, position, len(trainer.recipe.stages))
    return SavedRun(origin, position, tensors)


def restore(trainer: Trainer, saved: SavedRun) -> None:
    """Restore the trainer to where the run was saved."""
    restore_tensors(trained(trainer.model), trainer.optimizer, saved.tensors)
    trainer.go_to(saved.position)


def _check(path: Path, position: Position, stages: int) -> None:
    counts = [value for name, value in asdict(position).items() if name != "running_loss"]
    if not all(type(count) is int and count >= 0 for count in counts) or type(position.running_loss) is not float:
        raise cannot_resume(path, f"it has a position that no run has: {position}")
    if position.stage > stages:
        raise cannot_resume(path, f"it is in stage {position.stage + 1} of {stages}")
