"""Train one step after the other: documents, gradients, AdamW."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, replace

import torch
from torch import nn

from gemma10m.config import ReadingConfig
from gemma10m.errors import TrainingError
from gemma10m.heap import return_freed
from gemma10m.memory import KINDS
from gemma10m.models.decoder import Decoder
from gemma10m.tasks.writer import Writer
from gemma10m.training.backprop import Losses, backward, recompute_layers
from gemma10m.training.batch import draw_batch, is_without_memory, seen_in_the_window
from gemma10m.training.parameters import is_gate, make_optimizer, reading_as, refresh, working_copy
from gemma10m.training.recipe import Recipe, Stage
from gemma10m.training.schedule import Position
from gemma10m.training.teacher import Teacher

LONGEST_GRADIENT = 1.0


@dataclass(frozen=True)
class Learned:
    """Hold what a step's documents gave, and how many and how long they were."""

    losses: Losses
    rows: int
    length: int  # tokens


@dataclass(frozen=True)
class StepReport:
    """Hold one line of log.jsonl. Losses are means over tokens, None where there was none to count."""

    step: int  # steps done, this one included
    stage: int
    virtual: int
    rows: int
    length: int  # tokens of a document
    tokens: int  # trained on so far, this step included
    answer_loss: float | None
    text_loss: float | None
    teacher_loss: float | None
    mixer_loss: float | None
    address_loss: float | None
    running_loss: float
    right: dict[str, tuple[int, int]]  # by task: questions answered right, and asked
    gates: list[float]  # each layer's mean sigmoid
    write_gates: list[float]  # each layer's mean over the open segment
    gradient: float  # its norm, before it is clipped
    rate: float  # the learning rates' factor
    seconds: float


class Trainer:
    """Own the float32 weights and their optimiser; `dtype` is what the gradients are computed in."""

    def __init__(
        self,
        model: Decoder,
        writer: Writer,
        recipe: Recipe,
        teacher: Teacher | None = None,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self.model, self.writer, self.recipe, self.teacher = model, writer, recipe, teacher
        self.optimizer = make_optimizer(model, recipe)
        self.working = working_copy(model, dtype)
        self._readers: dict[ReadingConfig, Decoder] = {}
        self.position = Position()
        self.whole = True  # weights, moments and position are of one step

    @property
    def done(self) -> bool:
        return self.position.stage_of(self.recipe) is None

    def go_to(self, position: Position) -> None:
        """Move to a position, with the weights as they now are."""
        self.position = position
        refresh(self.working, self.model)
        self.whole = True

    def step(self) -> StepReport:
        """Run one step. Raises TrainingError for a loss or gradient that is not a number.

        Whatever it raises, all is as before the step while `whole` holds.
        """
        started, before = time.monotonic(), self.position
        stage = self.recipe.stages[before.stage]
        self.optimizer.zero_grad(set_to_none=True)
        learned = self._learn(stage, before.step)
        losses = learned.losses
        for loss in (losses.answer, losses.text, losses.teacher, losses.mixer, losses.address):
            self._check("loss", loss)
        tokens = learned.rows * learned.length
        rate = self.recipe.rate(before.tokens + tokens)
        gradient = self._move(rate)
        self.position = before.after(self.recipe, tokens, losses.answer)
        self.whole = True
        return_freed()
        return StepReport(
            step=self.position.step,
            stage=before.stage,
            virtual=stage.virtual,
            rows=learned.rows,
            length=learned.length,
            tokens=self.position.tokens,
            answer_loss=losses.answer,
            text_loss=losses.text,
            teacher_loss=losses.teacher,
            mixer_loss=losses.mixer,
            address_loss=losses.address,
            running_loss=self.position.running_loss,
            right=losses.right,
            gates=mean_gates(self.model),
            write_gates=losses.write_gates,
            gradient=gradient,
            rate=rate,
            seconds=time.monotonic() - started,
        )

    def _learn(self, stage: Stage, step: int) -> Learned:
        """Add the gradients of the step's documents to the parameters'."""
        forgets = is_without_memory(self.recipe, step)
        recipe = seen_in_the_window(self.recipe) if forgets else self.recipe
        reader = self._reader(forgets)
        batch = draw_batch(self.writer, recipe, stage, step, reader.reading.segment)
        return Learned(backward(reader, batch, recipe, self.teacher), *batch.ids.shape)

    def _reader(self, forgets: bool) -> Decoder:
        """Return the working weights, read with the memory or without."""
        reading = self.working.reading
        reading = replace(reading, memory="window") if forgets else reading
        if reading not in self._readers:
            self._readers[reading] = reading_as(self.working, reading)
            if self.recipe.recompute:
                recompute_layers(self._readers[reading])
        return self._readers[reading]

    def _move(self, rate: float) -> float:
        """Run one step of the optimiser and return the gradient's norm."""
        parameters = [p for group in self.optimizer.param_groups for p in group["params"]]
        norm = float(nn.utils.clip_grad_norm_(parameters, LONGEST_GRADIENT))
        self._check("gradient", norm)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * rate
        self.whole = False
        self.optimizer.step()
        refresh(self.working, self.model)
        return norm

    def _check(self, what: str, value: float | None) -> None:
        if value is not None and not math.isfinite(value):
            raise TrainingError(
                f"the {what} of step {self.position.step + 1} is {value}",
                hint="lower learning_rate or gate_learning_rate in the recipe",
            )


def mean_gates(model: Decoder) -> list[float]:
    """Return each layer's mean sigmoid; none where the memory uses no gates, even if the model has them."""
    if not KINDS[model.reading.memory].mixes:
        return []
    gates = [parameter for name, parameter in model.named_parameters() if is_gate(name)]
    return [float(torch.sigmoid(gate.detach()).mean()) for gate in gates]
