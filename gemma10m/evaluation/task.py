"""Define what is asked: a task and its checked settings, and how one of its cases is drawn."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast, get_args

from gemma10m.errors import UsageError
from gemma10m.tasks.babi import draw_babi
from gemma10m.tasks.case import Case
from gemma10m.tasks.needle import Form, draw_needle
from gemma10m.tasks.passkey import draw_passkey
from gemma10m.tasks.word_lists import UNSEEN_NAMES, ValueKind

STORIES = {f"babi{number}": number for number in range(1, 6)}
RECALL_TASKS = ("passkey", "needle", *STORIES)
PERPLEXITY = "perplexity"
QA = "qa"  # measured by itself, about a document that the user has
TASKS = (*RECALL_TASKS, PERPLEXITY, QA)
FORMS, VALUES = get_args(Form), get_args(ValueKind)
SEVERAL = ("multi-key", "multi-value", "multi-query")  # forms that need more than one fact
MOST_FACTS = 1000


@dataclass(frozen=True)
class Task:
    """Hold a task's settings; `form` and `values` are None for tasks without such a choice."""

    name: str
    facts: int
    unseen: bool
    form: Form | None = None
    values: ValueKind | None = None

    @property
    def needs_prose(self) -> bool:
        return self.name != "passkey"

    @property
    def label(self) -> str:
        parts = [f"{self.name} {self.form}" if self.form else self.name]
        parts += [f"{self.facts} facts"] if self.facts > 1 else []
        parts += [self.values] if self.values not in (None, "number") else []
        return ", ".join([*parts, *(["unseen"] if self.unseen else [])])

    def draw(self, draw: random.Random, depth: float) -> Case:
        if self.name in STORIES:
            return draw_babi(draw, STORIES[self.name], sentences=self.facts, depth=depth, unseen=self.unseen)
        if self.form and self.values:
            return draw_needle(draw, self.form, depth, facts=self.facts, kind=self.values, unseen=self.unseen)
        return draw_passkey(draw, depth)


def make_tasks(
    names: Sequence[str], form: str | None, facts: int | None, values: str | None, unseen: bool
) -> tuple[Task, ...]:
    """Return the recall tasks among `names`. None leaves a task its default. Raises UsageError."""
    if QA in names:
        raise UsageError(f"{QA} is measured by itself", hint="name it alone, and the other tasks in another run")
    if unknown := [name for name in names if name not in TASKS]:
        raise UsageError(f"there is no task {unknown[0]!r}", hint=f"known: {', '.join(TASKS)}")
    for option, value, choices in (("form", form, FORMS), ("values", values, VALUES)):
        if value is not None and value not in choices:
            raise UsageError(f"--{option} must be one of {', '.join(choices)}, found {value!r}")
        if value is not None and "needle" not in names:
            raise UsageError(f"--{option} is for the task needle alone", hint="leave it out, or name needle")
    if unseen and "passkey" in names:
        raise UsageError("passkey has no unseen form: its prompt is the paper's", hint="leave --unseen or passkey out")
    if facts is not None and not 1 <= facts <= MOST_FACTS:
        raise UsageError(f"--facts must be 1 to {MOST_FACTS}, found {facts}")
    asked = [name for name in dict.fromkeys(names) if name != PERPLEXITY]
    return tuple(_task(name, form, facts, values, unseen) for name in asked)


def _task(name: str, form: str | None, facts: int | None, values: str | None, unseen: bool) -> Task:
    if name == "passkey":
        return Task(name, 1, unseen=False)
    if name in STORIES:
        return Task(name, facts or 8, unseen)
    if form is None:
        form = "single" if (facts or 1) == 1 else "multi-key"
    facts = facts or (4 if form in SEVERAL else 1)
    if form == "single" and facts > 1:
        raise UsageError(f"--form single has one fact, found --facts {facts}", hint="use --form multi-key")
    if form in SEVERAL and facts < 2:
        raise UsageError(f"--form {form} needs two facts or more, found {facts}", hint="use --facts 4")
    most = UNSEEN_NAMES - (form == "absent")  # which asks for one more name
    if unseen and form != "multi-value" and facts > most:
        raise UsageError(
            f"--form {form} with --unseen has names for at most {most} facts, found --facts {facts}",
            hint=f"use --facts {most}, or leave --unseen out",
        )
    return Task(name, facts, unseen, cast(Form, form), cast(ValueKind, values or "number"))
