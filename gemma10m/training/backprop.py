"""Compute a batch's losses and gradients by truncated back-propagation over k segments; the memory carries on.

Each chunk's backward pass runs before the next chunk is read, so that peak memory depends on k, not on the length.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from gemma10m.errors import UsageError
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.training.batch import Batch
from gemma10m.training.mixer_distance import Mixed, mixer_distance
from gemma10m.training.recipe import Recipe
from gemma10m.training.teacher import LOGITS_AT_ONCE, Teacher, chunked_distillation


@dataclass
class Losses:
    """Hold means over the tokens of a batch; None where there is no such token."""

    answer: float | None
    text: float | None
    teacher: float | None
    mixer: float | None
    address: float | None = field(default=None, kw_only=True)  # of an added memory's addresses
    right: dict[str, tuple[int, int]]  # a task's questions answered right, and asked
    write_gates: list[float]  # a layer's mean over the open segment: gated


def recompute_layers(model: Decoder) -> None:
    """Keep only a layer's input for the backward pass, which runs the layer again.

    Raises UsageError for layers that get more than their input: keys and values of other layers.
    """
    if model.config.shares:
        raise UsageError("recompute does not work with layers that share keys and values", hint="leave it out")
    for layer in model.model.layers:
        again = partial(checkpoint, layer.forward, use_reentrant=False, preserve_rng_state=False)
        vars(layer)["forward"] = again


def backward(model: Decoder, batch: Batch, recipe: Recipe, teacher: Teacher | None = None) -> Losses:
    """Add the batch's gradients to the parameters'."""
    work = _Work(model, batch, recipe, teacher)
    state = model.empty_state(batch.ids.shape[0])
    for start, stop in chunks(work.positions, model.reading.segment, recipe.backprop):
        state = work.chunk(start, stop, state)
    return work.losses(state)


def chunks(positions: int, segment: int, segments: int) -> Iterator[tuple[int, int]]:
    """Cut at multiples of `segments` segments from the end backwards, so that the questions have whole chunks."""
    count = -(-positions // segment)
    step = segments or count
    starts = [0, *range(count % step or step, count, step)]
    for start, stop in zip(starts, [*starts[1:], count], strict=True):
        yield start * segment, min(stop * segment, positions)


class _Work:
    """Hold what all chunks of a batch share, and the sums over them."""

    def __init__(self, model: Decoder, batch: Batch, recipe: Recipe, teacher: Teacher | None) -> None:
        self.model, self.batch, self.recipe, self.teacher = model, batch, recipe, teacher
        ids = batch.ids.to(model.device)
        self.inputs, self.targets = ids[:, :-1], ids[:, 1:]  # (B, S - 1) each
        self.positions = self.inputs.shape[1]
        self.answers = batch.answers[:, 1:].to(model.device)  # (B, S - 1)
        self.text = batch.text[:, 1:].to(model.device)  # (B, S - 1)
        self.interludes = batch.interludes and batch.interludes.to(model.device)
        self.asked, self.told = int(self.answers.sum()), int(self.text.sum())
        self.mixed: list[Tensor] | None = None  # by layer, (B, S', D) each
        self.lesson = self._read_by(teacher) if teacher else None  # (B, S', D)
        self.taught = torch.zeros(self.positions, dtype=torch.bool, device=model.device)
        if self.lesson is not None:
            self.taught[: self.lesson.shape[1]][batch.lessons] = True
        zero = torch.zeros((), device=model.device)
        self.answer_loss, self.text_loss, self.teacher_loss, self.mixer_loss = zero, zero, zero, zero
        self.hits = torch.zeros_like(batch.answers)

    def _read_by(self, teacher: Teacher) -> Tensor:
        if not self.recipe.mixer_weight:
            return teacher.hidden(self.inputs)
        with Mixed(teacher.model) as mixed:
            lesson = teacher.hidden(self.inputs)
        self.mixed = mixed.outputs()
        return lesson

    def chunk(self, start: int, stop: int, state: State) -> State:
        here, segment = slice(start, stop), self.model.reading.segment
        interludes = self.interludes and self.interludes.of(start // segment, stop // segment)
        learns = self._learns(here)
        with torch.set_grad_enabled(learns):
            with Mixed(self.model if learns and self.mixed else None) as mixed:
                hidden, state = self.model.hidden(self.inputs[:, here], state, stop - start, interludes)  # (B, S, D)
            if learns:
                (self._loss(hidden, here) + self._mixer_loss(mixed, here)).backward()
        return state.map(Tensor.detach)

    def _learns(self, here: slice) -> bool:
        """Tell if any token of the chunk has a loss."""
        text = self.recipe.lm_weight > 0 and bool(self.text[:, here].any())
        return text or bool(self.answers[:, here].any()) or bool(self.taught[here].any())

    def _loss(self, hidden: Tensor, here: slice) -> Tensor:
        answers, targets = self.answers[:, here], self.targets[:, here]
        answer, right = cross_entropy(self.model, hidden[answers], targets[answers], self.asked)
        self.hits[:, 1:][:, here][answers.cpu()] = right.cpu()
        self.answer_loss = self.answer_loss + answer.detach()
        total = answer
        if self.recipe.lm_weight:
            text = self.text[:, here]
            loss, _ = cross_entropy(self.model, hidden[text], targets[text], self.told)
            self.text_loss = self.text_loss + loss.detach()
            total = total + self.recipe.lm_weight * loss
        if self.taught[here].any():
            loss = self._teacher_loss(hidden, here)
            self.teacher_loss = self.teacher_loss + loss.detach()
            total = total + self.recipe.kl_weight * loss
        return total

    def _teacher_loss(self, hidden: Tensor, here: slice) -> Tensor:
        assert self.teacher is not None
        assert self.lesson is not None
        taught = self.taught[here]
        loss = chunked_distillation(self.model, hidden, self.teacher, self.lesson[:, here], taught)
        return loss * (int(taught.sum()) / int(self.taught.sum()))

    def _mixer_loss(self, mixed: Mixed, here: slice) -> Tensor:
        if self.mixed is None:
            return torch.zeros((), device=self.model.device)
        loss = mixer_distance(mixed.outputs(), [wanted[:, here] for wanted in self.mixed])
        loss = loss * ((here.stop - here.start) / self.positions)
        self.mixer_loss = self.mixer_loss + loss.detach()
        weighted: Tensor = loss * self.recipe.mixer_weight
        return weighted

    def losses(self, state: State) -> Losses:
        return Losses(
            answer=float(self.answer_loss) if self.asked else None,
            text=float(self.text_loss) if self.told and self.recipe.lm_weight else None,
            teacher=float(self.teacher_loss) if self.taught.any() else None,
            mixer=float(self.mixer_loss) if self.mixed else None,
            right=right_answers(self.batch.turns, self.hits),
            write_gates=[float(gates.mean()) for gates in _write_gates(state)],
        )


def _write_gates(state: State) -> Iterator[Tensor]:
    """Return the open segment's write gates, layer by layer, where there are any."""
    for layer in state.layers:
        gates = layer.get("write_gates")
        if gates is not None and gates.numel():
            yield gates


def cross_entropy(model: Decoder, hidden: Tensor, targets: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Return the sum over tokens divided by `count`, and which tokens are the likeliest. hidden (rows, D)."""
    rows = max(1, LOGITS_AT_ONCE // model.config.vocabulary)
    if len(targets) <= rows:
        loss, right = _scored(model, hidden, targets)
        return loss / max(1, count), right
    # A checkpoint a block, or the backward pass would keep every block's logits.
    scored = [
        checkpoint(_scored, model, some, wanted, use_reentrant=False)
        for some, wanted in zip(hidden.split(rows), targets.split(rows), strict=True)
    ]
    losses, rights = zip(*scored, strict=True)
    return torch.stack(losses).sum() / count, torch.cat(rights)


def _scored(model: Decoder, hidden: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    logits = model.head(hidden)  # (rows, V)
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    return F.cross_entropy(wide, targets, reduction="sum"), logits.argmax(-1) == targets


def right_answers(turns: Sequence[tuple[str, tuple[slice, ...]]], hits: Tensor) -> dict[str, tuple[int, int]]:
    """Return for each task how many questions were answered right, and how many were asked. hits (B, S) bool."""
    counts: dict[str, tuple[int, int]] = {}
    for index, (task, asked) in enumerate(turns):
        for turn in asked:
            right, all_asked = counts.get(task, (0, 0))
            counts[task] = (right + int(hits[index, turn].all()), all_asked + 1)
    return counts
