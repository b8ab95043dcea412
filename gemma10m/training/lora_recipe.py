"""A recipe says how a LoRA adapter is trained to answer from passages; all problems come in one error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

from gemma10m.adapters.lora import MODULES, LoraConfig
from gemma10m.errors import ConfigError
from gemma10m.strict_json import quote

HINT = "compare it with recipes/reader.json"
LISTS = {"passages": "weights", "modules": "names"}  # the fields that are lists, and what they list


@dataclass(frozen=True)
class LoraRecipe:
    rank: int = 16
    alpha: float = 32.0
    modules: tuple[str, ...] = MODULES  # last parts of the names of the weights that are updated
    learning_rate: float = 4e-4  # the highest; it rises in a straight line, and falls in a cosine to a tenth
    warmup: int = 15  # steps
    contexts: int = 900  # sets of passages, each with its questions, and other texts
    contexts_per_step: int = 3
    passages: tuple[float, ...] = (3.0, 2.0, 2.0, 2.0, 1.0)  # how often a context has 1, 2, 3 ... passages
    missing: float = 0.1  # share of contexts without the passage that answers
    unanswerable: float = 0.6  # share of the questions without an answer that are asked
    joining: float = 0.3  # share of contexts with a question that needs several passages
    prose: float = 0.0  # share of the examples that are other text, on which the model must stay what it was
    prose_tokens: int = 384
    prose_positions: int = 48  # of each such text, at which the distance from the model without updates is added
    prose_weight: float = 3.0
    save_every: int = 20  # steps
    seed: int = 0

    def __post_init__(self) -> None:
        if problems := list(self._problems()):
            raise ConfigError(problems, hint=HINT)

    def _problems(self) -> Iterator[str]:
        try:
            LoraConfig(self.rank, self.alpha, self.modules)
        except ConfigError as error:
            yield from error.problems
        for name in ("contexts", "contexts_per_step", "prose_tokens", "prose_positions", "save_every"):
            if not _is_count(getattr(self, name), 1):
                yield f"{name} must be a positive integer, found {getattr(self, name)!r}"
        for name in ("warmup", "seed"):
            if not _is_count(getattr(self, name), 0):
                yield f"{name} must be 0 or a positive integer, found {getattr(self, name)!r}"
        for name in ("learning_rate", "prose_weight"):
            if not _is_number(getattr(self, name)) or getattr(self, name) <= 0:
                yield f"{name} must be a positive number, found {getattr(self, name)!r}"
        yield from self._wrong_shares()
        weights = self.passages
        if not weights or not all(_is_number(weight) and 0 <= weight <= 1e6 for weight in weights) or not sum(weights):
            yield f"passages must be weights of 1, 2, 3 ... passages, found {weights!r}"

    def _wrong_shares(self) -> Iterator[str]:
        for name in ("missing", "unanswerable", "joining", "prose"):
            if not _is_number(getattr(self, name)) or not 0 <= getattr(self, name) <= 1:
                yield f"{name} must lie in [0, 1], found {getattr(self, name)!r}"

    @property
    def lora(self) -> LoraConfig:
        return LoraConfig(self.rank, self.alpha, self.modules)

    @property
    def steps(self) -> int:
        return math.ceil(self.contexts / self.contexts_per_step)

    def rate(self, step: int) -> float:
        """Return the learning rate of a step, counted from 0."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * (0.1 + 0.9 * (1 + math.cos(math.pi * done)) / 2)


def lora_recipe_of(said: Any) -> LoraRecipe:
    """Return the recipe that a JSON object says. Raises ConfigError."""
    if not isinstance(said, dict):
        raise ConfigError([f"a recipe is an object, found {quote(said)}"], hint=HINT)
    known = {field.name for field in fields(LoraRecipe)}
    if unknown := [name for name in said if name not in known]:
        raise ConfigError([f"{quote(name)} is no field of a recipe" for name in unknown], hint=HINT)
    lists = {name: said[name] for name in LISTS if name in said}
    if wrong := [name for name, value in lists.items() if not isinstance(value, list)]:
        problems = [f"{name} must be a list of {LISTS[name]}, found {quote(said[name])}" for name in wrong]
        raise ConfigError(problems, hint=HINT)
    return LoraRecipe(**(said | {name: tuple(value) for name, value in lists.items()}))


def _is_count(value: object, least: int) -> bool:
    return type(value) is int and least <= value < 2**31


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
