"""Train a LoRA adapter step by step: contexts, gradients, AdamW; a run is one file, and the same command resumes."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from gemma10m.adapters.lora import LoraLinear, Updates, add_lora, lora_parameters, start_lora_from
from gemma10m.errors import TrainingError
from gemma10m.heap import return_freed
from gemma10m.models.decoder import Decoder
from gemma10m.tokens import Tokenizer
from gemma10m.training.answer_loss import answer_loss, encode_context
from gemma10m.training.contexts import Context, OtherText
from gemma10m.training.lora_recipe import LoraRecipe
from gemma10m.training.prose_loss import encode_prose, prose_loss
from gemma10m.training.run_file import (
    are_finite,
    cannot_resume,
    check_tensors,
    read_run,
    restore_tensors,
    run_tensors,
    write_run,
)

FORMAT = "gemma10m.lora/2"
LONGEST_GRADIENT = 1.0


@dataclass(frozen=True)
class LoraReport:
    """Hold one line of log.jsonl."""

    step: int  # steps done, this one included
    tokens: int  # of this step
    asked: int
    right: int  # answers of which every token was the likeliest
    answer_loss: float | None  # mean over the answers' tokens; None for a step without questions
    prose_loss: float | None  # KL a token; None for a step without other text
    gradient: float  # its norm, before it is clipped
    rate: float
    seconds: float


@dataclass(frozen=True)
class _Learned:
    tokens: int
    loss: float | None  # None without examples
    asked: int = 0
    right: int = 0


class LoraTrainer:
    """Own the updates and their optimiser; the base's weights are frozen, in whatever dtype they were loaded."""

    def __init__(
        self,
        model: Decoder,
        tokenizer: Tokenizer,
        examples: Sequence[Context | OtherText],
        recipe: LoraRecipe,
        start: Updates | None = None,
    ) -> None:
        """Add the updates to the model. start: those of an adapter; the default changes nothing.

        Raises UsageError for an adapter of another rank, scale or model.
        """
        self.model, self.tokenizer, self.examples, self.recipe = model, tokenizer, examples, recipe
        add_lora(model, recipe.lora, recipe.seed)
        if start is not None:
            start_lora_from(model, start)
        self.parameters = list(lora_parameters(model))
        self.optimizer = torch.optim.AdamW(self.parameters, lr=0.0, betas=(0.9, 0.95), weight_decay=0.0)
        self.steps_done = 0
        self.whole = True  # weights, moments and steps_done are of one step

    @property
    def done(self) -> bool:
        return self.steps_done >= self.recipe.steps

    def step(self) -> LoraReport:
        """Run one step. Raises TrainingError for a gradient that is not a number.

        Whatever it raises, all is as before the step while `whole` holds.
        """
        started, first = time.monotonic(), self.steps_done * self.recipe.contexts_per_step
        batch = self.examples[first : first + self.recipe.contexts_per_step]
        self.optimizer.zero_grad(set_to_none=True)
        answers = self._learn_answers([one for one in batch if isinstance(one, Context)])
        prose = self._stay([one for one in batch if isinstance(one, OtherText)])
        gradient = self._move()
        return_freed()
        return LoraReport(
            self.steps_done,
            answers.tokens + prose.tokens,
            answers.asked,
            answers.right,
            answers.loss,
            prose.loss,
            gradient,
            self.recipe.rate(self.steps_done - 1),
            time.monotonic() - started,
        )

    def _learn_answers(self, contexts: Sequence[Context]) -> _Learned:
        batch = [encode_context(self.tokenizer, context) for context in contexts]
        asked, right, loss = sum(len(one.questions) for one in batch), 0, 0.0
        for encoded in batch:
            found = answer_loss(self.model, encoded)
            share = found.asked / asked
            (share * found.loss).backward()
            right += found.right
            loss += share * float(found.loss.detach())
        return _Learned(sum(one.tokens for one in batch), loss if batch else None, asked, right)

    def _stay(self, stretches: Sequence[OtherText]) -> _Learned:
        """Add the gradient of the distance from the model without the updates."""
        batch = [encode_prose(self.tokenizer, one.text, self.recipe) for one in stretches]
        loss, draw = 0.0, random.Random(f"{self.recipe.seed} {self.steps_done}")
        for ids in batch:
            found = prose_loss(self.model, ids, self.recipe, draw) / len(batch)
            (self.recipe.prose_weight * found).backward()
            loss += float(found.detach())
        return _Learned(sum(ids.numel() for ids in batch), loss if batch else None)

    def _move(self) -> float:
        norm = float(nn.utils.clip_grad_norm_(self.parameters, LONGEST_GRADIENT))
        if not math.isfinite(norm):
            raise TrainingError(f"the gradient of step {self.steps_done + 1} is {norm}", hint="lower learning_rate")
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.rate(self.steps_done)
        self.whole = False
        self.optimizer.step()
        self.steps_done += 1
        self.whole = True
        return norm

    def save(self, path: Path, origin: str) -> None:
        """Save all that the run needs to resume. origin: what it was started on.

        Raises DiskError, and TrainingError for numbers that are not finite; the file of before is then as it was.
        """
        tensors = run_tensors(self._named(), self.optimizer)
        if not are_finite(tensors):
            raise TrainingError(f"the weights of step {self.steps_done} are no longer finite", "lower learning_rate")
        write_run(path, {"format": FORMAT, "origin": origin, "steps": self.steps_done}, tensors)

    def resume(self, path: Path, origin: str) -> None:
        """Continue a saved run. Raises StateError for a damaged one and for one of another origin."""
        about, tensors = read_run(path, FORMAT)
        steps = about.get("steps")
        if about.get("origin") != origin or type(steps) is not int or not 0 <= steps <= self.recipe.steps:
            raise cannot_resume(path, "it is a run on other data, another model or another recipe")
        check_tensors(path, tensors, run_tensors(self._named(), self.optimizer))
        restore_tensors(self._named(), self.optimizer, tensors)
        self.steps_done = steps

    def _named(self) -> dict[str, nn.Parameter]:
        modules = [(name, each) for name, each in self.model.named_modules() if isinstance(each, LoraLinear)]
        return {f"{name}.{part}": getattr(each, part) for name, each in modules for part in ("lora_A", "lora_B")}
