"""Train an added memory beside a frozen model, step by step."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import torch

from gemma10m.models.decoder import Decoder
from gemma10m.tasks.writer import Writer
from gemma10m.training.address_losses import address_loss
from gemma10m.training.addresses import AddressedDocument, gather
from gemma10m.training.asked_again import Windows, draw_again, read_windows
from gemma10m.training.heard_inputs import added_layers
from gemma10m.training.plain_segments import PlainSegments, read_plain
from gemma10m.training.recall_backprop import again_backward, recall_backward
from gemma10m.training.recall_batch import draw_recall_batch
from gemma10m.training.recipe import Recipe, Stage
from gemma10m.training.trainer import Learned, Trainer


class MemoryTrainer(Trainer):
    """Own the memory's float32 weights; the model's own are frozen."""

    def __init__(self, model: Decoder, writer: Writer, recipe: Recipe, dtype: torch.dtype = torch.float32) -> None:
        super().__init__(model, writer, recipe, dtype=dtype)
        self.plain: PlainSegments | None = None
        self.addressed: list[AddressedDocument] | None = None  # those with an answer to find
        self.windows: Windows | None = None

    def read_plain(self) -> Iterator[int]:
        """Read the recipe's plain segments; yield how many there are so far. A step that finds none does it, too."""
        parts: list[torch.Tensor] = []
        prose, opening = self.writer.prose, self.writer.prompt.opening()
        for part in read_plain(self.working, prose, opening, self.recipe.plain, self.recipe.seed):
            parts.append(part)
            yield sum(some.shape[1] for some in parts)
        self.plain = PlainSegments(torch.cat(parts, dim=1))

    def keep_addressed(self, documents: Iterable[AddressedDocument]) -> None:
        """Keep the recipe's documents with facts for all steps. A step that needs them gathers them, too."""
        self.addressed = [document for document in documents if document.targets]

    def _learn(self, stage: Stage, step: int) -> Learned:
        if self.recipe.plain and self.plain is None:
            list(self.read_plain())
        if self.recipe.keeps_addressed and self.addressed is None:
            self.keep_addressed(gather(self.model, self.writer, self.recipe, self.recipe.addressed))
        documents = self.addressed or []
        if documents and step % (self.recipe.again + 1):
            learned = self._ask_again(documents, stage, step)
        else:
            learned = self._read_and_ask(stage, step)
        if not self.recipe.address_weight or not documents:
            return learned
        layers = list(added_layers(self.working).values())
        apart = address_loss(documents, layers, self.plain, random.Random(f"{self.recipe.seed} {step} addresses"))
        (self.recipe.address_weight * apart).backward()
        return replace(learned, losses=replace(learned.losses, address=float(apart.detach())))

    def _ask_again(self, documents: Sequence[AddressedDocument], stage: Stage, step: int) -> Learned:
        opening = self.writer.prompt.opening()
        self.windows = self.windows or read_windows(self.working, self.writer.prose, opening, self.recipe.seed)
        asked = draw_again(documents, self.recipe, stage, step, self.working.reading.segment)
        draw = random.Random(f"{self.recipe.seed} {step} plain")
        losses = again_backward(self.working, asked, self.windows, self.plain, self.recipe, draw)
        return Learned(losses, *asked.batch.ids.shape)

    def _read_and_ask(self, stage: Stage, step: int) -> Learned:
        batch = draw_recall_batch(self.writer, self.recipe, stage, step, self.working.reading)
        draw = random.Random(f"{self.recipe.seed} {step} plain")
        losses = recall_backward(self.working, batch, self.plain, self.recipe, draw)
        return Learned(losses, *batch.ids.shape)
