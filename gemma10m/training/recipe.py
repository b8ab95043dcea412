"""What a training run is: the model's shape, the curriculum and the optimiser's numbers."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.errors import ConfigError


@dataclass(frozen=True)
class Recipe:
    """Lengths in tokens unless said. The demo model's numbers are the defaults."""

    steps: int = 6000
    decay_steps: int = 6000  # of the cosine
    tokens_per_step: int = 65536
    shortest: int = 4  # segments of the first documents
    longest: int = 64  # segments, from there on virtual length grows
    first_virtual: int = 0  # where virtual length starts
    virtual: int = 14  # each segment is written as if read up to 2**virtual times over
    facts: int = 2  # at most so many in a document
    end_share: float = 0.15  # of the documents have the fact just before the question, where memory cannot help
    start_share: float = 0.0  # of the documents begin with it
    distractors: float = 0.002  # at most so many stray numbers a token of prose
    learning_rate: float = 2e-3
    gate_learning_rate: float = 1e-2
    warmup: int = 100
    lm_weight: float = 0.3  # weight of next-token loss on the prose
    grow_below: float = 0.2  # running answer loss that lengthens the documents
    seed: int = 0
    segment: int = 64
    carry: int = 64

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise ConfigError(problems)

    def _problems(self) -> Iterator[str]:
        for name in ("steps", "tokens_per_step", "shortest", "longest", "facts"):
            if getattr(self, name) < 1:
                yield f"{name} must be at least 1, found {getattr(self, name)}"
        if self.longest < self.shortest:
            yield f"longest ({self.longest}) must not be below shortest ({self.shortest})"
        if not 0 <= self.first_virtual <= self.virtual <= 20:
            yield f"virtual must rise within [0, 20], found {self.first_virtual} to {self.virtual}"

    @property
    def reading(self) -> ReadingConfig:
        return ReadingConfig(memory="gated", segment=self.segment, carry=self.carry, sinks=4)

    def depth(self, draw: random.Random) -> float:
        share = draw.random()
        if share < self.end_share:
            return 1.0
        return 0.0 if share < self.end_share + self.start_share else draw.random()

    def rate(self, step: int) -> float:
        """The learning rate's factor: linear warm-up, then cosine to a tenth."""
        if step < self.warmup:
            return (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.decay_steps - self.warmup)
        return 0.1 + 0.45 * (1 + math.cos(math.pi * min(1.0, done)))


@dataclass
class Curriculum:
    """Documents get one segment longer whenever the running answer loss is small, then virtually longer."""

    recipe: Recipe
    segments: int
    virtual: int
    loss: float = 10.0
    since: int = 0

    def see(self, answer_loss: float) -> None:
        self.loss += 0.05 * (answer_loss - self.loss)
        self.since += 1
        if self.loss > self.recipe.grow_below or self.since < 10:
            return
        if self.segments < self.recipe.longest:
            self.segments = min(self.recipe.longest, self.segments + max(1, self.segments // 8))
            self.since = 0
        elif self.virtual < self.recipe.virtual and self.since >= 25:
            self.virtual += 1
            self.since = 0


def demo_config(vocabulary: int) -> ModelConfig:
    return ModelConfig(
        hidden_size=128,
        layers=4,
        heads=4,
        kv_heads=4,
        head_size=32,
        feed_forward_size=384,
        vocabulary=vocabulary,
        context=128,
        has_gates=True,
        has_write_gates=True,
    )
