"""Run `train`: teach a model to remember, from a checkpoint or from scratch; the same command resumes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from gemma10m.commands.run_folder import begin, check_folder, read_recipe
from gemma10m.commands.training_run import Run, refuse_data_around, refuse_start
from gemma10m.config import DTYPES
from gemma10m.errors import ModelError, UsageError
from gemma10m.library.sources import open_document
from gemma10m.memory import KINDS
from gemma10m.tasks.writer import Writer
from gemma10m.terminal import Terminal
from gemma10m.tokens import Tokenizer, files_of_tokenizer, load_tokenizer
from gemma10m.training.corpus import corpus
from gemma10m.training.parameters import select_trained
from gemma10m.training.recipe import Recipe, default_stages
from gemma10m.training.run_file import RUN
from gemma10m.training.saved_run import RunOrigin
from gemma10m.training.start import ModelPlan, Start, checkpoint_plan, from_checkpoint, from_scratch, scratch_plan
from gemma10m.training.teacher import Teacher
from gemma10m.training.tokenizer import tokenizer_lines, train_tokenizer
from gemma10m.training.trainer import Trainer
from gemma10m.weights.checkpoint import Checkpoint, open_checkpoint
from gemma10m.weights.loading import gpu_dtype, load_model, resolve_device, resolve_model
from gemma10m.weights.sources.safetensors_folder import SafetensorsFolder

TRAINED = ("gemma", "megalodon")  # architectures
SAME = "same"  # the teacher that has the student's own weights


@dataclass(frozen=True)
class TrainOptions:
    data: list[str]
    out: Path
    checkpoint: str | None = None
    recipe: Path | None = None
    config: Path | None = None
    train: str | None = None
    teacher: str | None = None
    device: str = "auto"
    dtype: str = "auto"


@dataclass(frozen=True)
class RunTokenizer:
    """Hold a tokenizer, and its files for a run's folder."""

    tokenizer: Tokenizer
    files: dict[str, bytes]


def train(terminal: Terminal, options: TrainOptions) -> None:
    """Train a model.

    Raises UsageError, ModelError, DocumentError, StateError, OutOfMemoryError, DiskError, TrainingError, Interrupted.
    """
    _check_words(options)
    checkpoint = _checkpoint(options)
    recipe, plan = _settle(options, checkpoint)
    _check_learning(recipe, taught=options.teacher is not None)
    check_folder(options.out, recipe)
    device, dtype = _placement(options.device, options.dtype)
    document = open_document(terminal, options.data)
    texts = document.texts()
    vocabulary = _vocabulary(options.out, checkpoint, plan, texts, recipe.seed)
    writer = Writer(vocabulary.tokenizer, corpus(vocabulary.tokenizer, texts, recipe.longest))
    start = from_checkpoint(checkpoint, plan, recipe.seed) if checkpoint else from_scratch(plan, recipe.seed)
    trainer = _trainer(start, writer, recipe, device, dtype)
    trainer.teacher, taught_by = _teacher(options, trainer, vocabulary.tokenizer, device, dtype)
    run = Run(trainer, RunOrigin(document.fingerprint, start.fingerprint, taught_by), options.out)
    begin(terminal, run, vocabulary.files, start.notes)
    run.go(terminal)


def _check_words(options: TrainOptions) -> None:
    """Refuse options that exclude each other. Raises UsageError."""
    if options.checkpoint and options.config:
        raise UsageError("a checkpoint has a config.json of its own", hint="leave out --config or the checkpoint")
    if options.teacher == SAME and options.checkpoint is None:
        raise UsageError(
            "--teacher same would imitate random weights: there is no checkpoint to start from",
            hint="name a checkpoint to start from, or leave out --teacher",
        )
    refuse_data_around(options.data, options.out)


def _checkpoint(options: TrainOptions) -> Checkpoint | None:
    if options.checkpoint is None:
        return None
    folder = resolve_model(options.checkpoint)
    refuse_start(folder, "checkpoint", options.out)
    checkpoint = open_checkpoint(folder)
    if checkpoint.config.architecture not in TRAINED or not isinstance(checkpoint.source, SafetensorsFolder):
        raise UsageError(
            f"{options.checkpoint} is a {checkpoint.config.architecture} model: training starts only from "
            "Gemma 1 and Megalodon checkpoints in safetensors",
            hint="name a Gemma 1 or Megalodon checkpoint; other architectures can be used but not trained",
        )
    return checkpoint


def _settle(options: TrainOptions, checkpoint: Checkpoint | None) -> tuple[Recipe, ModelPlan]:
    """Return the recipe with all defaults filled in, and the model's shape."""
    recipe = read_recipe(options.recipe) if options.recipe else Recipe(default_stages(1))
    plan = checkpoint_plan(checkpoint, recipe) if checkpoint else scratch_plan(options.config, recipe)
    if options.recipe is None:
        recipe = replace(recipe, stages=default_stages(plan.reading.segment))
    return replace(recipe, train=options.train or recipe.train, **plan.reading.said()), plan


def _check_learning(recipe: Recipe, taught: bool) -> None:
    """Refuse a recipe that would change no weight. Raises UsageError."""
    if recipe.train == "memory" or (recipe.memory and KINDS[recipe.memory].needs_added_memory):
        raise UsageError("an added memory is trained beside a frozen model", hint="use --memory RANK instead")
    if recipe.addressed or recipe.plain or recipe.tasks.get("question"):
        raise UsageError(
            "addressed, plain and the task question are for an added memory",
            hint="use --memory RANK, or leave them out",
        )
    if recipe.train == "gates" and not (recipe.memory and KINDS[recipe.memory].mixes):
        raise UsageError(f"the model has no gates to train with memory {recipe.memory}", hint="use --train all")
    if not recipe.learns(taught):
        teacher = "kl_weight 0" if taught else "no teacher"
        raise UsageError(
            f"there is nothing to learn from: found no task with questions, lm_weight 0 and {teacher}",
            hint="raise kl_weight or lm_weight" if taught else "name a teacher with --teacher, or raise lm_weight",
        )


def _placement(device: str, dtype: str) -> tuple[str, torch.dtype]:
    """Return where to train and in which dtype. Raises UsageError."""
    device = resolve_device(device)
    if dtype == "auto":
        dtype = gpu_dtype() if device == "cuda" else "float32"
    if dtype not in DTYPES:
        raise UsageError(f"dtype must be {', '.join(DTYPES)} or auto, found {dtype!r}")
    return device, getattr(torch, dtype)


def _vocabulary(out: Path, checkpoint: Checkpoint | None, plan: ModelPlan, texts: list[str], seed: int) -> RunTokenizer:
    """Return the run's tokenizer, else the checkpoint's, else one that is trained on these texts."""
    if (out / RUN).is_file():
        vocabulary = _vocabulary_in(out)
    elif checkpoint:
        vocabulary = _vocabulary_in(checkpoint.source.path)
    else:
        with TemporaryDirectory() as folder:
            train_tokenizer(tokenizer_lines(texts, seed), Path(folder), plan.config.vocabulary)
            vocabulary = _vocabulary_in(Path(folder))
    if vocabulary.tokenizer.vocabulary > plan.config.vocabulary:
        raise ModelError(
            f"the tokenizer has {vocabulary.tokenizer.vocabulary} pieces, "
            f"but the model has a vocabulary of {plan.config.vocabulary}",
            hint="use a tokenizer and a config.json of the same model",
        )
    return vocabulary


def _vocabulary_in(folder: Path) -> RunTokenizer:
    return RunTokenizer(load_tokenizer(folder), files_of_tokenizer(folder))


def _trainer(start: Start, writer: Writer, recipe: Recipe, device: str, dtype: torch.dtype) -> Trainer:
    select_trained(start.model, recipe.train)
    return Trainer(start.model.to(device), writer, recipe, dtype=dtype)


def _teacher(
    options: TrainOptions, trainer: Trainer, tokenizer: Tokenizer, device: str, dtype: torch.dtype
) -> tuple[Teacher | None, str]:
    """Return the teacher, and the name of its weights."""
    if options.teacher is None:
        return None, ""
    if options.teacher == SAME:
        return Teacher.of_student(trainer.working), SAME
    folder = resolve_model(options.teacher)
    if not _mean_the_same(load_tokenizer(folder), tokenizer):
        raise UsageError(
            f"the teacher {options.teacher} does not have the student's tokenizer",
            hint="name a teacher with the student's tokenizer",
        )
    model = load_model(folder, device, str(dtype).removeprefix("torch."), memory="full")
    teacher = Teacher(model)
    teacher.check(trainer.model)
    return teacher, model.fingerprint


def _mean_the_same(one: Tokenizer, other: Tokenizer) -> bool:
    """Tell if every id means the same text; one vocabulary may be in files of two formats."""
    ids = range(max(one.vocabulary, other.vocabulary))
    return one.fingerprint == other.fingerprint or all(one.decode([i]) == other.decode([i]) for i in ids)
