"""Run `train --memory`: teach a frozen model to remember what has left its window; the same command resumes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from gemma10m.adapters.added_memory import CONFIG as MEMORY_CONFIG
from gemma10m.adapters.added_memory import write_added_memory
from gemma10m.adapters.peft_folder import ABOUT, CONFIG, TENSORS, Adapter
from gemma10m.atomic_file import atomic_file
from gemma10m.commands.run_folder import begin, check_folder, read_recipe
from gemma10m.commands.training_notes import Notes
from gemma10m.commands.training_run import Run, holds_run, refuse_data_around
from gemma10m.config import MOST_ADDED_RANK, ReadingConfig
from gemma10m.errors import UsageError
from gemma10m.library.model_choice import ChosenModel, ModelOptions, choose_model
from gemma10m.library.signals import stop_on_signals
from gemma10m.library.sources import open_document
from gemma10m.models.decoder import Decoder
from gemma10m.strict_json import canonical_json
from gemma10m.tasks.writer import Writer
from gemma10m.terminal import Terminal
from gemma10m.tokens import load_tokenizer
from gemma10m.training.added_start import adapter_with, memory_of, untrained_memory
from gemma10m.training.corpus import corpus
from gemma10m.training.log import open_log
from gemma10m.training.parameters import select_trained
from gemma10m.training.recipe import Recipe, default_stages
from gemma10m.training.saved_run import RunOrigin
from gemma10m.training.trainer import Trainer
from gemma10m.weights.adapting import with_adapter
from gemma10m.weights.loading import load_checkpoint

READING = ReadingConfig("added", segment=512, carry=512, sinks=4)


@dataclass(frozen=True)
class MemoryOptions:
    model: str
    data: list[str]
    out: Path
    rank: int
    recipe: Path | None = None
    adapter: str | None = None
    device: str = "auto"
    dtype: str = "auto"


def train_memory(terminal: Terminal, options: MemoryOptions) -> None:
    """Train the memory of an adapter.

    Raises UsageError, ModelError, DocumentError, StateError, OutOfMemoryError, DiskError, TrainingError, Interrupted.
    """
    _check(options)
    recipe = _recipe(options.recipe)
    reading = ReadingConfig("added", recipe.segment or 0, recipe.carry or 0, recipe.sinks or 0)
    check_folder(options.out, recipe)
    chosen = choose_model(terminal, ModelOptions(options.model, options.device, options.dtype, adapter=options.adapter))
    chosen = _with_memory(chosen, options, reading, recipe.seed)
    document = open_document(terminal, options.data)
    model, tokenizer = _model(chosen, reading), load_tokenizer(chosen.path)
    writer = Writer(tokenizer, corpus(tokenizer, document.texts(), recipe.longest))
    trainer = Trainer(model, writer, recipe, dtype=model.dtype)
    assert chosen.adapter is not None
    run = Run(trainer, RunOrigin(document.fingerprint, model.fingerprint, ""), options.out, _writes(chosen.adapter))
    begin(terminal, run, {}, ())
    with stop_on_signals() as stop, open_log(options.out, trainer.position.step) as log:
        run.go(Notes(terminal, trainer), log, stop)
    terminal.line(str(options.out))


def _check(options: MemoryOptions) -> None:
    """Refuse options that cannot be meant. Raises UsageError."""
    if not 1 <= options.rank <= MOST_ADDED_RANK:
        raise UsageError(f"--memory is {options.rank}, and is from 1 to {MOST_ADDED_RANK:,}", hint="32 is a good start")
    refuse_data_around(options.data, options.out)
    if options.adapter and Path(options.adapter).resolve() == options.out.resolve():
        raise UsageError(
            f"{options.out} is the adapter itself and would be overwritten", hint="give --out another folder"
        )
    held = [name for name in (CONFIG, ABOUT, MEMORY_CONFIG) if (options.out / name).exists()]
    if held and not holds_run(options.out):
        raise UsageError(
            f"{options.out} holds {held[0]} but no training run: what is there would be overwritten",
            hint="give --out another folder",
        )


def _recipe(path: Path | None) -> Recipe:
    """Return the recipe with its reading filled in, and nothing but the memory to train."""
    recipe = read_recipe(path) if path else Recipe(default_stages(READING.segment))
    if recipe.memory not in (None, READING.memory) or recipe.train not in ("all", "memory"):
        raise UsageError(
            f"the recipe trains {recipe.train} with memory {recipe.memory}, and --memory trains an added memory alone",
            hint="leave out train and memory in the recipe",
        )
    said = {name: value for name in ("segment", "carry", "sinks") if (value := getattr(recipe, name)) is not None}
    return replace(recipe, train="memory", **asdict(replace(READING, **said)))


def _with_memory(chosen: ChosenModel, options: MemoryOptions, reading: ReadingConfig, seed: int) -> ChosenModel:
    """Give the model a memory: that of the adapter which the user named, or one that is not trained yet."""
    adapter, checkpoint = chosen.adapter, chosen.checkpoint
    memory = adapter.memory if adapter and options.adapter else None
    if memory is None:
        memory = untrained_memory(checkpoint.config, reading, options.rank, seed)
    if memory.rank != options.rank:
        raise UsageError(f"the memory of {options.adapter} has the rank {memory.rank}, and --memory is {options.rank}")
    if not memory.tensors:
        raise UsageError(
            f"every layer of {chosen.name} has a window of its own, and a memory belongs to layers without one",
            hint="name a model with layers that see everything",
        )
    adapter = adapter_with(replace(memory, reading=reading), adapter, checkpoint)
    return replace(chosen, adapter=adapter, checkpoint=with_adapter(checkpoint, adapter))


def _model(chosen: ChosenModel, reading: ReadingConfig) -> Decoder:
    adapter = chosen.adapter
    model = load_checkpoint(chosen.checkpoint, reading, chosen.device, chosen.dtype, adapter, trains=True)
    select_trained(model, "memory")
    for parameter in model.parameters():
        if parameter.requires_grad:  # what was read from a file is not to be written into
            parameter.data = parameter.data.clone()
    return model.train()


def _writes(adapter: Adapter) -> Callable[[Decoder, Path], None]:
    """Return what writes the model's memory, beside the rest of the adapter that it was trained with."""
    kept = {name: (adapter.path / name).read_bytes() for name in (CONFIG, TENSORS) if adapter.updates}
    about = f"{canonical_json(adapter.about)}\n".encode()
    assert adapter.memory is not None
    rank, reading = adapter.memory.rank, adapter.memory.reading

    def write(model: Decoder, folder: Path) -> None:
        write_added_memory(folder, memory_of(model, rank, reading))
        for name, data in (kept | {ABOUT: about}).items():
            with atomic_file(folder / name) as file:
                file.write(data)

    return write
