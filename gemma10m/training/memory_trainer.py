"""Train an added memory beside a frozen model, step by step."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace

import torch

from gemma10m.models.decoder import Decoder
from gemma10m.tasks.writer import Writer
from gemma10m.training.address_contrast import AddressContrast
from gemma10m.training.addresses import gather
from gemma10m.training.heard_inputs import added_layers
from gemma10m.training.plain_segments import PlainSegments, read_plain
from gemma10m.training.recall_backprop import recall_backward
from gemma10m.training.recall_batch import draw_recall_batch
from gemma10m.training.recipe import Recipe, Stage
from gemma10m.training.trainer import Learned, Trainer


class MemoryTrainer(Trainer):
    """Own the memory's float32 weights; the model's own are frozen."""

    def __init__(self, model: Decoder, writer: Writer, recipe: Recipe, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(model, writer, recipe, dtype=dtype)
        self.plain: PlainSegments | None = None
        self.contrast: AddressContrast | None = None

    def read_plain(self) -> Iterator[int]:
        """Read the recipe's plain segments; yield how many there are so far. A stage that needs them does it, too."""
        parts: list[torch.Tensor] = []
        for part in read_plain(self.working, tuple(self.writer.prose), self.recipe.plain, self.recipe.seed):
            parts.append(part)
            yield sum(some.shape[1] for some in parts)
        self.plain = PlainSegments(torch.cat(parts, dim=1))

    def _read_addressed(self) -> AddressContrast:
        return AddressContrast(list(gather(self.model, self.writer, self.recipe, self.recipe.addressed)))

    def _learn(self, stage: Stage, step: int) -> Learned:
        if stage.virtual and self.plain is None:
            list(self.read_plain())
        batch = draw_recall_batch(self.writer, self.recipe, stage, step, self.working.reading)
        draw = random.Random(f"{self.recipe.seed} {step} plain")
        losses = recall_backward(self.working, batch, self.plain, self.recipe, draw)
        if self.recipe.contrast_weight:
            self.contrast = self.contrast or self._read_addressed()
            layers = list(added_layers(self.working).values())
            apart = self.contrast.loss(layers, random.Random(f"{self.recipe.seed} {step} contrast"))
            (self.recipe.contrast_weight * apart).backward()
            losses = replace(losses, contrast=float(apart.detach()))
        return Learned(losses, *batch.ids.shape)
