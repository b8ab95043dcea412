"""Choose which parameters are trained, how each group moves, and in which dtype gradients are computed."""

from __future__ import annotations

from copy import deepcopy
from functools import partial

import torch
from torch import Tensor, nn

from gemma10m.adapters.added_memory import PART
from gemma10m.config import ReadingConfig
from gemma10m.models.decoder import Decoder
from gemma10m.training.recipe import Recipe
from gemma10m.weights.expected import stays_float32

BETAS = (0.9, 0.95)
WEIGHT_DECAY = 0.01
FITTED_RATE = 0.5  # of the learning rates, for what was fitted before the first step


def is_gate(name: str) -> bool:
    return name.endswith("self_attn.gate")


def is_added_gate(name: str) -> bool:
    return name.endswith((".read_gate.weight", ".read_gate.bias")) or ".added_memory.write_gate." in name


def is_address(name: str) -> bool:
    """Tell if an added memory is addressed with the parameter: its queries, keys, contexts and write gates."""
    return PART in name and name.rpartition(PART)[2].startswith(("query", "key", "context", "write_gate"))


def is_trained(name: str, train: str) -> bool:
    """Tell if `train` covers a parameter: gates and write gates, the attention's weights too, all, or added memory."""
    if train == "memory":
        return PART in name
    if train == "gates":
        return is_gate(name) or ".self_attn.write_gate." in name
    return train == "all" or ".self_attn." in name or ".mega." in name


def select_trained(model: Decoder, train: str) -> None:
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(is_trained(name, train))


def trained(model: Decoder) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


def make_optimizer(model: Decoder, recipe: Recipe) -> torch.optim.AdamW:
    """Make AdamW. Gates have their own learning rate, what was fitted before moves slowly, only matrices decay."""
    groups: dict[tuple[str, bool], list[nn.Parameter]] = {}
    for name, parameter in trained(model).items():
        is_fast, is_fitted = is_gate(name) or is_added_gate(name), recipe.addressed > 0 and is_address(name)
        kind = "gates" if is_fast else "matrices" if parameter.dim() == 2 else "vectors"
        groups.setdefault((kind, is_fitted), []).append(parameter)
    rates = {"gates": recipe.gate_learning_rate, "vectors": recipe.learning_rate, "matrices": recipe.learning_rate}
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "base": rates[kind] * (FITTED_RATE if is_fitted else 1.0),
                "weight_decay": WEIGHT_DECAY if kind == "matrices" else 0.0,
            }
            for (kind, is_fitted), parameters in groups.items()
        ],
        betas=BETAS,
    )


def working_copy(model: Decoder, dtype: torch.dtype) -> Decoder:
    """Return the model in `dtype`, gates in float32, gradients in the model's own; for float32 the model itself."""
    if dtype == model.dtype:
        return model
    copy = deepcopy(model)
    for (name, mine), theirs in zip(model.named_parameters(), copy.parameters(), strict=True):
        theirs.data = theirs.data if stays_float32(name) else theirs.data.to(dtype)
        if theirs.requires_grad:
            theirs.register_post_accumulate_grad_hook(partial(_hand_over, mine))
    return copy


def reading_as(model: Decoder, reading: ReadingConfig) -> Decoder:
    """Return a model that reads otherwise, and whose parameters and gradients are the model's."""
    with torch.device("meta"):
        twin = Decoder(model.config, reading)
    for name, parameter in model.named_parameters():
        owner, _, own_name = name.rpartition(".")
        twin.get_submodule(owner).register_parameter(own_name, parameter)
    kept = model.state_dict()
    for name, number in model.named_buffers():
        if name in kept:  # Gemma 4's layer scalars
            owner, _, own_name = name.rpartition(".")
            twin.get_submodule(owner).register_buffer(own_name, number)
    return twin.train(model.training)


def _hand_over(wide: nn.Parameter, narrow: Tensor) -> None:
    assert narrow.grad is not None
    gradient = narrow.grad.to(wide.dtype)
    wide.grad = gradient if wide.grad is None else wide.grad + gradient
    narrow.grad = None


@torch.no_grad()
def refresh(working: Decoder, model: Decoder) -> None:
    """Copy the model's current weights to a working copy."""
    if working is not model:
        for mine, theirs in zip(model.parameters(), working.parameters(), strict=True):
            if mine.requires_grad:
                theirs.copy_(mine)
