"""Run the first parts of `train --memory` for recipes that ask for them: plain prose is read, addresses are fitted."""

from __future__ import annotations

import time

from gemma10m.errors import ConfigError
from gemma10m.terminal import Terminal
from gemma10m.training.address_fit import fit_layer, fit_steps
from gemma10m.training.addresses import AddressedDocument, gather
from gemma10m.training.heard_inputs import added_layers
from gemma10m.training.memory_trainer import MemoryTrainer


def prepare(terminal: Terminal, trainer: MemoryTrainer, *, fits: bool) -> None:
    """Read what the recipe's steps need, and fit addresses where it `fits`. Raises as `_address` does."""
    if trainer.recipe.plain:
        _read_plain_segments(terminal, trainer)
    if trainer.recipe.addressed and (fits or trainer.recipe.keeps_addressed):
        _address(terminal, trainer, fits=fits)


def _address(terminal: Terminal, trainer: MemoryTrainer, *, fits: bool) -> None:
    """Read the recipe's documents with facts, fit every added memory on them where it `fits`, and keep what trains on.

    Raises ConfigError where no document has an answer to find.
    """
    documents = _documents(terminal, trainer)
    if not any(document.targets for document in documents):
        raise ConfigError(
            [f"none of {len(documents)} documents holds an answer that a memory could be addressed with"],
            hint="raise addressed in the recipe, or take the tasks needle or pairs",
        )
    if fits:
        _fit(terminal, trainer, documents)
    if trainer.recipe.keeps_addressed:
        trainer.keep_addressed(documents)


def _fit(terminal: Terminal, trainer: MemoryTrainer, documents: list[AddressedDocument]) -> None:
    for place, (number, layer) in enumerate(added_layers(trainer.model).items()):
        with terminal.count_progress(f"fitting the memory of layer {number}", "steps", fit_steps()) as progress:
            for report in fit_layer(number, layer, place, documents, trainer.plain, trainer.recipe.seed):
                progress.update(report.step)
        terminal.note(f"layer {number} recalls {report.found:.0%} of the tokens asked for")
    trainer.go_to(trainer.position)


def _documents(terminal: Terminal, trainer: MemoryTrainer) -> list[AddressedDocument]:
    recipe, documents, started = trainer.recipe, list[AddressedDocument](), time.monotonic()
    with terminal.count_progress("reading documents with facts", "documents", recipe.addressed) as progress:
        for document in gather(trainer.model, trainer.writer, recipe, recipe.addressed):
            documents.append(document)
            each = (time.monotonic() - started) / len(documents)
            progress.update(len(documents), seconds_left=each * (recipe.addressed - len(documents)))
    return documents


def _read_plain_segments(terminal: Terminal, trainer: MemoryTrainer) -> None:
    """Read the prose that is written between facts and questions."""
    wanted = trainer.recipe.plain
    with terminal.count_progress("reading plain prose", "segments", wanted) as progress:
        for count in trainer.read_plain():
            progress.update(min(wanted, count))
