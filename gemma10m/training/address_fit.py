"""Fit what a memory is addressed with, before it is trained: keys, queries and write gates, on gathered inputs.

An answer's loss hardly tells one name from another: most of it is in tokens that follow from those before them. So each
layer learns first which token of a document a question is about, in contrast to all others of it, then to have as much
as can be of what a memory of several documents recalls come from that token. No token goes through the model for this.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gemma10m.models.added_attention import AddedMemoryAttention
from gemma10m.training.address_losses import (
    LEAST,
    LayerDocument,
    alikeness,
    contrast,
    joined,
    layer_document,
    lost_share,
    share_found,
    weighted,
)
from gemma10m.training.addresses import AddressedDocument

CONTRASTS, RECALLS = 1200, 500  # steps
STEPS = CONTRASTS + RECALLS
APART, TOGETHER = 12, 8  # documents of a step: each for itself, or in one memory
MAP_RATE, RECALL_RATE, GATE_RATE, SHARPNESS_RATE = 2e-3, 7e-4, 1e-2, 5e-3
DECAY, WARMUP, LEAST_RATE = 0.05, 20, 0.05
OPEN_GATES, SHUT_GATES = 0.03, 0.02  # the losses of gates that are open on every token, and shut on the right one
SHARPNESS = math.log(15.0)


@dataclass(frozen=True)
class FitReport:
    step: int
    loss: float
    found: float  # of the tokens asked for, the share that is the most alike of all


def fit_layer(
    number: int, layer: AddedMemoryAttention, inputs: int, documents: Sequence[AddressedDocument], seed: int
) -> Iterator[FitReport]:
    """Fit the layer's added memory in place, one step at a time; `inputs` is its place among the gathered inputs."""
    fit = _Fit(layer, inputs, documents, random.Random(f"{seed} fit {number}"))
    for step in range(1, STEPS + 1):
        loss, found = fit.contrast_step(step - 1) if step <= CONTRASTS else fit.recall_step(step - CONTRASTS - 1)
        yield FitReport(step, loss, found)


class _Fit:
    def __init__(
        self, layer: AddedMemoryAttention, inputs: int, documents: Sequence[AddressedDocument], draw: random.Random
    ) -> None:
        self._layer, self._draw = layer, draw
        self._documents = [layer_document(document, inputs) for document in documents if document.targets]
        named = dict(layer.added_memory.named_parameters())
        self._maps = [named[name] for name in named if name.startswith(("query", "key", "context"))]
        self._gates = [named[name] for name in named if name.startswith("write_gate")]
        self._device = self._maps[0].device
        self._sharpness = nn.Parameter(torch.tensor(SHARPNESS, device=self._device))
        matrices = {"params": self._maps, "base": MAP_RATE, "weight_decay": DECAY}
        self._contrasts = torch.optim.AdamW([matrices, _plain([self._sharpness], SHARPNESS_RATE)])
        self._recalls = torch.optim.AdamW([_plain(self._maps, RECALL_RATE), _plain(self._gates, GATE_RATE)])

    def contrast_step(self, step: int) -> tuple[float, float]:
        loss, found = self._contrast(self._sample(APART))
        self._move(self._contrasts, loss, step / CONTRASTS, step)
        return float(loss.detach()), found

    def recall_step(self, step: int) -> tuple[float, float]:
        chosen = self._sample(TOGETHER)
        apart, _ = self._contrast(chosen)
        loss, found, gates = self._recall(chosen)
        self._move(self._recalls, loss + gates + apart, step / RECALLS, step)
        return float(loss.detach()), found

    def _contrast(self, documents: Sequence[LayerDocument]) -> tuple[Tensor, float]:
        sharpness = self._sharpness.exp()
        losses, found = zip(*(contrast(self._layer, each, sharpness) for each in documents), strict=True)
        return torch.stack(losses).mean(), sum(found) / len(found)

    def _sample(self, count: int) -> list[LayerDocument]:
        return self._draw.sample(self._documents, min(count, len(self._documents)))

    def _move(self, optimizer: torch.optim.AdamW, loss: Tensor, share: float, step: int) -> None:
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * min(1.0, (step + 1) / WARMUP) * max(LEAST_RATE, 1.0 - share)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([*self._maps, *self._gates], 1.0)
        optimizer.step()

    def _recall(self, documents: Sequence[LayerDocument]) -> tuple[Tensor, float, Tensor]:
        """Return the share lost of what a memory of all of them recalls, the share found, and the gates' loss."""
        together = joined(documents)
        right = together.places.to(self._device)  # (Q)
        alike, gates = alikeness(self._layer, together)  # (H, Q, S), (K, S)
        written = weighted(alike, gates)
        shut = -gates[:, right].clamp_min(LEAST).log().mean()
        return lost_share(written, right), share_found(written, right), SHUT_GATES * shut + OPEN_GATES * gates.mean()


def _plain(parameters: list[nn.Parameter], rate: float) -> dict[str, object]:
    return {"params": parameters, "base": rate, "weight_decay": 0.0}
