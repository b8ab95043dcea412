"""Fit what a memory is addressed with, before it is trained: keys, queries and write gates, on gathered inputs.

An answer's loss hardly tells one name from another: most of it is in tokens that follow from those before them. So each
layer learns first which token a question is about, in contrast to others (InfoNCE, arXiv 1807.03748), and then to
recall it from a memory that is written with all tokens of several documents. No token goes through the model for this.
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
from gemma10m.models.added_projections import Writes
from gemma10m.training.addresses import AddressedDocument

CONTRASTS, RECALLS = 800, 400  # steps
STEPS = CONTRASTS + RECALLS
ASKED, OTHERS = 96, 24  # targets of a step; tokens of every second document beside them
TOGETHER = 8  # documents that one memory is written with
SEGMENT = 256  # tokens written at once
MAP_RATE, LATER_MAP_RATE, GATE_RATE, SHARPNESS_RATE = 2e-3, 7e-4, 1e-2, 5e-3
DECAY, WARMUP, LEAST_RATE = 0.05, 20, 0.05
OPEN_GATES = 0.3  # the loss of write gates that are all open
SHARPNESS = math.log(15.0)


@dataclass(frozen=True)
class FitReport:
    step: int
    loss: float
    found: float  # of the tokens asked for, the share that is the most alike, or recalled


@dataclass(frozen=True)
class _Asked:
    inputs: Tensor  # (Q, D)
    said: Tensor  # (Q) int64
    places: Tensor  # (Q) int64
    document: int


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
        self._documents = [(document.ids, document.inputs[inputs]) for document in documents]
        self._asked = [
            _Asked(target.inputs[inputs], target.said, target.places, index)
            for index, document in enumerate(documents)
            for target in document.targets
        ]
        named = dict(layer.added_memory.named_parameters())
        self._maps = [named[name] for name in named if name.startswith(("query", "key"))]
        self._gates = [named[name] for name in named if name.startswith("write_gate")]
        self._device = self._maps[0].device
        self._alike, self._recalled = (nn.Parameter(torch.tensor(SHARPNESS, device=self._device)) for _ in range(2))
        self._contrasts = torch.optim.AdamW(
            [{"params": self._maps, "base": MAP_RATE, "weight_decay": DECAY}, _plain([self._alike], SHARPNESS_RATE)]
        )
        groups = ((self._maps, LATER_MAP_RATE), (self._gates, GATE_RATE), ([self._alike, self._recalled], GATE_RATE))
        self._recalls = torch.optim.AdamW([_plain(parameters, rate) for parameters, rate in groups])
        self._generator = torch.Generator().manual_seed(draw.getrandbits(63))

    def contrast_step(self, step: int) -> tuple[float, float]:
        loss, found = self._contrast()
        self._move(self._contrasts, loss, step / CONTRASTS, step)
        return float(loss.detach()), found

    def recall_step(self, step: int) -> tuple[float, float]:
        loss, found, gates = self._recall()
        contrast, _ = self._contrast()
        self._move(self._recalls, loss + contrast + OPEN_GATES * gates, step / RECALLS, step)
        return float(loss.detach()), found

    def _move(self, optimizer: torch.optim.AdamW, loss: Tensor, share: float, step: int) -> None:
        for group in optimizer.param_groups:
            group["lr"] = group["base"] * min(1.0, (step + 1) / WARMUP) * max(LEAST_RATE, 1.0 - share)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_([*self._maps, *self._gates], 1.0)
        optimizer.step()

    def _contrast(self) -> tuple[Tensor, float]:
        """Return the cross entropy of what is asked for among the tokens asked for and others, and the share found."""
        asked = self._draw.sample(self._asked, min(ASKED, len(self._asked)))
        others = [self._some_inputs(target.document) for target in asked[::2]]
        answering = [self._documents[target.document][1][target.places] for target in asked]
        queries, keys = self._units(torch.cat([target.inputs for target in asked]), torch.cat(answering + others))
        count = queries.shape[1]
        alike = self._alike.exp() * (queries @ keys.mT)  # (H, Q, S)
        place = torch.cat([target.document * 2**32 + target.places for target in asked])  # (Q)
        again = (place.unsqueeze(1) == place) & ~torch.eye(count, dtype=torch.bool)  # one place, asked for twice
        alike = alike.masked_fill(F.pad(again, (0, alike.shape[2] - count)).to(self._device), -math.inf)
        right = torch.arange(count, device=self._device)
        loss = F.cross_entropy(alike.flatten(0, 1), right.repeat(len(alike)))
        return loss, float((alike.detach().sum(0).argmax(-1) == right).float().mean())

    def _recall(self) -> tuple[Tensor, float, Tensor]:
        """Return the cross entropy of what a memory recalls, the share found, and the mean write gate.

        Each token writes a random vector in the place of a value, the same wherever its id is.
        """
        chosen = self._draw.sample(range(len(self._documents)), min(TOGETHER, len(self._documents)))
        asked = [target for target in self._asked if target.document in chosen]
        if not asked:
            return torch.zeros((), device=self._device), 0.0, torch.zeros((), device=self._device)
        known, of_token = torch.cat([self._documents[index][0] for index in chosen]).unique(return_inverse=True)
        writing = torch.cat([self._documents[index][1] for index in chosen]).unsqueeze(0)  # (1, S, D)
        queries, written = self._layer.addresses(torch.cat([target.inputs for target in asked]).unsqueeze(0), writing)
        vectors = torch.randn(len(known), queries.shape[-1], generator=self._generator)
        vectors = F.normalize(vectors, dim=-1).to(queries)  # (V, E), V the ids there are
        values = vectors[of_token].expand_as(written.keys)  # (1, K, S, E)
        memory = _memory_of(written._replace(values=values))  # (1, K, 1, E, E)
        recalled = ops.recall(queries.unsqueeze(2), memory)[0, :, 0]  # (H, Q, E)
        likely = self._recalled.exp() * (recalled @ vectors.T)  # (H, Q, V)
        right = torch.searchsorted(known, torch.cat([target.said for target in asked])).to(self._device)  # (Q)
        share = torch.cat([torch.full(target.said.shape, 1 / len(target.said)) for target in asked]).to(queries)  # (Q)
        each = F.cross_entropy(likely.transpose(1, 2), right.expand(len(likely), -1), reduction="none")  # (H, Q)
        found = (likely.detach().sum(0).argmax(-1) == right).float().mean()
        return (each * share).sum() / (len(asked) * len(each)), float(found), written.gates.mean()

    def _units(self, asking: Tensor, writing: Tensor) -> tuple[Tensor, Tensor]:
        """Return unit queries (H, Q, E), and for each of them the keys of its K/V head (H, S, E)."""
        queries, written = self._layer.addresses(asking.unsqueeze(0), writing.unsqueeze(0))
        keys = ops.unit(written.keys[0])
        return ops.unit(queries[0]), keys.repeat_interleave(queries.shape[1] // len(keys), dim=0)

    def _some_inputs(self, document: int) -> Tensor:
        inputs = self._documents[document][1]
        return inputs[torch.randint(len(inputs), (OTHERS,), generator=self._generator)]


def _plain(parameters: list[nn.Parameter], rate: float) -> dict[str, object]:
    return {"params": parameters, "base": rate, "weight_decay": 0.0}


def _memory_of(written: Writes) -> Tensor:
    """Return the memory (1, K, 1, E, E) that is left when all of it is written."""
    short = -written.keys.shape[2] % SEGMENT
    keys, values = (F.pad(part, (0, 0, 0, short)).unflatten(2, (-1, SEGMENT)) for part in written[:2])
    decay, gain = ops.gated_update(keys, values, F.pad(written.gates, (0, short)).unflatten(2, (-1, SEGMENT)))
    return ops.scan(torch.zeros_like(decay[:, :, 0]), decay, gain)[:, :, -1:]
