"""Run `train --share`: let layers of a model share keys and values, and train it to be what it was; resumable."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from gemma10m.commands.run_folder import begin, check_folder, read_recipe
from gemma10m.commands.training_run import Run, holds_run, refuse_data_around, refuse_start
from gemma10m.config import QUANTISED, ModelConfig
from gemma10m.errors import UsageError
from gemma10m.library.model_choice import ChosenModel, ModelOptions, choose_model
from gemma10m.library.sources import open_document
from gemma10m.memory import KINDS
from gemma10m.models.decoder import Decoder
from gemma10m.models.sharing_groups import kv_source_layers, share_in_groups, sharing_groups
from gemma10m.progress import format_bytes
from gemma10m.strict_json import canonical_json
from gemma10m.tasks.writer import Writer
from gemma10m.terminal import Terminal
from gemma10m.tokens import files_of_tokenizer, load_tokenizer
from gemma10m.training.corpus import corpus
from gemma10m.training.parameters import select_trained
from gemma10m.training.recipe import Recipe, Stage
from gemma10m.training.saved_run import RunOrigin
from gemma10m.training.shared_start import Unshared, fit_outputs, save_shared, shared_model, training_reading, unshared
from gemma10m.training.trainer import Trainer
from gemma10m.weights.adapting import NO_ADAPTER
from gemma10m.weights.files import read_json_object
from gemma10m.weights.plan import memory_plan

TRAINED = ("attention", "all")
RECIPE = Recipe(  # that of recipes/share.json
    stages=(Stage(512, 400_000),),
    tokens_per_step=2048,
    learning_rate=3e-4,
    warmup_tokens=20_000,
    tasks={"text": 1},
    lm_weight=0.0,
    lm_stride=8,
    mixer_weight=1.0,
    train="attention",
    save_every=20,
)
SHOWN_AT = 32_768  # tokens


@dataclass(frozen=True)
class ShareOptions:
    model: str
    data: list[str]
    out: Path
    factor: int
    recipe: Path | None = None
    train: str | None = None
    device: str = "auto"
    dtype: str = "auto"


def train_share(terminal: Terminal, options: ShareOptions) -> None:
    """Write a model whose layers share keys and values, and train it by self-distillation.

    Raises UsageError, ModelError, DocumentError, StateError, OutOfMemoryError, DiskError, TrainingError, Interrupted.
    """
    refuse_data_around(options.data, options.out)
    recipe = _recipe(options)
    wanted = ModelOptions(options.model, options.device, options.dtype, adapter=NO_ADAPTER)
    if options.dtype in QUANTISED:
        raise UsageError(f"{options.dtype} weights cannot be trained", hint="use --dtype bfloat16 or float32")
    chosen = choose_model(terminal, wanted, trains=True)
    reading = training_reading(chosen.checkpoint)
    recipe = replace(recipe, memory=reading.memory, segment=reading.segment, carry=reading.carry, sinks=reading.sinks)
    refuse_start(chosen.path, "checkpoint", options.out)
    config = share_in_groups(chosen.checkpoint.config, options.factor)
    check_folder(options.out, recipe)
    _check_groups(options.out, config)
    document, tokenizer = open_document(terminal, options.data), load_tokenizer(chosen.path)
    writer = Writer(tokenizer, corpus(tokenizer, document.texts(), recipe.longest))
    trainer, teacher = _trainer(chosen, config, writer, recipe)
    if not holds_run(options.out):
        _tell(terminal, chosen, config)
        _fit(trainer, teacher)
    start = canonical_json([chosen.checkpoint.fingerprint, sharing_groups(config)])
    run = Run(trainer, RunOrigin(document.fingerprint, start, "same"), options.out, _writes(chosen), again=None)
    begin(terminal, run, files_of_tokenizer(chosen.path), ())
    run.go(terminal)


def _recipe(options: ShareOptions) -> Recipe:
    """Return the recipe. Raises UsageError for what does not go with sharing."""
    recipe = read_recipe(options.recipe) if options.recipe else RECIPE
    if stated := [name for name in ("memory", "segment", "carry", "sinks") if getattr(recipe, name) is not None]:
        raise UsageError(
            f"the recipe states {stated[0]}, and with --share the model reads as it did before",
            hint="leave out memory, segment, carry and sinks",
        )
    train = options.train or recipe.train
    if train not in TRAINED or recipe.addressed or recipe.plain or recipe.tasks.get("question"):
        raise UsageError(
            f"--share trains {' or '.join(TRAINED)}, without addressed, plain and the task question",
            hint="compare the recipe with recipes/share.json",
        )
    if not recipe.learns(taught=True):
        raise UsageError("there is nothing to learn from: kl_weight and lm_weight are 0", hint="raise kl_weight")
    return replace(recipe, train=train)


def _check_groups(out: Path, config: ModelConfig) -> None:
    """Refuse a folder with a run in which other layers share. Raises UsageError."""
    if holds_run(out) and (out / "config.json").is_file():
        found = read_json_object(out, "config.json").get("kv_source_layers")
        if found != kv_source_layers(config):
            raise UsageError(
                f"{out} holds a run in which other layers share",
                hint="give --out another folder, or the factor and the model that the run was started with",
            )


def _trainer(chosen: ChosenModel, config: ModelConfig, writer: Writer, recipe: Recipe) -> tuple[Trainer, Unshared]:
    model = shared_model(chosen.checkpoint, config)
    select_trained(model, recipe.train)
    trainer = Trainer(model.to(chosen.device).train(), writer, recipe, dtype=getattr(torch, chosen.dtype))
    teacher = unshared(chosen.checkpoint, chosen.device, chosen.dtype, trainer.working)
    trainer.teacher = teacher
    return trainer, teacher


def _fit(trainer: Trainer, teacher: Unshared) -> None:
    opening = torch.tensor([trainer.writer.tokenizer.first])
    ids = torch.cat((opening, trainer.writer.prose[0].ids)).unsqueeze(0)  # (1, S)
    fit_outputs(trainer.model, teacher, ids)
    trainer.go_to(trainer.position)


def _tell(terminal: Terminal, chosen: ChosenModel, config: ModelConfig) -> None:
    """Say which layers share, what becomes of the state, and of quantised weights."""
    if not {"F32", "F16", "BF16"}.issuperset(chosen.checkpoint.dtypes):
        terminal.note(f"the weights of {chosen.name} are quantised: they are trained and written in full, in bfloat16")
    groups = ", ".join("-".join(map(str, group)) for group in sharing_groups(config))
    terminal.note(f"layers that share the keys and values of the first of them: {groups}")
    reading, dtype = training_reading(chosen.checkpoint), getattr(torch, chosen.dtype)
    if not KINDS[reading.memory].closes:
        reading = replace(reading, segment=SHOWN_AT + 1)  # one that the tokens shown do not fill
    configs = (chosen.checkpoint.config, config)
    plans = [memory_plan(each, reading, dtype, segments=1, tokens=SHOWN_AT) for each in configs]
    before, after = (plan.state + plan.state_per_token * SHOWN_AT for plan in plans)
    terminal.note(
        f"the state after {SHOWN_AT:,} tokens: {format_bytes(after)} instead of {format_bytes(before)} "
        f"({after / before:.0%})"
    )


def _writes(chosen: ChosenModel) -> Callable[[Decoder, Path], None]:
    return lambda model, folder: save_shared(model, chosen.checkpoint, folder)
