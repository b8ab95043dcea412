"""Ask again about documents that were read once: several of them in one memory, behind other prose each time.

What a layer with an added memory gets of a document, and of questions read without it, does not depend on the memory:
documents that were gathered for its addresses are asked about in many steps, and none of their tokens are read again.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from gemma10m.memory.added import CONTEXT_TOKENS
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.tasks.haystack import Prose
from gemma10m.tasks.writer import TrainingRow
from gemma10m.training.addresses import AddressedDocument, draw_together
from gemma10m.training.batch import answer_mask
from gemma10m.training.heard_inputs import read_and_hear
from gemma10m.training.plain_segments import draw_prose
from gemma10m.training.recall_batch import RecallBatch, draw_times
from gemma10m.training.recipe import Recipe, Stage

ROWS = 4  # of a step, each with the questions of one document
TOGETHER = 3  # at most so many documents in a row's memory
WINDOWS = 16
WINDOW_SEGMENTS = 3  # of prose: more than any window holds
AGAIN = "again"  # among the tasks of a step's report


@dataclass(frozen=True)
class Windows:
    """Hold what a model has in its windows after P stretches of prose."""

    state: State
    heard: Tensor  # (L, P, X, D): what each of the L layers with a memory got of the last tokens


@dataclass(frozen=True)
class AskedAgain:
    batch: RecallBatch  # nothing of it is read before the questions
    documents: tuple[AddressedDocument, ...]  # row by row, as many for each
    windows: Tensor  # (B) int64: what each row has in its window


def read_windows(model: Decoder, prose: Sequence[Prose], opening: Sequence[int], seed: int) -> Windows:
    draw, length = random.Random(f"{seed} windows"), WINDOW_SEGMENTS * model.reading.segment
    state, heard = read_and_hear(model, draw_prose(prose, opening, WINDOWS, length, draw))
    return Windows(state, heard[:, :, -CONTEXT_TOKENS:].clone())


def draw_again(
    documents: Sequence[AddressedDocument], recipe: Recipe, stage: Stage, step: int, segment: int
) -> AskedAgain:
    """Draw a step's rows. Each document must have an answer to find."""
    draw = random.Random(f"{recipe.seed} {step} again")
    count = draw.randint(1, TOGETHER)
    rows = [draw_together(documents, count, draw) for _ in range(ROWS)]
    together = min(map(len, rows))
    chosen = tuple(document for row in rows for document in row[:together])
    asked = [draw.choice(row[:together]) for row in rows]
    segments = -(-max(len(document.ids) for document in chosen) // segment)
    windows = torch.tensor([draw.randrange(WINDOWS) for _ in rows])
    return AskedAgain(_batch(asked, recipe, together * segments, stage.virtual, draw), chosen, windows)


def padded_inputs(documents: Sequence[AddressedDocument], segment: int) -> tuple[Tensor, Tensor]:
    """Return what layers got of the documents, in whole segments (L, N, S, D), and which tokens there are (N, S)."""
    longest = max(len(document.ids) for document in documents)
    size = -(-longest // segment) * segment
    inputs = [F.pad(document.inputs, (0, 0, 0, size - len(document.ids))) for document in documents]
    lengths = torch.tensor([len(document.ids) for document in documents])
    return torch.stack(inputs, dim=1), torch.arange(size) < lengths.unsqueeze(1)


def _batch(
    asked: Sequence[AddressedDocument], recipe: Recipe, segments: int, virtual: int, draw: random.Random
) -> RecallBatch:
    """Return the rows' questions without the document's first token, padded behind the last of them."""
    rows, length = len(asked), max(len(document.questions) for document in asked) - 1
    ids, prose = torch.zeros(rows, length, dtype=torch.int64), torch.zeros(rows, length, dtype=torch.bool)
    for row, document in enumerate(asked):
        ids[row, : len(document.questions) - 1] = document.questions[1:]
        prose[row, 1 + draw.randrange(recipe.lm_stride) : document.prose : recipe.lm_stride] = True
    turns = [tuple(slice(answer.start - 1, answer.stop - 1) for answer in document.answers) for document in asked]
    answers = answer_mask([TrainingRow(*row, ()) for row in zip(ids, turns, strict=True)], length)
    times = draw_times(rows, segments, virtual, draw)
    return RecallBatch(ids, 0, answers, prose, tuple((AGAIN, row) for row in turns), times)
