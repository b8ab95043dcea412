"""Fit what a memory is addressed with, before it is trained: keys, queries and write gates, on gathered inputs.

An answer's loss hardly tells one name from another: most of it is in tokens that follow from those before them. So each
layer learns first which token of a document a question is about, in contrast to all others of it, and to have as much
as can be of what a memory recalls come from that token, behind several documents and much prose. No token goes through
the model for this.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gemma10m.models.added_attention import AddedMemoryAttention
from gemma10m.models.added_projections import SHUT
from gemma10m.training.address_losses import (
    TOGETHER,
    Addresses,
    LayerDocument,
    addresses,
    alikeness,
    contrast,
    group_loss,
    joined,
    layer_document,
    share_found,
)
from gemma10m.training.addresses import AddressedDocument, draw_together
from gemma10m.training.plain_segments import PlainSegments

APART, MEMORIES = 6, 2  # documents of a step, each for itself; memories of a few of them
GATE_RATE, SHARPNESS_RATE = 1e-2, 5e-3
DECAY, WARMUP, LEAST_RATE = 0.05, 20, 0.05
OPEN_GATES, SHUT_GATES = 0.03, 0.02  # the losses of gates that are open on every token, and shut on the right one
SHARPNESS = math.log(15.0)


@dataclass(frozen=True)
class Phase:
    steps: int
    rate: float  # of maps, at its highest
    recalls: bool  # the loss of what memories recall is added to the contrast


# What memories recall is hardly a function of names that are not told apart yet: the contrast comes first.
PHASES = (Phase(300, 4e-3, recalls=False), Phase(600, 2e-3, recalls=True))


@dataclass(frozen=True)
class FitReport:
    step: int
    loss: float
    found: float  # of the tokens asked for, the share that is the most alike of all


def fit_layer(
    number: int,
    layer: AddedMemoryAttention,
    inputs: int,
    documents: Sequence[AddressedDocument],
    plain: PlainSegments | None,
    seed: int,
) -> Iterator[FitReport]:
    """Fit the layer's added memory in place, one step at a time; `inputs` is its place among the gathered inputs."""
    draw, count = random.Random(f"{seed} fit {number}"), 0
    for phase in PHASES:
        fit = _Fit(phase, layer, inputs, documents, plain, draw)
        for step in range(phase.steps):
            loss, found = fit.step(step)
            count += 1
            yield FitReport(count, loss, found)


def fit_steps() -> int:
    return sum(phase.steps for phase in PHASES)


class _Fit:
    def __init__(
        self,
        phase: Phase,
        layer: AddedMemoryAttention,
        inputs: int,
        documents: Sequence[AddressedDocument],
        plain: PlainSegments | None,
        draw: random.Random,
    ) -> None:
        self._phase = phase
        self._layer, self._inputs, self._plain, self._draw = layer, inputs, plain, draw
        self._documents = [layer_document(document, inputs) for document in documents if document.targets]
        named = dict(layer.added_memory.named_parameters())
        self._maps = [named[name] for name in named if name.startswith(("query", "key", "context"))]
        self._gates = [named[name] for name in named if name.startswith("write_gate")]
        self._sharpness = nn.Parameter(torch.tensor(SHARPNESS, device=self._maps[0].device))
        self._optimizer = torch.optim.AdamW(
            [
                {"params": self._maps, "base": phase.rate, "weight_decay": DECAY},
                {"params": self._gates, "base": GATE_RATE, "weight_decay": 0.0},
                {"params": [self._sharpness], "base": SHARPNESS_RATE, "weight_decay": 0.0},
            ]
        )

    def step(self, step: int) -> tuple[float, float]:
        apart, found = self._contrast(self._draw.sample(self._documents, min(APART, len(self._documents))))
        if self._phase.recalls:
            apart = apart + torch.stack([self._memory_loss() for _ in range(MEMORIES)]).mean()
        self._move(apart, step)
        return float(apart.detach()), found

    def _contrast(self, documents: Sequence[LayerDocument]) -> tuple[Tensor, float]:
        losses, found, sharpness = [], 0.0, self._sharpness.exp()
        for document in documents:
            where, right = addresses(self._layer, document), document.places.to(sharpness.device)
            alike = alikeness(where)
            losses.append(contrast(alike, right, sharpness) + _gate_loss(where, right))
            found += share_found(alike, right)
        return torch.stack(losses).mean(), found / len(documents)

    def _memory_loss(self) -> Tensor:
        together = joined(draw_together(self._documents, TOGETHER, self._draw))
        return group_loss(self._layer, together, self._plain, self._inputs, self._draw)

    def _move(self, loss: Tensor, step: int) -> None:
        share = min(1.0, (step + 1) / WARMUP) * max(LEAST_RATE, 1.0 - step / self._phase.steps)
        for group in self._optimizer.param_groups:
            group["lr"] = group["base"] * share
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([*self._maps, *self._gates], 1.0)
        self._optimizer.step()


def _gate_loss(found: Addresses, right: Tensor) -> Tensor:
    shut = -(found.gates[:, right] + SHUT).log().mean()  # has a gradient where a gate is 0, too
    return SHUT_GATES * shut + OPEN_GATES * found.gates.mean()
