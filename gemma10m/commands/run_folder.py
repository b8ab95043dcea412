"""Check and begin the folder of a training run, and resume the run in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from gemma10m.atomic_file import write_bytes, write_json
from gemma10m.commands.training_run import Run, holds_run, refuse_held
from gemma10m.errors import ConfigError, UsageError
from gemma10m.regular_file import read_regular, reason
from gemma10m.strict_json import strict_json
from gemma10m.terminal import Terminal
from gemma10m.tokens import TOKENIZER_FILES
from gemma10m.training.recipe import HINT, Recipe, recipe_of
from gemma10m.training.saved_run import load_run

RECIPE = "recipe.json"


def read_recipe(path: Path) -> Recipe:
    """Read a recipe. Raises UsageError for a file that is not JSON, ConfigError for its words and numbers."""
    return recipe_of(recipe_object(path, HINT))


def recipe_object(path: Path, hint: str) -> object:
    """Return the value in a recipe's file. Raises UsageError for a file that is not JSON."""
    try:
        return strict_json(read_regular(path).decode())
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} is not a recipe: {reason(error)}", hint) from error


def check_folder(out: Path, recipe: Recipe) -> None:
    """Refuse a folder with a run of another recipe, or with a checkpoint that no run made.

    Raises UsageError, and DiskError for a folder without permission.
    """
    if not holds_run(out):
        kept = () if _has_begun(out, recipe) else TOKENIZER_FILES
        held = [name for name in ("config.json", *kept) if (out / name).exists()]
        refuse_held(out, [*held, *sorted(path.name for path in out.glob("*.safetensors*"))], "a checkpoint there")
        return
    if differences := recipe.differences(read_recipe(out / RECIPE)):
        raise UsageError(
            f"{out} holds a run of another recipe: {'; '.join(differences)}",
            hint="give --out another folder, or the earlier recipe to resume",
        )


def _has_begun(out: Path, recipe: Recipe) -> bool:
    """Tell if this run began here and ended before its first save: then its recipe and tokenizer are there."""
    try:
        return not recipe.differences(read_recipe(out / RECIPE))
    except (UsageError, ConfigError):
        return False


def begin(terminal: Terminal, run: Run, files: Mapping[str, bytes], notes: tuple[str, ...]) -> None:
    """Resume the folder's run, or save a new one of zero steps.

    files: its tokenizer's; notes: sentences for a new run.
    """
    out, saved = run.out, load_run(run.out, run.trainer)
    if saved is None:
        for note in notes:
            terminal.note(note)
        # First, so that a start which is cut off is known as this run's.
        write_json(out / RECIPE, asdict(run.trainer.recipe))
        _write_tokenizer(files, out)
        run.save()
        return
    if saved.origin != run.origin:
        found, expected = asdict(saved.origin), asdict(run.origin)
        other = [name for name in found if found[name] != expected[name]]
        raise UsageError(
            f"{out} holds a run that was started with another {' and another '.join(other)}",
            hint="give --out another folder, or the options that the run was started with",
        )
    run.resume(saved)
    if run.trainer.done:
        terminal.note(f"the run in {out} is complete after {saved.position.step:,} steps")
    else:
        terminal.note(f"resuming after step {saved.position.step:,} of the run in {out}")


def _write_tokenizer(files: Mapping[str, bytes], out: Path) -> None:
    """Write the tokenizer's files. Raises DiskError."""
    for name in TOKENIZER_FILES:
        if name in files:
            write_bytes(out / name, files[name])
        else:
            (out / name).unlink(missing_ok=True)
