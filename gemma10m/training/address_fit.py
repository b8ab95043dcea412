"""Fit what a memory is addressed with, before it is trained: keys, queries and write gates, on gathered inputs.

An answer's loss hardly tells one name from another: most of it is in tokens that follow from those before them. So each
layer learns first which token of a document a question is about, in contrast to all others of it (InfoNCE, arXiv
1807.03748), then to have as much as can be of what a memory of several documents recalls come from that token. No token
goes through the model for this.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gemma10m import ops
from gemma10m.models.added_attention import AddedMemoryAttention
from gemma10m.training.addresses import AddressedDocument

CONTRASTS, RECALLS = 700, 800  # steps
STEPS = CONTRASTS + RECALLS
APART, TOGETHER = 12, 8  # documents of a step: each for itself, or in one memory
MAP_RATE, GATE_RATE, SHARPNESS_RATE = 2e-3, 1e-2, 5e-3
DECAY, WARMUP, LEAST_RATE = 0.05, 20, 0.05
OPEN_GATES, SHUT_GATES = 0.03, 0.02  # the losses of gates that are open on every token, and shut on the right one
SHARPNESS = math.log(15.0)
LEAST = 1e-9  # of a logarithm's argument


@dataclass(frozen=True)
class FitReport:
    step: int
    loss: float
    found: float  # of the tokens asked for, the share that is the most alike of all


@dataclass(frozen=True)
class _Gathered:
    """Hold a document as one layer has it."""

    writing: Tensor  # (S, D)
    asking: Tensor  # (Q, D)
    places: Tensor  # (Q) int64: the token that each asks for


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
        self._documents = [_gathered(document, inputs) for document in documents if document.targets]
        named = dict(layer.added_memory.named_parameters())
        self._maps = [named[name] for name in named if name.startswith(("query", "key"))]
        self._gates = [named[name] for name in named if name.startswith("write_gate")]
        self._device = self._maps[0].device
        self._sharpness = nn.Parameter(torch.tensor(SHARPNESS, device=self._device))
        matrices = {"params": self._maps, "base": MAP_RATE, "weight_decay": DECAY}
        self._contrasts = torch.optim.AdamW([matrices, _plain([self._sharpness], SHARPNESS_RATE)])
        self._recalls = torch.optim.AdamW([_plain(self._maps, MAP_RATE), _plain(self._gates, GATE_RATE)])

    def contrast_step(self, step: int) -> tuple[float, float]:
        chosen = self._sample(APART)
        losses, found = zip(*(self._contrast(document) for document in chosen), strict=True)
        loss = torch.stack(losses).mean()
        self._move(self._contrasts, loss, step / CONTRASTS, step)
        return float(loss.detach()), sum(found) / len(found)

    def recall_step(self, step: int) -> tuple[float, float]:
        loss, found, gates = self._recall(self._sample(TOGETHER))
        self._move(self._recalls, loss + gates, step / RECALLS, step)
        return float(loss.detach()), found

    def _sample(self, count: int) -> list[_Gathered]:
        return self._draw.sample(self._documents, min(count, len(self._documents)))

    def _move(self, optimizer: torch.optim.AdamW, loss: Tensor, share: float, step: int) -> None:
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * min(1.0, (step + 1) / WARMUP) * max(LEAST_RATE, 1.0 - share)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([*self._maps, *self._gates], 1.0)
        optimizer.step()

    def _contrast(self, document: _Gathered) -> tuple[Tensor, float]:
        """Return the cross entropy of the token asked for among all of its document, and the share found."""
        alike, _ = self._alike(document)  # (H, Q, S)
        right = document.places.to(self._device)
        loss = F.cross_entropy((self._sharpness.exp() * alike).flatten(0, 1), right.repeat(len(alike)))
        return loss, _found(alike, right)

    def _recall(self, documents: Sequence[_Gathered]) -> tuple[Tensor, float, Tensor]:
        """Return minus the logarithm of the right token's share in what is recalled, the share found, the gates' loss.

        What tokens write is taken to be as good as random, and nothing is overwritten: then the share is b² (q·k)² of
        the right token over the sum of all.
        """
        first, places = 0, []
        for document in documents:
            places.append(document.places + first)
            first += len(document.writing)
        right = torch.cat(places).to(self._device)  # (Q)
        together = _Gathered(
            torch.cat([document.writing for document in documents]),
            torch.cat([document.asking for document in documents]),
            right,
        )
        alike, gates = self._alike(together)  # (H, Q, S), (K, S)
        heads = gates.repeat_interleave(len(alike) // len(gates), dim=0).unsqueeze(1)  # (H, 1, S)
        energy = (heads * alike).square().sum(0)  # (Q, S)
        own = energy.gather(1, right.unsqueeze(1)).squeeze(1)  # (Q)
        loss = -(own / energy.sum(1)).clamp_min(LEAST).log().mean()
        shut = -gates[:, right].clamp_min(LEAST).log().mean()
        return loss, _found(energy.unsqueeze(0), right), SHUT_GATES * shut + OPEN_GATES * gates.mean()

    def _alike(self, document: _Gathered) -> tuple[Tensor, Tensor]:
        """Return the cosine of each question and token (H, Q, S), and the tokens' write gates (K, S)."""
        queries, written = self._layer.addresses(document.asking.unsqueeze(0), document.writing.unsqueeze(0))
        keys = ops.unit(written.keys[0])  # (K, S, E)
        keys = keys.repeat_interleave(queries.shape[1] // len(keys), dim=0)
        return ops.unit(queries[0]) @ keys.mT, written.gates[0]


def _gathered(document: AddressedDocument, inputs: int) -> _Gathered:
    asking = torch.cat([target.inputs[inputs] for target in document.targets])
    return _Gathered(document.inputs[inputs], asking, torch.cat([target.places for target in document.targets]))


def _found(alike: Tensor, right: Tensor) -> float:
    return float((alike.detach().sum(0).argmax(-1) == right).float().mean())


def _plain(parameters: list[nn.Parameter], rate: float) -> dict[str, object]:
    return {"params": parameters, "base": rate, "weight_decay": 0.0}
