"""How often a planted fact is answered right, by length and depth, with a Wilson interval."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass

import torch

from gemma10m.models.gemma import Gemma
from gemma10m.training.planted import Planter, draw_case

# Tokens that go through the model together, over all documents of a batch.
CPU_STRETCH, CUDA_STRETCH = 32768, 1 << 20


@dataclass(frozen=True)
class Cell:
    """One length and depth: `right` of `n` documents answered exactly."""

    tokens: int
    segments: int
    depth: float
    facts: int
    n: int
    right: int

    @property
    def accuracy(self) -> float:
        return self.right / self.n

    def interval(self, z: float = 1.96) -> tuple[float, float]:
        """Wilson's 95 % interval."""
        p, n = self.accuracy, self.n
        centre = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
        return max(0.0, centre - half), min(1.0, centre + half)


def measure(
    model: Gemma, planter: Planter, *, segments: int, depth: float, facts: int, n: int, seed: int, rows: int
) -> Cell:
    """n documents that end inside segment number `segments`, the fact asked for at `depth`; `rows` at a time."""
    draw = random.Random(f"{seed} {segments} {depth} {facts}")
    length = segments * model.reading.segment
    right = 0
    for start in range(0, n, rows):
        cases = [draw_case(draw, facts, depth) for _ in range(min(rows, n - start))]
        shorter = draw.randrange(model.reading.segment)
        ids = torch.tensor([planter.row(case, length - shorter, draw) for case in cases])  # (B, S)
        right += answered(model, ids, planter.answer_tokens)
    return Cell(length, segments, depth, facts, n, right)


def answered(model: Gemma, ids: torch.Tensor, answer: int) -> int:
    """Rows whose last `answer` ids are what greedy decoding gives. ids (B, S)."""
    budget = CUDA_STRETCH if model.device.type == "cuda" else CPU_STRETCH
    segment = model.reading.segment
    stretch = max(segment, budget // ids.shape[0] // segment * segment)
    body, tail = ids[:, : -answer - 1], ids[:, -answer - 1 :]
    state = model.empty_state(ids.shape[0])
    with torch.inference_mode():
        for part in body.split(stretch, dim=1):
            _, state = model(part, state, logits="none")
        logits, _ = model(tail[:, :-1], state, logits="all")  # (B, answer, V)
    return int((logits.argmax(-1).cpu() == tail[:, 1:]).all(-1).sum())
