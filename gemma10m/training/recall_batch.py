"""Draw a step's documents for an added memory: closed segments that are read, then questions about what has left them.

Only the tokens from the last closed segment on go through the model with gradients, so they are few.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gemma10m.config import ReadingConfig
from gemma10m.errors import ConfigError
from gemma10m.tasks.case import Case
from gemma10m.tasks.writer import Writer
from gemma10m.training.batch import TRIES, answer_mask, draw_case
from gemma10m.training.recipe import Recipe, Stage

BEFORE = (8, 72)  # tokens of the document between its last closed segment and the longest questions
ANYWHERE = 0.15  # of the documents may have their facts where the window still shows them
INTERLUDES = 0.4  # of the segments are followed by one


@dataclass(frozen=True)
class RecallBatch:
    ids: Tensor  # (B, S) int64
    read: int  # tokens of closed segments
    answers: Tensor  # (B, S) bool: tokens of an answer, with the one that stops it
    prose: Tensor  # (B, S) bool: tokens after `read` and before the questions, at which the model is to say what it did
    turns: tuple[tuple[str, tuple[slice, ...]], ...]  # each row's task, and where its answers are
    times: Tensor  # (B, G) int64: m > 0: plain segments follow segment s 2**(m - 1) times over; 0: nothing


def draw_recall_batch(writer: Writer, recipe: Recipe, stage: Stage, step: int, reading: ReadingConfig) -> RecallBatch:
    """Draw documents of one length. Raises ConfigError when none of the recipe's tasks fits the stage."""
    draw = random.Random(f"{recipe.seed} {step}")
    count = max(1, recipe.tokens_per_step // stage.length)
    names, cases = zip(*(_drawn(writer, recipe, stage, draw) for _ in range(count)), strict=True)
    cases = tuple(_out_of_sight(case, 1 - reading.carry / stage.length, draw) for case in cases)
    asking = [writer.closing_tokens(case) for case in cases]
    length = stage.length + draw.randint(*BEFORE) + max(asking)
    rows = [writer.row(case, length, draw) for case in cases]
    prose = torch.zeros(count, length, dtype=torch.bool)
    for index, tokens in enumerate(asking):
        prose[index, stage.length + 1 + draw.randrange(recipe.lm_stride) : length - tokens : recipe.lm_stride] = True
    return RecallBatch(
        torch.stack([row.ids for row in rows]),
        stage.length,
        answer_mask(rows, length),
        prose,
        tuple((name, row.answers) for name, row in zip(names, rows, strict=True)),
        draw_times(count, stage.length // reading.segment, stage.virtual, draw),
    )


def _drawn(writer: Writer, recipe: Recipe, stage: Stage, draw: random.Random) -> tuple[str, Case]:
    for _ in range(TRIES):
        task, case = draw_case(recipe, stage.length, draw, writer.questions)
        if writer.least(case) <= stage.length:
            return task, case
    raise ConfigError(
        [f"no document of the tasks {', '.join(recipe.tasks)} fits a stage of {stage.length} tokens"],
        hint="make the stage longer, or take tasks with fewer facts and questions",
    )


def _out_of_sight(case: Case, share: float, draw: random.Random) -> Case:
    """Move the facts into the first `share` of the document."""
    if draw.random() < ANYWHERE or share <= 0:
        return case
    return replace(case, facts=tuple(replace(fact, depth=fact.depth * share) for fact in case.facts))


def draw_times(rows: int, segments: int, virtual: int, draw: random.Random) -> Tensor:
    """Draw how often plain segments follow each segment, as `RecallBatch.times` has it: (rows, segments)."""
    generator = torch.Generator().manual_seed(draw.getrandbits(63))
    if not virtual:
        return torch.zeros(rows, segments, dtype=torch.int64)
    times = torch.randint(1, virtual + 1, (rows, segments), generator=generator)  # (B, G)
    return times * (torch.rand(rows, segments, generator=generator) < INTERLUDES)
