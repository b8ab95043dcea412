"""Train a small model from scratch to carry planted facts through its memory.

The whole document goes through each layer at once: gradients flow through every segment's write. Virtual length
(docs/architecture.md) writes a segment as if it had been read 2**m times, so that a few thousand tokens of training
ask for what a million tokens of reading need.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gemma10m.models.gemma import Gemma
from gemma10m.tokens import Tokenizer
from gemma10m.training.planted import Case, Planter, Prose, draw_case, make_hard_number
from gemma10m.training.recipe import Curriculum, Recipe

LM_STRIDE = 4  # next-token loss on every fourth token: the head is a third of a small model's work


@dataclass(frozen=True)
class StepReport:
    step: int
    seconds: float
    segments: int
    virtual: int
    answer_loss: float
    lm_loss: float
    accuracy: float
    tokens: int


def initialise(model: Gemma) -> None:
    """Weights ~ N(0, 1/fan_in), embeddings ~ N(0, 0.02), norms and gates 0, write gates half open."""
    for name, parameter in model.named_parameters():
        if parameter.dim() == 2 and "embed" not in name and "write_gate" not in name:
            nn.init.normal_(parameter, std=parameter.shape[1] ** -0.5)
        elif "embed" in name:
            nn.init.normal_(parameter, std=0.02)
        else:
            nn.init.zeros_(parameter)


def make_optimizer(model: Gemma, recipe: Recipe) -> torch.optim.AdamW:
    """Gates have their own learning rate; neither they nor the norms decay."""
    groups: dict[str, list[nn.Parameter]] = {"gates": [], "vectors": [], "matrices": []}
    for name, parameter in model.named_parameters():
        kind = "gates" if name.endswith("self_attn.gate") else "vectors" if parameter.dim() < 2 else "matrices"
        groups[kind].append(parameter)
    rates = {"gates": recipe.gate_learning_rate, "vectors": recipe.learning_rate, "matrices": recipe.learning_rate}
    return torch.optim.AdamW(
        [
            {
                "params": groups[kind],
                "lr": rates[kind],
                "base": rates[kind],
                "weight_decay": 0.01 * (kind == "matrices"),
            }
            for kind in groups
        ],
        betas=(0.9, 0.95),
    )


class Trainer:
    def __init__(self, model: Gemma, planter: Planter, recipe: Recipe) -> None:
        self.model, self.planter, self.recipe = model, planter, recipe
        self.draw = random.Random(recipe.seed)
        self.optimizer = make_optimizer(model, recipe)
        self.curriculum = Curriculum(recipe, recipe.shortest, recipe.first_virtual)

    def step(self, number: int) -> StepReport:
        started = time.monotonic()
        ids, repeats = self._batch()
        factor = self.recipe.rate(number)
        for group in self.optimizer.param_groups:
            group["lr"] = group["base"] * factor
        answer_loss, lm_loss, accuracy = self._losses(ids, repeats)
        self.optimizer.zero_grad(set_to_none=True)
        (answer_loss + self.recipe.lm_weight * lm_loss).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        shown = (float(answer_loss.detach()), float(lm_loss.detach()), float(accuracy))
        report = StepReport(
            number, time.monotonic() - started, self.curriculum.segments, self.curriculum.virtual, *shown, ids.numel()
        )
        self.curriculum.see(shown[0])
        return report

    def _batch(self) -> tuple[Tensor, Tensor | None]:
        segment = self.model.reading.segment
        length = segment * (self.curriculum.segments - 1) + self.draw.randint(1, segment)
        count = max(1, self.recipe.tokens_per_step // length)
        cases = [self._case() for _ in range(count)]
        ids = torch.tensor([self.planter.row(case, length, self.draw) for case in cases])  # (B, S)
        return ids.to(self.model.device), self._repeats(count, (length - 1) // segment)

    def _case(self) -> Case:
        facts = self.draw.randint(1, self.recipe.facts)
        return draw_case(self.draw, facts, self.recipe.depth(self.draw), make_hard_number)

    def _repeats(self, rows: int, closed: int) -> Tensor | None:
        """m in {1..virtual} for half of the segments, 0 for the others."""
        if not self.curriculum.virtual:
            return None
        device = self.model.device
        times = torch.randint(1, self.curriculum.virtual + 1, (rows, closed), device=device)  # (B, G)
        return times * torch.randint(0, 2, (rows, closed), device=device)

    def _losses(self, ids: Tensor, repeats: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        answer = self.planter.answer_tokens
        state = self.model.empty_state(ids.shape[0])
        hidden, _ = self.model.hidden(ids[:, :-1], state, ids.shape[1] - 1, repeats)  # (B, S, D)
        logits = self.model.head(hidden[:, -answer:])  # (B, answer, V)
        target = ids[:, -answer:]
        answer_loss = F.cross_entropy(logits.flatten(0, 1), target.flatten())
        accuracy = (logits.argmax(-1) == target).all(-1).float().mean()
        some = slice(self.draw.randrange(LM_STRIDE), ids.shape[1] - 1 - answer, LM_STRIDE)
        prose = self.model.head(hidden[:, some])  # (B, S / 4, V)
        lm_loss = F.cross_entropy(prose.flatten(0, 1), ids[:, 1:][:, some].flatten())
        return answer_loss, lm_loss, accuracy


def train(model: Gemma, tokenizer: Tokenizer, prose: Sequence[Prose], recipe: Recipe) -> Iterator[StepReport]:
    """The recipe's steps, one report each; stop whenever you like."""
    trainer = Trainer(model, Planter(tokenizer, prose, recipe.distractors), recipe)
    for number in range(recipe.steps):
        yield trainer.step(number)
