"""Train low-rank updates beside frozen weights, and add them to weights (LoRA, arXiv 2106.09685)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gemma10m.errors import ConfigError, UsageError
from gemma10m.models.decoder import Decoder

MODULES = ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj")
MOST_RANK = 1024
MOST_SCALE = 10_000.0  # of B A: more overflows in bfloat16


@dataclass(frozen=True)
class LoraConfig:
    """Describe the updates: W + alpha / rank * B A, with A (rank, in) and B (out, rank)."""

    rank: int = 16
    alpha: float = 32.0
    modules: tuple[str, ...] = MODULES  # last parts of their names

    def __post_init__(self) -> None:
        problems = []
        if type(self.rank) is not int or not 0 < self.rank <= MOST_RANK:
            problems.append(f"rank must be 1 to {MOST_RANK}, found {self.rank!r}")
        if isinstance(self.alpha, bool) or not isinstance(self.alpha, int | float) or not 0 < self.alpha < float("inf"):
            problems.append(f"alpha must be a positive number, found {self.alpha!r}")
        elif not problems and self.alpha > MOST_SCALE * self.rank:
            problems.append(f"alpha must be at most {MOST_SCALE:,.0f} times the rank, found {self.alpha!r}")
        if unknown := [name for name in self.modules if name not in MODULES]:
            problems.append(f"modules must be some of {', '.join(MODULES)}, found {unknown[0]!r}")
        if not self.modules:
            problems.append("modules must name one module at least")
        if problems:
            raise ConfigError(problems, hint="rank 16 and alpha 32 are a good start")

    @property
    def scale(self) -> float:
        return self.alpha / self.rank


@dataclass(frozen=True)
class LowRankUpdate:
    """Hold the update of one weight: `scale` times `up` (out, rank) times `down` (rank, in), float32."""

    down: Tensor  # A
    up: Tensor  # B
    scale: float

    def added_to(self, weight: Tensor) -> Tensor:
        """Return the weight (out, in) with the update added in float32 and rounded once to the weight's dtype.

        One product does that, in a tenth of the time, where the weight's type holds the update exactly, as bfloat16
        does that of most adapters.
        """
        down, up = (part.to(weight.device, torch.float32) for part in (self.down, self.up))
        same = [part.to(weight.dtype) for part in (up, down)]
        if all(torch.equal(part, whole) for part, whole in zip(same, (up, down), strict=True)):
            return torch.addmm(weight, *same, alpha=self.scale)
        return torch.addmm(weight.float(), up, down, alpha=self.scale).to(weight.dtype)


Updates = Mapping[str, LowRankUpdate]  # by the name of the weight


class LoraLinear(nn.Module):
    """Compute x Wᵀ + scale x Aᵀ Bᵀ with W frozen; A and B are float32 and are cast to what x is."""

    def __init__(self, linear: nn.Linear, config: LoraConfig, generator: torch.Generator) -> None:
        super().__init__()
        self.linear, self.scale, self.is_added = linear, config.scale, True
        size = linear.in_features
        drawn = torch.randn(config.rank, size, generator=generator) * size**-0.5
        self.lora_A = nn.Parameter(drawn.to(linear.weight.device))
        self.lora_B = nn.Parameter(torch.zeros(linear.out_features, config.rank, device=linear.weight.device))

    def forward(self, x: Tensor) -> Tensor:
        base: Tensor = self.linear(x)  # (..., out)
        if not self.is_added:
            return base
        low = F.linear(x, self.lora_A.to(x.dtype))  # (..., rank)
        added = F.linear(low, (self.scale * self.lora_B).to(x.dtype))  # (..., out)
        return base + added


def add_lora(model: Decoder, config: LoraConfig, seed: int) -> None:
    """Freeze the model and put trainable updates, at first zero, beside the weights that `config` names.

    For training. The seed decides A. Raises UsageError for a fused model, whose joined weights would hide the updates,
    and for one that has no such weights.
    """
    if model.is_fused:
        raise UsageError("the model is fused, and a fused model cannot be trained", hint="load it without fusing it")
    linears = [(name, module) for name, module in model.named_modules() if isinstance(module, nn.Linear)]
    named = [(name, linear) for name, linear in linears if name.rpartition(".")[2] in config.modules]
    if not named:  # as in Megalodon
        raise UsageError(
            f"the model has no weights named {', '.join(config.modules)}, which an adapter updates",
            hint="name a model that attends, such as Gemma",
        )
    model.requires_grad_(False)
    generator = torch.Generator().manual_seed(seed)
    for name, linear in named:
        parent, _, last = name.rpartition(".")
        setattr(model.get_submodule(parent), last, LoraLinear(linear, config, generator))


def start_lora_from(model: Decoder, updates: Updates) -> None:
    """Copy an adapter's updates into those that `add_lora` made.

    Raises UsageError for an adapter of another rank or scale, and for one of other weights; nothing is copied then.
    """
    own = {f"{name}.weight": module for name, module in model.named_modules() if isinstance(module, LoraLinear)}
    if missing := sorted(own.keys() ^ updates.keys()):
        raise UsageError(
            f"the adapter and the recipe do not train the same weights: only one has {missing[0]}",
            hint="start from an adapter that was trained here, or leave out --adapter",
        )
    for name, update in updates.items():
        rank, scale = own[name].lora_A.shape[0], own[name].scale
        if (update.down.shape[0], update.scale) != (rank, scale):
            raise UsageError(
                f"the adapter has rank {update.down.shape[0]} and scale {update.scale:g}, and the recipe asks for "
                f"rank {rank} and scale {scale:g}",
                hint="name the adapter's rank with --lora, and its alpha in the recipe",
            )
    with torch.no_grad():
        for name, update in updates.items():
            own[name].lora_A.copy_(update.down)
            own[name].lora_B.copy_(update.up)


def updates_of(model: Decoder) -> dict[str, LowRankUpdate]:
    """Return the updates that `add_lora` put beside the model's weights, by the names of the weights."""
    return {
        f"{name}.weight": LowRankUpdate(module.lora_A.detach(), module.lora_B.detach(), module.scale)
        for name, module in model.named_modules()
        if isinstance(module, LoraLinear)
    }


@contextmanager
def updates_left_out(model: Decoder) -> Iterator[None]:
    """Let the model compute what it did before `add_lora`."""
    modules = [module for module in model.modules() if isinstance(module, LoraLinear)]
    for module in modules:
        module.is_added = False
    try:
        yield
    finally:
        for module in modules:
            module.is_added = True


def lora_parameters(model: Decoder) -> Iterator[nn.Parameter]:
    for module in model.modules():
        if isinstance(module, LoraLinear):
            yield from (module.lora_A, module.lora_B)
