"""A recipe describes a run: stages of growing documents (GrowLength, arXiv 2310.00576), tasks, learning rates."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from gemma10m.config import MEMORY_KINDS, OWN, ModelConfig, ReadingConfig
from gemma10m.errors import ConfigError

TASKS = ("needle", "pairs", "passkey", "question", "repeat", "story", "text")
SEEN_IN_A_WINDOW = ("needle", "passkey", "repeat", "text")  # tasks that ask for what can stand just before
HAVE_VALUES = ("needle", "pairs", "passkey", "question", "story")  # tasks with answers that one place has
TRAINABLE = ("gates", "attention", "all", "memory")
MOST_VIRTUAL = 20
NOT_FOR_MEMORY = ("backprop", "recompute", "end_share", "start_share", "window_share", "mixer_weight")
WITH_VIRTUAL = ("gated", "added")  # what is written is one map of the segment
SHORTEST = '{"stages": [{"length": 512, "tokens": 1000000}]}'
HINT = f"the shortest recipe: {SHORTEST}"

_LEAST = {
    "tokens_per_step": 1,
    "warmup_tokens": 0,
    "decay_tokens": 0,
    "backprop": 0,
    "facts": 1,
    "fewest_facts": 1,
    "strays": 0,
    "questions": 1,
    "lm_stride": 1,
    "addressed": 0,
    "again": 0,
    "plain": 0,
    "plain_together": 1,
    "seed": 0,
    "save_every": 1,
}
_MOST = {
    "learning_rate": 1.0,
    "gate_learning_rate": 1.0,
    "word_share": 1.0,
    "end_share": 1.0,
    "start_share": 1.0,
    "window_share": 1.0,
    "lm_weight": math.inf,
    "kl_weight": math.inf,
    "mixer_weight": math.inf,
    "address_weight": math.inf,
}


def _is_count(value: object, least: int = 0) -> bool:
    return type(value) is int and least <= value < 2**63


def _is_number(value: object, most: float = math.inf) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return 0 <= value <= most and value < math.inf


def _is_flag(value: object) -> bool:
    return isinstance(value, bool)


def _are_weights(value: object) -> bool:
    return isinstance(value, Mapping) and all(map(_is_number, value.values()))


def _in_order(value: object) -> object:
    """Compare the tasks' order, too: it decides what is drawn, and equal mappings may differ in it."""
    return list(value.items()) if isinstance(value, Mapping) else value


@dataclass(frozen=True)
class Stage:
    """Train on documents of one length for `tokens` tokens, or until the running answer loss is under `below`."""

    length: int  # tokens of a document, a multiple of the segment
    tokens: int
    below: float = 0.0  # 0: never
    virtual: int = 0  # some segments are followed by plain ones, 2**(virtual - 1) times over at most

    def problems(self, number: int) -> Iterator[str]:
        for name in ("length", "tokens"):
            if not _is_count(getattr(self, name), 1):
                yield f"{name} of stage {number} must be a positive whole number, found {getattr(self, name)!r}"
        if not _is_number(self.below):
            yield f"below of stage {number} must be a loss of 0 or more, found {self.below!r}"
        if not _is_count(self.virtual) or self.virtual > MOST_VIRTUAL:
            yield f"virtual of stage {number} must lie in [0, {MOST_VIRTUAL}], found {self.virtual!r}"


@dataclass(frozen=True)
class Recipe:
    """Hold a run's settings. Lengths in tokens; memory to sinks: None for the checkpoint's or the demo's."""

    stages: tuple[Stage, ...]
    tokens_per_step: int = 8192
    learning_rate: float = 2e-3
    gate_learning_rate: float = 1e-2
    warmup_tokens: int = 800_000
    decay_tokens: int = 0  # where the cosine ends; 0: where the stages do
    backprop: int = 0  # segments that a gradient goes back; 0: the whole document
    recompute: bool = False  # each layer again in the backward pass: a third more work, far less memory
    tasks: Mapping[str, float] = field(default_factory=lambda: {"needle": 3, "passkey": 1, "story": 2})
    facts: int = 4  # at most so many in a document
    fewest_facts: int = 1  # at least so many where they fit: one alone is found without its name
    strays: int = 0  # at most so many numbers and words that nobody asks for, in documents with needles or nothing
    word_share: float = 0.2  # of the documents with needles have words as values, the others numbers
    questions: int = 4  # at most so many after a document
    end_share: float = 0.0  # of the documents have the facts just before the question, where memory cannot help
    start_share: float = 0.0  # of the documents begin with them
    window_share: float = 0.0  # of the steps have no memory, and what is asked just before the question
    lm_weight: float = 0.3  # of the next-token loss
    lm_stride: int = 6  # next-token loss on every so many tokens: the head is a third of a small model's work
    kl_weight: float = 1.0  # of the loss against a teacher
    mixer_weight: float = 0.0  # of how far what each layer's mixer gives is from the teacher's
    train: str = "all"
    addressed: int = 0  # documents on which an added memory's keys, queries and gates are fitted before the first step
    again: int = 0  # steps that ask again about these documents, after each step that reads others
    address_weight: float = 0.0  # of the loss that keeps their addresses apart, while the memory is trained
    plain: int = 0  # segments of prose that `virtual` and the loss of addresses write to an added memory
    plain_together: int = 8  # at most so many of them in a row
    seed: int = 0
    save_every: int = 200  # steps
    memory: str | None = None
    segment: int | None = None
    carry: int | None = None
    sinks: int | None = None

    def __post_init__(self) -> None:
        if problems := list(self._problems()):
            raise ConfigError(problems, hint=HINT)

    def _problems(self) -> Iterator[str]:
        for name, least in _LEAST.items():
            if not _is_count(getattr(self, name), least):
                yield f"{name} must be a whole number of at least {least}, found {getattr(self, name)!r}"
        for name, most in _MOST.items():
            if not _is_number(getattr(self, name), most):
                bound = "" if most == math.inf else f" and at most {most:g}"
                yield f"{name} must be at least 0{bound}, found {getattr(self, name)!r}"
        if _is_count(self.facts) and _is_count(self.fewest_facts) and self.fewest_facts > self.facts:
            yield f"fewest_facts ({self.fewest_facts}) must not be above facts ({self.facts})"
        if not _is_flag(self.recompute):
            yield f"recompute must be true or false, found {self.recompute!r}"
        if self.train not in TRAINABLE:
            yield f"train must be one of {', '.join(TRAINABLE)}, found {self.train!r}"
        elif self.train == "gates" and self.window_share:
            yield "train gates leaves nothing to train in the steps of a window_share, which have no memory"
        yield from self._memory_problems()
        yield from self._task_problems()
        yield from self._reading_problems()
        yield from self._stage_problems()

    def _memory_problems(self) -> Iterator[str]:
        if self.train != "memory":
            return
        for name in NOT_FOR_MEMORY:
            if getattr(self, name):
                yield f"{name} has no place in the training of an added memory, found {getattr(self, name)!r}"
        for number, stage in enumerate(self.stages, start=1):
            if stage.virtual and not self.plain:
                yield f"virtual of stage {number} needs plain segments, found plain 0"

    def _task_problems(self) -> Iterator[str]:
        if not _are_weights(self.tasks):
            yield f"tasks must give each task a weight of at least 0, found {self.tasks!r}"
            return
        if unknown := sorted(self.tasks.keys() - set(TASKS)):
            yield f"tasks must be among {', '.join(TASKS)}, found {', '.join(unknown)}"
        if not any(self.tasks.values()):
            yield "one of the tasks must have a weight above 0"
        elif self.window_share and not any(self.tasks.get(name) for name in SEEN_IN_A_WINDOW):
            yield f"window_share needs one of the tasks {', '.join(SEEN_IN_A_WINDOW)}, found {', '.join(self.tasks)}"
        for name in ("address_weight", "again"):
            if getattr(self, name) and not self.addressed:
                yield f"{name} needs addressed documents, found addressed {self.addressed}"
        if self.addressed and not any(self.tasks.get(name) for name in HAVE_VALUES):
            yield f"addressed needs one of the tasks {', '.join(HAVE_VALUES)}, found {', '.join(self.tasks)}"

    def _reading_problems(self) -> Iterator[str]:
        if self.memory not in (None, *MEMORY_KINDS, OWN):
            yield f"memory must be one of {', '.join(MEMORY_KINDS)}, found {self.memory!r}"
        for name, least in (("segment", 1), ("carry", 0), ("sinks", 0)):
            value = getattr(self, name)
            if value is not None and not _is_count(value, least):
                yield f"{name} must be a whole number of at least {least}, found {value!r}"

    def _stage_problems(self) -> Iterator[str]:
        if not self.stages:
            yield "a recipe needs at least one stage"
        for number, stage in enumerate(self.stages, start=1):
            yield from (problems := list(stage.problems(number)))
            if stage.virtual and self.memory not in (None, *WITH_VIRTUAL):
                yield (
                    f"virtual of stage {number} is for memory {' or '.join(map(repr, WITH_VIRTUAL))}, "
                    f"found memory {self.memory!r}"
                )
            if self.segment and not problems and _is_count(self.segment) and stage.length % self.segment:
                said = f"the segment ({self.segment}), found {stage.length}"
                yield f"length of stage {number} must be a multiple of {said}"

    @property
    def longest(self) -> int:
        return max(stage.length for stage in self.stages)

    @property
    def keeps_addressed(self) -> bool:
        """Tell if steps use the addressed documents, and not the fit before them alone."""
        return self.again > 0 or self.address_weight > 0

    def learns(self, taught: bool) -> bool:
        """Tell if any token has a loss; taught: there is a teacher."""
        asks = any(weight for task, weight in self.tasks.items() if task != "text")
        return asks or self.lm_weight > 0 or (taught and self.kl_weight > 0)

    def rate(self, tokens: int) -> float:
        """Return the learning rates' factor after `tokens` tokens: linear warm-up, then cosine to a tenth."""
        end = self.decay_tokens or sum(stage.tokens for stage in self.stages)
        cosine = 0.55 + 0.45 * math.cos(math.pi * min(1.0, tokens / end))
        return cosine * min(1.0, tokens / max(1, self.warmup_tokens))

    def differences(self, other: Recipe) -> list[str]:
        """Return the fields that differ, with both values."""
        pairs = {item.name: (getattr(self, item.name), getattr(other, item.name)) for item in fields(self)}
        return [
            f"{name} ({mine!r}, was {theirs!r})"
            for name, (mine, theirs) in pairs.items()
            if _in_order(mine) != _in_order(theirs)
        ]


def recipe_of(said: Any) -> Recipe:
    """Return the recipe in a JSON value. Raises one ConfigError with all its problems."""
    if not isinstance(said, dict):
        raise ConfigError([f"a recipe must be an object, found {type(said).__name__}"], hint=HINT)
    problems = list(_unknown(said, Recipe, "a recipe"))
    stages = said.get("stages")
    if not isinstance(stages, list) or not all(isinstance(stage, dict) for stage in stages):
        raise ConfigError([*problems, "stages must be a list of objects"], hint=HINT)
    for number, stage in enumerate(stages, start=1):
        problems += _unknown(stage, Stage, f"stage {number}")
        problems += [f"{name} of stage {number} is missing" for name in ("length", "tokens") if name not in stage]
    if problems:
        raise ConfigError(problems, hint=HINT)
    return Recipe(**(said | {"stages": tuple(Stage(**stage) for stage in stages)}))


def _unknown(said: dict[str, Any], kind: type[Recipe | Stage], what: str) -> Iterator[str]:
    known = {item.name for item in fields(kind)}
    yield from (f"{what} has no {name!r}" for name in said if name not in known)


def default_stages(segment: int) -> tuple[Stage, ...]:
    """Return stages of two to sixteen segments, each twice as long as the one before."""
    return tuple(Stage(length=count * segment, tokens=8_000_000, below=0.1) for count in (2, 4, 8, 16))


def demo_config(vocabulary: int) -> ModelConfig:
    return ModelConfig(
        hidden_size=128,
        layers=4,
        heads=4,
        kv_heads=4,
        head_size=64,
        feed_forward_size=384,
        vocabulary=vocabulary,
        context=128,
        has_gates=True,
        has_write_gates=True,
    )


DEMO_READING = ReadingConfig(memory="gated", segment=64, carry=64, sinks=4)
