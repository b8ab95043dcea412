"""Make the model that a run starts with: a checkpoint's, or one from scratch."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch

from gemma10m.config import MemoryKind, ModelConfig, ReadingConfig
from gemma10m.errors import UsageError
from gemma10m.memory import KINDS
from gemma10m.models.decoder import Decoder
from gemma10m.training.initial import initialise
from gemma10m.training.parameters import is_gate
from gemma10m.training.recipe import DEMO_READING, Recipe, demo_config
from gemma10m.weights.checkpoint import Checkpoint
from gemma10m.weights.config_file import StatedReading, parse_config
from gemma10m.weights.files import read_json_object
from gemma10m.weights.options import CLOSED_GATE, refuse_any_but, resolve_reading
from gemma10m.weights.tensors import load_weights

SCRATCH = "scratch"
DEMO_VOCABULARY = 4096


@dataclass(frozen=True)
class ModelPlan:
    """Describe a model before it has weights."""

    config: ModelConfig
    reading: ReadingConfig


@dataclass(frozen=True)
class Start:
    model: Decoder  # float32, on the CPU
    fingerprint: str  # the checkpoint's, or "scratch"
    notes: tuple[str, ...]  # what a user should know


def scratch_plan(config_file: Path | None, recipe: Recipe) -> ModelPlan:
    """Plan from a config.json in the released model's layout, or the demo's.

    Raises ModelError, ConfigError, UsageError.
    """
    if config_file is None:
        reading = _scratch_reading(recipe, None)
        return ModelPlan(_with_gates(demo_config(DEMO_VOCABULARY), reading.memory), reading)
    is_folder = os.path.isdir(config_file)  # which, unlike Path.is_dir, raises for no path
    folder = config_file if is_folder else config_file.parent
    if not is_folder and config_file.name != "config.json":
        raise UsageError(f"{config_file} is not called config.json", hint="name a config.json or the folder it is in")
    described = parse_config(read_json_object(folder, "config.json"))
    config = replace(described.config, tied_head=described.tied is not False)
    reading = _own_reading(config, recipe) or _scratch_reading(recipe, described.reading)
    return ModelPlan(_with_gates(config, reading.memory), reading)


def checkpoint_plan(checkpoint: Checkpoint, recipe: Recipe) -> ModelPlan:
    """Plan the checkpoint's model, with the gates that the memory needs. Raises ConfigError and UsageError."""
    if own := _own_reading(checkpoint.config, recipe):
        return ModelPlan(checkpoint.config, own)
    memory = recipe.memory or checkpoint.reading["memory"] or DEMO_READING.memory
    grown = replace(checkpoint, config=_with_gates(checkpoint.config, memory))
    reading = resolve_reading(grown, memory=memory, segment=recipe.segment, carry=recipe.carry, sinks=recipe.sinks)
    return ModelPlan(grown.config, reading)


def from_scratch(plan: ModelPlan, seed: int) -> Start:
    model = Decoder(plan.config, plan.reading)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        initialise(model)
    return Start(model, SCRATCH, ())


def from_checkpoint(checkpoint: Checkpoint, plan: ModelPlan, seed: int) -> Start:
    """Load the checkpoint's weights; reopen closed gates and make missing ones. Raises ModelError."""
    with torch.device("meta"):
        model = Decoder(plan.config, plan.reading)
    weights = load_weights(checkpoint, device="cpu", dtype=torch.float32)
    fresh = [name for name in model.state_dict() if name not in weights]
    for name in fresh:
        weights[name] = torch.empty(model.state_dict()[name].shape, device="cpu")
    # The optimiser writes into them, and what was loaded may be a view of the checkpoint's file.
    model.load_state_dict({name: weight.clone() for name, weight in weights.items()}, strict=True, assign=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        initialise(model, fresh)
    return Start(model, checkpoint.fingerprint, (*checkpoint.notes, *_fresh_notes(fresh), *_reopen(model, fresh)))


def _own_reading(config: ModelConfig, recipe: Recipe) -> ReadingConfig | None:
    """Return the one way that a model with a state of its own reads, or None. Raises UsageError for another recipe."""
    own = config.own_reading
    if own is None:
        return None
    said = StatedReading(
        memory=cast(MemoryKind | None, recipe.memory), segment=recipe.segment, carry=recipe.carry, sinks=recipe.sinks
    )
    refuse_any_but(own, "the model", said)
    if any(stage.virtual for stage in recipe.stages):
        raise UsageError("virtual is for layers that attend", hint="leave it out of the recipe's stages")
    return own


def _scratch_reading(recipe: Recipe, stated: StatedReading | None) -> ReadingConfig:
    """Take the recipe's values, else config.json's, else the demo's; the carry is a segment by default."""
    memory = recipe.memory or (stated and stated["memory"]) or DEMO_READING.memory
    segment = recipe.segment or (stated and stated["segment"]) or DEMO_READING.segment
    window = (segment, min(DEMO_READING.sinks, segment)) if KINDS[memory].closes else (0, 0)
    carry = (recipe.carry, stated["carry"] if stated else None, window[0])
    sinks = (recipe.sinks, stated["sinks"] if stated else None, window[1])
    return ReadingConfig(
        memory=cast(MemoryKind, memory),
        segment=segment,
        carry=next(value for value in carry if value is not None),
        sinks=next(value for value in sinks if value is not None),
    )


def _with_gates(config: ModelConfig, memory: str) -> ModelConfig:
    """Return the config with the parameters that the memory requires."""
    return replace(
        config,
        has_gates=config.has_gates or KINDS[memory].mixes,
        has_write_gates=config.has_write_gates or KINDS[memory].needs_write_gates,
        has_state_vectors=config.has_state_vectors or KINDS[memory].needs_state_vectors,
    )


def _fresh_notes(fresh: list[str]) -> Iterator[str]:
    gates = sum(is_gate(name) for name in fresh)
    if gates:
        yield f"the checkpoint has no memory gates: {gates} layers get open ones"
    for part, lacking, made in (
        (".write_gate.bias", "write gates", "nearly closed ones"),
        (".state_vector.first", "state vectors", "new ones"),
    ):
        if layers := sum(name.endswith(part) for name in fresh):
            yield f"the checkpoint has no {lacking}: {layers} layers get {made}"


def _reopen(model: Decoder, fresh: list[str]) -> Iterator[str]:
    """Reset closed gates, which have no gradient, to 0, which lets half of the memory through."""
    if not KINDS[model.reading.memory].mixes:
        return
    reopened = total = 0
    for name, parameter in model.named_parameters():
        if is_gate(name) and name not in fresh:
            closed = torch.sigmoid(parameter.detach()) < CLOSED_GATE
            parameter.data[closed] = 0.0
            reopened, total = reopened + int(closed.sum()), total + closed.numel()
    if reopened:
        yield f"{reopened} of the checkpoint's {total} memory gates were closed and are reopened: they start at 0"
