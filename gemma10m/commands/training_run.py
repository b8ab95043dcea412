"""Run the steps of a training, and report what its folder holds when one fails or a signal comes."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from gemma10m.commands.training_notes import Notes
from gemma10m.errors import DiskError, Gemma10MError, Interrupted, OutOfMemoryError, UsageError, is_out_of_memory
from gemma10m.library.signals import stop_on_signals
from gemma10m.models.decoder import Decoder
from gemma10m.terminal import Terminal
from gemma10m.training.log import Log, open_log
from gemma10m.training.run_file import RUN
from gemma10m.training.saved_run import RunOrigin, SavedRun, restore, save_run
from gemma10m.training.trainer import StepReport, Trainer
from gemma10m.weights.save_model import save_model

WriteModel = Callable[[Decoder, Path], None]


class Run:
    def __init__(
        self,
        trainer: Trainer,
        origin: RunOrigin,
        out: Path,
        write: WriteModel = save_model,
        again: str | None = "gemma10m train {out} --out OTHER",
    ) -> None:
        """Prepare a run in the folder `out`.

        again: the command that trains further what `write` leaves there, if any does.
        """
        self.trainer, self.origin, self.out, self._write = trainer, origin, out, write
        self._again = again and again.format(out=shlex.quote(str(out)))
        self._held = self._model_held = -1  # the step that run.safetensors is of, and that of model.safetensors

    def resume(self, saved: SavedRun) -> None:
        """Continue from a saved run. Raises DiskError."""
        restore(self.trainer, saved)
        self._held = saved.position.step
        with self._telling_what_is_held():
            self._save_model()

    def go(self, terminal: Terminal) -> None:
        """Train to the last step, and print the folder.

        Raises Interrupted, or the error of a step, with the step that the folder holds.
        """
        with stop_on_signals() as stop, open_log(self.out, self.trainer.position.step) as log:
            notes = Notes(terminal, self.trainer)
            while not self.trainer.done and not stop():
                notes.stage()
                notes.step(self._step(log))
                if self.trainer.done or self.trainer.position.step % self.trainer.recipe.save_every == 0:
                    with self._telling_what_is_held():
                        self.save()
            if stop():
                raise self._interrupted(stop.signal_number)
        terminal.line(str(self.out))

    def save(self) -> None:
        """Save the run and its model. Raises DiskError and TrainingError."""
        save_run(self.trainer, self.origin, self.out)
        self._held = self.trainer.position.step
        self._save_model()

    def _save_model(self) -> None:
        self._write(self.trainer.model, self.out)
        self._model_held = self._held

    def _step(self, log: Log) -> StepReport:
        number = self.trainer.position.step + 1
        try:
            report = self.trainer.step()
            log.add(report)
        except Gemma10MError as error:
            self._rescue()
            self._tell(error)
            raise
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            self._rescue()
            raise self._out_of_memory(number) from error
        return report

    def _rescue(self) -> None:
        """Save the steps before the one that failed; report that failure even if saving fails, too."""
        if self.trainer.whole and self.trainer.position.step > self._held:
            with suppress(Exception):
                self.save()

    @contextmanager
    def _telling_what_is_held(self) -> Iterator[None]:
        try:
            yield
        except Gemma10MError as error:
            self._tell(error)
            raise

    def _tell(self, error: Gemma10MError) -> None:
        """Add what the folder holds to an error, and keep its class, which has the exit code."""
        if self._model_held != self._held:
            error.message += f"; {self.out} holds the run of step {self._held}, and the same command writes its model"
        else:
            error.message += f"; {self.out} holds the checkpoint of step {self._held}"
            if self._again and not isinstance(error, DiskError):
                elsewhere = f"`{self._again}` continues from it with another recipe"
                error.hint = f"{error.hint}; {elsewhere}" if error.hint else elsewhere
        error.args = (error.message,)

    def _out_of_memory(self, step: int) -> OutOfMemoryError:
        error = OutOfMemoryError(
            f"step {step} needs more memory than is free",
            hint="free some and run the same command again, or lower tokens_per_step or backprop in the recipe",
        )
        self._tell(error)
        return error

    def _interrupted(self, signal_number: int) -> Interrupted:
        step = self.trainer.position.step
        if self.trainer.done:
            return Interrupted(
                f"stopped after step {step}, the last one: the run in {self.out} is complete",
                signal_number=signal_number,
            )
        if step > self._held:
            with self._telling_what_is_held():
                self.save()
        return Interrupted(
            f"stopped after step {step}; the run is saved in {self.out}",
            hint="run the same command again to resume",
            signal_number=signal_number,
        )


def refuse_data_around(data: list[str], out: Path) -> None:
    """Refuse a folder for the run that lies in one of its data. Raises UsageError."""
    for source in data:
        # os.path.isdir, unlike Path.is_dir, says no of what may not be looked at; opening the source says why.
        if os.path.isdir(source) and out.resolve().is_relative_to(Path(source).resolve()):
            raise UsageError(
                f"{out} lies in {source}, and the run would train on what it writes there",
                hint="give --out a folder outside of --data",
            )


def refuse_start(start: str | Path, what: str, out: Path) -> None:
    """Refuse a folder for the run that holds what the run starts from. Raises UsageError."""
    if Path(start).resolve() == out.resolve():
        raise UsageError(f"{out} is the {what} itself and would be overwritten", hint="give --out another folder")


def refuse_held(out: Path, held: Sequence[str], what: str = "what is there") -> None:
    """Refuse a folder for a new run that holds files of these names. Raises UsageError."""
    if held:
        raise UsageError(
            f"{out} holds {held[0]} but no training run: {what} would be overwritten", hint="give --out another folder"
        )


def holds_run(out: Path) -> bool:
    """Tell if the folder holds a run. Raises DiskError for a folder without permission."""
    try:
        with suppress(FileNotFoundError, NotADirectoryError):
            (out / RUN).lstat()
    except PermissionError as error:
        raise DiskError(
            f"{out} cannot be written: permission denied", hint="choose a folder you may write to"
        ) from error
    return (out / RUN).is_file()
