"""Run `train --memory`: teach a frozen model to remember what has left its window; the same command resumes."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from gemma10m.adapters.added_memory import CONFIG as MEMORY_CONFIG
from gemma10m.adapters.added_memory import AddedMemoryWeights, read_added_memory, write_added_memory
from gemma10m.adapters.peft_folder import ABOUT, CONFIG, TENSORS, Adapter
from gemma10m.atomic_file import atomic_file
from gemma10m.commands.before_memory import prepare
from gemma10m.commands.run_folder import begin, check_folder, read_recipe
from gemma10m.commands.training_run import Run, holds_run, refuse_data_around, refuse_held, refuse_start
from gemma10m.config import MOST_ADDED_RANK, AttentionSpec, ModelConfig, ReadingConfig
from gemma10m.errors import UsageError
from gemma10m.library.model_choice import ChosenModel, ModelOptions, choose_model, load_chosen
from gemma10m.library.sources import open_document
from gemma10m.models.decoder import Decoder
from gemma10m.strict_json import canonical_json
from gemma10m.tasks.question_set import AskedQuestion, read_question_set
from gemma10m.tasks.writer import Writer
from gemma10m.terminal import Terminal
from gemma10m.training.added_start import adapter_with, memory_of, untrained_memory
from gemma10m.training.corpus import corpus
from gemma10m.training.memory_trainer import MemoryTrainer
from gemma10m.training.parameters import select_trained
from gemma10m.training.recipe import Recipe, default_stages
from gemma10m.training.saved_run import RunOrigin
from gemma10m.weights.adapting import with_adapter

READING = ReadingConfig("added", segment=512, carry=512, sinks=4)


@dataclass(frozen=True)
class MemoryOptions:
    model: str
    data: list[str]
    out: Path
    rank: int
    recipe: Path | None = None
    adapter: str | None = None
    questions: tuple[Path, ...] = ()
    device: str = "auto"
    dtype: str = "auto"


def train_memory(terminal: Terminal, options: MemoryOptions) -> None:
    """Train the memory of an adapter.

    Raises UsageError, ModelError, DocumentError, StateError, OutOfMemoryError, DiskError, TrainingError, Interrupted.
    """
    _check(options)
    wanted = ModelOptions(options.model, options.device, options.dtype, adapter=options.adapter)
    chosen = choose_model(terminal, wanted, trains=True)
    memory = chosen.adapter.memory if chosen.adapter and options.adapter else None
    recipe = _recipe(options.recipe, memory.reading if memory else READING)
    if memory and recipe.addressed and not recipe.keeps_addressed:
        raise UsageError(
            f"the recipe fits what an untrained memory is addressed with, and {options.adapter} has a trained one",
            hint="leave out addressed in the recipe, or give it again or address_weight, which use it in training",
        )
    reading = ReadingConfig("added", recipe.segment or 0, recipe.carry or 0, recipe.sinks or 0)
    questions = _questions(options.questions, recipe)
    check_folder(options.out, recipe)
    adapter = _with_memory(chosen, memory, options, reading, recipe.seed)
    chosen = replace(chosen, adapter=adapter, checkpoint=with_adapter(chosen.checkpoint, adapter))
    document = open_document(terminal, options.data)
    reader = load_chosen(terminal, chosen, reading, read_all=True, trains=True)
    writer = Writer(reader.tokenizer, corpus(reader.tokenizer, document.texts(), recipe.longest), questions)
    trainer = MemoryTrainer(_trained(reader.model), writer, recipe, dtype=reader.model.dtype)
    again = f"gemma10m train {shlex.quote(options.model)} --memory {options.rank} --adapter {{out}} --out OTHER"
    data = hashlib.sha256(f"{document.fingerprint} {questions}".encode()).hexdigest()
    origin = RunOrigin(data if questions else document.fingerprint, reader.model.fingerprint, "")
    run = Run(trainer, origin, options.out, _writes(adapter), again)
    resumes = holds_run(options.out)
    if not resumes:
        prepare(terminal, trainer, fits=memory is None)
    begin(terminal, run, {}, ())
    if resumes and not trainer.done:
        prepare(terminal, trainer, fits=False)
    run.go(terminal)


def _check(options: MemoryOptions) -> None:
    """Refuse options that cannot be meant. Raises UsageError."""
    if not 1 <= options.rank <= MOST_ADDED_RANK:
        raise UsageError(f"--memory is {options.rank}, and is from 1 to {MOST_ADDED_RANK:,}", hint="32 is a good start")
    refuse_data_around(options.data, options.out)
    if options.adapter:
        refuse_start(options.adapter, "adapter", options.out)
    if not holds_run(options.out):
        refuse_held(options.out, [name for name in (CONFIG, ABOUT, MEMORY_CONFIG) if (options.out / name).exists()])


def _recipe(path: Path | None, reading: ReadingConfig) -> Recipe:
    """Return the recipe with its reading filled in, and nothing but the memory to train. Raises UsageError."""
    recipe = read_recipe(path) if path else Recipe(default_stages(reading.segment))
    if recipe.memory not in (None, "added") or recipe.train not in ("all", "memory"):
        raise UsageError(
            f"the recipe trains {recipe.train} with memory {recipe.memory}, and --memory trains an added memory alone",
            hint="leave out train and memory in the recipe",
        )
    said = {name: value for name in ("segment", "carry", "sinks") if (value := getattr(recipe, name)) is not None}
    recipe = replace(recipe, train="memory", lm_weight=0.0, **replace(reading, **said).said())
    if not recipe.learns(taught=False):
        raise UsageError(
            "there is nothing to remember: the recipe has no task with questions",
            hint="give one of needle, pairs, passkey, question, story or repeat a weight",
        )
    return recipe


def _questions(paths: tuple[Path, ...], recipe: Recipe) -> tuple[AskedQuestion, ...]:
    """Return the questions whose first answer is in a sentence that is given with them. Raises UsageError."""
    if bool(paths) != bool(recipe.tasks.get("question")):
        raise UsageError(
            f"the recipe's weight of the task question is {recipe.tasks.get('question', 0):g}, and "
            f"{len(paths)} files of questions are given",
            hint="give --questions with a recipe that has this task, and not without",
        )
    found = tuple(question for path in paths for question in read_question_set(path))
    said = tuple(one for one in found if one.answers and any(one.answers[0] in source for source in one.sources))
    if found and not said:
        raise UsageError(
            f"none of the {len(found):,} questions has a sentence with its first answer among its sources",
            hint="name questions with answers and the sentences that say them",
        )
    return said


def _with_memory(
    chosen: ChosenModel, memory: AddedMemoryWeights | None, options: MemoryOptions, reading: ReadingConfig, seed: int
) -> Adapter:
    """Return the adapter with a memory: the one that it has, or one that is not trained yet. Raises UsageError."""
    checkpoint = chosen.checkpoint
    config = checkpoint.config
    if config.own_reading or config.has_state_vectors or all(spec.window for spec in _specs(config)):
        what = "has state vectors" if config.has_state_vectors else "has a window in every layer"
        what = "carries a state of its own" if config.own_reading else what
        raise UsageError(
            f"{chosen.name} {what}, and a memory is trained beside layers that see everything",
            hint="name a model with such layers",
        )
    if memory is None:
        memory = untrained_memory(checkpoint.config, reading, options.rank, seed)
    in_run = read_added_memory(options.out) if holds_run(options.out) else None
    for other, where in ((memory, f"of {options.adapter}"), (in_run, f"in {options.out}")):
        if other and other.rank != options.rank:
            raise UsageError(
                f"the memory {where} has the rank {other.rank}, and --memory is {options.rank}",
                hint=f"use --memory {other.rank}",
            )
    return adapter_with(replace(memory, reading=reading), chosen.adapter, checkpoint)


def _specs(config: ModelConfig) -> Iterator[AttentionSpec]:
    return (config.attention_of(layer) for layer in range(config.layers))


def _trained(model: Decoder) -> Decoder:
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
