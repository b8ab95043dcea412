"""A cell of the table says which documents are read, and how many of them were answered right."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from gemma10m.errors import UsageError
from gemma10m.evaluation.task import Task
from gemma10m.tasks.case import Case
from gemma10m.tasks.writer import Script, Writer

GROUP = 10  # documents that share a length and a haystack, so that what they have in common is read once


@dataclass(frozen=True)
class Cell:
    """Hold `n` documents of about `tokens` tokens. A document's content depends on its index and not on `n`."""

    task: Task
    tokens: int
    depth: float
    n: int
    seed: int

    def case(self, index: int) -> Case:
        return self.task.draw(self._draw(f"document {index}"), self.depth)

    def scripts(self, writer: Writer, segment: int, indices: Sequence[int]) -> list[Script]:
        """Return the documents of one group, all of one length, which ends anywhere in a segment."""
        group = f"group {indices[0] // GROUP}"
        length = self.tokens - self._draw(f"{group} length").randrange(self._jitter(segment))
        return [writer.script(self.case(index), length, self._draw(group)) for index in indices]

    def chance(self) -> float:
        cases = [self.case(index) for index in range(self.n)]
        return sum(turn.chance for case in cases for turn in case.turns) / self.n

    def check(self, writer: Writer, segment: int) -> None:
        """Refuse documents too short for what they must contain. Raises UsageError."""
        least = max(writer.least(self.case(index)) for index in range(self.n))
        if self.tokens - self._jitter(segment) < least:
            raise UsageError(
                f"{self.tokens:,} tokens are too few for {self.task.label}: "
                f"its opening, facts and question alone have {least:,}",
                hint=f"use --length {8 * least // 7 + segment} or more",
            )

    def _jitter(self, segment: int) -> int:
        return max(1, min(segment, self.tokens // 8))

    def _draw(self, what: str) -> random.Random:
        task = self.task
        settings = f"{task.name} {task.form} {task.facts} {task.values} {task.unseen}"
        return random.Random(f"{self.seed} {settings} {self.tokens} {self.depth} {what}")


def wilson(right: float, n: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval for the share that `right` of `n` estimates."""
    p, z = right / n, 1.96
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return max(0.0, centre - half), min(1.0, centre + half)


def design_effect(right: Sequence[bool]) -> float:
    """Return the variance of the share of right answers over that of independent documents, at least 1.

    Documents of a group share their prose, so it is estimated from the groups (Kish, Survey Sampling, 1965). Where all
    are right, or all wrong, nothing can be estimated from them.
    """
    groups = [right[first : first + GROUP] for first in range(0, len(right), GROUP)]
    n, count, p = len(right), len(groups), sum(right) / len(right)
    if count < 2 or p in (0.0, 1.0):
        return 1.0
    between = sum((sum(group) - p * len(group)) ** 2 for group in groups) * count / (count - 1) / n**2
    return max(1.0, between / (p * (1 - p) / n))
