"""Tiny bases and adapters whose sums float32 holds exactly, so that merged weights can be compared in float64."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from official_models import OFFICIAL, Float64, official_model, save
from torch import Tensor
from transformers import PreTrainedModel

import gemma10m
from gemma10m.adapters.about import NOTHING_KNOWN, AboutAnswers
from gemma10m.adapters.lora import MODULES, LoraConfig, LoraLinear, LowRankUpdate, Updates, add_lora
from gemma10m.adapters.peft_folder import write_adapter
from gemma10m.models.decoder import Decoder
from gemma10m.weights.checkpoint import open_checkpoint

RANK, ALPHA = 4, 8.0
CONFIG = LoraConfig(RANK, ALPHA)
BASES = tuple(name for name in OFFICIAL if name != "llama, linear scaling")


def eighths(shape: tuple[int, ...] | torch.Size, seed: int) -> Tensor:
    """Return multiples of 1/8 from -1/4 to 1/4: bfloat16 holds them, and float32 their products."""
    return torch.randint(-2, 3, shape, generator=torch.Generator().manual_seed(seed)) / 8


@torch.no_grad()
def exact_model(name: str) -> PreTrainedModel:
    """Return transformers' model with matrices of multiples of 1/256."""
    model = official_model(name)
    for weight in model.parameters():
        if weight.dim() == 2:
            weight.copy_((weight * 256).round() / 256)
    return model


def exact_base(name: str, folder: Path) -> Path:
    return save(exact_model(name), folder)


def updates_for(checkpoint: Path, modules: tuple[str, ...] = MODULES, seed: int = 0) -> Updates:
    """Return an update for each weight of these modules."""
    tensors = open_checkpoint(checkpoint).tensors
    endings = tuple(f".{module}.weight" for module in modules)
    named = [(name, entry.shape) for name, entry in sorted(tensors.items()) if name.endswith(endings)]
    return {
        name: LowRankUpdate(
            eighths((RANK, shape[1]), seed + 2 * number), eighths((shape[0], RANK), seed + 2 * number + 1), CONFIG.scale
        )
        for number, (name, shape) in enumerate(named)
    }


def write_tiny(
    folder: Path,
    checkpoint: Path,
    about: AboutAnswers = NOTHING_KNOWN,
    seed: int = 0,
    modules: tuple[str, ...] = MODULES,
) -> Path:
    """Write an adapter for all matrices of a checkpoint, or for these; returns the folder."""
    write_adapter(folder, updates_for(checkpoint, modules, seed), LoraConfig(RANK, ALPHA, modules), about, "base")
    return folder


def with_lora(base: Path, fill: Callable[[LoraLinear, int], Any] | None = None) -> Decoder:
    """Return the base with new updates beside its weights, which `fill` may change."""
    model = gemma10m.load_model(base, memory="full")
    add_lora(model, CONFIG, seed=0)
    for number, module in enumerate(module for module in model.modules() if isinstance(module, LoraLinear)):
        if fill:
            with torch.no_grad():
                fill(module, number)
    return model


def fill_with_eighths(module: LoraLinear, number: int) -> None:
    module.lora_A.copy_(eighths(module.lora_A.shape, 2 * number))
    module.lora_B.copy_(eighths(module.lora_B.shape, 2 * number + 1))


@torch.no_grad()
def logits_in_float64(model: Decoder, ids: Tensor) -> Tensor:
    """Return (B, S, V)."""
    wide = model.double()
    with Float64():
        logits, _ = wide(ids, wide.empty_state(len(ids)), logits="all")
    return logits
