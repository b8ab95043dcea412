"""Draw a step's documents from recipe, stage and step number alone, so that a run can resume."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gemma10m.errors import ConfigError
from gemma10m.memory.interludes import Interludes
from gemma10m.tasks.case import Case
from gemma10m.tasks.passkey import passkey
from gemma10m.tasks.question_set import AskedQuestion
from gemma10m.tasks.word_lists import ValueKind, make_hard_number
from gemma10m.tasks.writer import TrainingRow, Writer
from gemma10m.training.mixture import draw_needles, draw_pairs, draw_questions, draw_repeat, draw_story, with_strays
from gemma10m.training.recipe import SEEN_IN_A_WINDOW, Recipe, Stage

INTERLUDES = 0.25  # of the segments are followed by one
MOST_SEEN = 2  # facts that a window holds beside their question
LENGTHS, TRIES = 20, 100  # tried before a stage is called too short
TOKENS_PER_FACT, TOKENS_PER_LINE, TOKENS_PER_PAIR = 40, 30, 22  # of the document, at least: facts are to stand in prose


@dataclass(frozen=True)
class Batch:
    ids: Tensor  # (B, S) int64
    answers: Tensor  # (B, S) bool: tokens of an answer, with the one that stops it
    text: Tensor  # (B, S) bool: the other tokens that have a next-token loss
    lessons: slice  # of the S - 1 positions: where a teacher is asked
    turns: tuple[tuple[str, tuple[slice, ...]], ...]  # each row's task, and where its answers stand
    interludes: Interludes | None


def draw_batch(writer: Writer, recipe: Recipe, stage: Stage, step: int, segment: int) -> Batch:
    """Draw documents of one length, which ends anywhere in its last segment.

    Raises ConfigError when no document of the recipe's tasks fits the stage.
    """
    draw = random.Random(f"{recipe.seed} {step}")
    for _ in range(LENGTHS):
        length = max(2, stage.length - draw.randint(0, segment - 1))
        if drawn := _rows(writer, recipe, length, draw):
            names, rows = zip(*drawn, strict=True)
            return _batch(names, rows, recipe, stage, segment, draw)
    raise ConfigError(
        [f"no document of the tasks {', '.join(recipe.tasks)} fits a stage of {stage.length} tokens"],
        hint="make the stage longer, or take tasks with fewer facts and questions",
    )


def _rows(writer: Writer, recipe: Recipe, length: int, draw: random.Random) -> list[tuple[str, TrainingRow]] | None:
    """Return the task and the row of each document; None for one that does not fit the length."""
    drawn = []
    for _ in range(max(1, recipe.tokens_per_step // length)):
        for _ in range(TRIES):
            task, case = draw_case(recipe, length, draw, writer.questions)
            if writer.least(case) <= length:
                drawn.append((task, writer.row(case, length, draw)))
                break
        else:
            return None
    return drawn


def is_without_memory(recipe: Recipe, step: int) -> bool:
    return random.Random(f"{recipe.seed} {step} window").random() < recipe.window_share


def seen_in_the_window(recipe: Recipe) -> Recipe:
    """Return the recipe for documents with answers just before their question, and the tasks that allow it."""
    tasks = {task: weight for task, weight in recipe.tasks.items() if task in SEEN_IN_A_WINDOW}
    facts = min(recipe.facts, MOST_SEEN)
    fewest = min(recipe.fewest_facts, facts)
    return replace(recipe, tasks=tasks, facts=facts, fewest_facts=fewest, questions=1, end_share=1.0, start_share=0.0)


def draw_case(
    recipe: Recipe, length: int, draw: random.Random, asked: Sequence[AskedQuestion] = ()
) -> tuple[str, Case]:
    """Draw a case of one of the recipe's tasks; `text` is a document without questions, `question` one of `asked`."""
    task = draw.choices(list(recipe.tasks), list(recipe.tasks.values()))[0]
    if task == "text":
        return task, with_strays(draw, Case((), (), raw=True), recipe.strays)
    if task == "passkey":
        return task, passkey(make_hard_number(draw), _depth(recipe, draw))
    if task == "repeat":
        return task, draw_repeat(draw, draw.randint(1, max(1, length // TOKENS_PER_PAIR)))
    if task == "pairs":
        count = draw.randint(2, max(2, length // TOKENS_PER_PAIR))
        return task, draw_pairs(draw, lambda: _kind(recipe, draw), count)
    questions = draw.randint(1, recipe.questions)
    if task == "question":
        return task, draw_questions(draw, asked, questions)
    if task == "story":
        return task, draw_story(draw, length // TOKENS_PER_LINE, questions)
    most = min(recipe.facts, max(1, length // TOKENS_PER_FACT))
    facts = draw.randint(min(recipe.fewest_facts, most), most)
    case = draw_needles(draw, _kind(recipe, draw), facts, questions, lambda: _depth(recipe, draw))
    return task, with_strays(draw, case, recipe.strays)


def _kind(recipe: Recipe, draw: random.Random) -> ValueKind:
    return "word" if draw.random() < recipe.word_share else "number"


def _depth(recipe: Recipe, draw: random.Random) -> float:
    share = draw.random()
    if share < recipe.end_share:
        return 1.0
    return 0.0 if share < recipe.end_share + recipe.start_share else draw.random()


def _batch(
    names: tuple[str, ...],
    rows: tuple[TrainingRow, ...],
    recipe: Recipe,
    stage: Stage,
    segment: int,
    draw: random.Random,
) -> Batch:
    ids = torch.stack([row.ids for row in rows])  # (B, S)
    answers = answer_mask(rows, ids.shape[1])
    first = draw.randrange(recipe.lm_stride)
    text = torch.zeros(ids.shape, dtype=torch.bool)  # (B, S)
    text[:, 1 + first :: recipe.lm_stride] = True
    return Batch(
        ids,
        answers,
        text & ~answers,
        slice(first, None, recipe.lm_stride),
        tuple((name, row.answers) for name, row in zip(names, rows, strict=True)),
        _interludes(rows, (ids.shape[1] - 1) // segment, segment, stage.virtual, draw),
    )


def _interludes(
    rows: tuple[TrainingRow, ...], closed: int, segment: int, virtual: int, draw: random.Random
) -> Interludes | None:
    if not virtual or not closed:
        return None
    generator = torch.Generator().manual_seed(draw.getrandbits(63))
    times = torch.randint(1, virtual + 1, (len(rows), closed), generator=generator)  # (B, G)
    times *= torch.rand(len(rows), closed, generator=generator) < INTERLUDES
    plain = torch.zeros(len(rows), closed, dtype=torch.bool)  # (B, G)
    for number, row in enumerate(rows):
        for part in row.haystack:
            plain[number, -(-part.start // segment) : part.stop // segment] = True
    return Interludes(plain, times)


def answer_mask(rows: Sequence[TrainingRow], length: int) -> Tensor:
    """Return where the rows have answers: (B, S) bool."""
    mask = torch.zeros(len(rows), length, dtype=torch.bool)
    for index, row in enumerate(rows):
        for answer in row.answers:
            mask[index, answer] = True
    return mask
