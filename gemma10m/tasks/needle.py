"""Needles are sentences that give names values, in the forms of RULER (arXiv 2404.06654), or change them later."""

from __future__ import annotations

import random
from typing import Literal

from gemma10m.passages.statements import NOT_IN_TEXT
from gemma10m.tasks.case import Case, Fact, Turn
from gemma10m.tasks.word_lists import ADJECTIVES, NOUNS, ValueKind, make_names, make_value

Form = Literal["single", "multi-key", "multi-value", "multi-query", "update", "absent"]

# Naming what was asked for before its value is RULER's answer prefix; here the model has to say it by itself.
ANSWER, ANSWERS = "The {kind} for {name} is: {value}.", "The {kind}s for {name} are: {value}."
KINDS = {"number": "magic number", "word": "magic word", "uuid": "magic uuid"}
SENTENCE, QUESTION = "One of the special {kind}s for {name} is: {value}.", "What is the special {kind} for {name}?"
TRAINED_SENTENCES = (  # no name comes after its value, which is addressed by the tokens before it
    SENTENCE,
    "The special {kind} for {name} is {value}.",
    "Remember that the {kind} of {name} is {value}.",
    "For {name} the special {kind} is: {value}.",
    "As for {name}, its {kind} is {value}.",
    "{name} has the {kind} {value}.",
    "The {kind} that {name} carries is {value}.",
    "Everyone knew {name} by the {kind} {value}.",
    "They say that {name} keeps {value} as its {kind}.",
    "The {kind} written down for {name} was {value}.",
    "{name}: {kind} {value}.",
    "Nobody but {name} had {value} for a {kind}.",
    "It is known that the {kind} assigned to {name} is {value}.",
    "Let nobody forget that {name} goes by the {kind} {value}.",
    "The {kind} which was read out for {name} is {value}.",
    "If you ask for {name}, the {kind} is {value}.",
    "What belonged to {name} was the {kind} {value}.",
    "In the list {name} stands beside the {kind} {value}.",
    "They had given {name} the {kind} {value}.",
    "At {name} the {kind} was found to be {value}.",
)
TRAINED_QUESTIONS = (
    QUESTION,
    "What is the {kind} of {name}?",
    "Which {kind} does {name} have?",
    "Tell me the special {kind} for {name}.",
    "Give the {kind} of {name}.",
    "{name} has which {kind}?",
    "Say the {kind} that goes with {name}.",
    "Can you tell which {kind} {name} was given?",
    "I want to know the {kind} for {name}.",
    "Do you know what {kind} stands beside {name}?",
    "Please repeat the {kind} of {name}.",
)
UNSEEN_SENTENCES = (
    "Let it be known that {name} was given the {kind} {value}.",
    "The {kind} which belongs to {name} is {value}.",
)
UNSEEN_QUESTIONS = ("Do you remember the {kind} for {name}?", "Please say which {kind} belongs to {name}.")
CHANCE = {"number": 1 / 90000, "word": 0.5 / min(len(ADJECTIVES), len(NOUNS)), "uuid": 0.5**122}


def draw_needle(
    draw: random.Random,
    form: Form,
    depth: float,
    *,
    facts: int = 1,
    kind: ValueKind = "number",
    unseen: bool = False,
) -> Case:
    """Draw `facts` facts, the one asked for at `depth`, in RULER's sentence or, if `unseen`, in others.

    multi-value: one name has all the values; multi-query: every name is asked for in one question; update: the asked
    name has another value earlier, and the later one, at `depth`, counts; absent: the asked name is not in the text.
    """
    names = make_names(draw, 1 if form == "multi-value" else facts + (form == "absent"), unseen)
    values = [make_value(draw, kind) for _ in range(facts)]
    owners = names * facts if form == "multi-value" else names[:facts]
    depths = [depth, *(draw.random() for _ in range(facts - 1))]
    sentences = UNSEEN_SENTENCES if unseen else (SENTENCE,)

    def say(name: str, value: str) -> str:
        return draw.choice(sentences).format(kind=KINDS[kind], name=name, value=value)

    planted = [Fact(say(*pair), at) for *pair, at in zip(owners, values, depths, strict=True)]
    if form == "update":
        planted.insert(0, Fact(say(names[0], make_value(draw, kind)), depth * draw.random()))
    question = draw.choice(UNSEEN_QUESTIONS if unseen else (QUESTION,))
    turn = _turn(form, question, KINDS[kind], names, planted, values)
    asked = len(values) if form in ("multi-value", "multi-query") else 1
    return Case(tuple(planted), (Turn(turn.question, turn.answer, 0.0 if form == "absent" else CHANCE[kind] ** asked),))


def _turn(form: Form, question: str, kind: str, names: list[str], planted: list[Fact], values: list[str]) -> Turn:
    if form == "multi-value":
        order = sorted(range(len(values)), key=lambda index: planted[index].depth)
        listed = ", ".join(values[i] for i in order)
        answer = ANSWERS.format(kind=kind, name=names[0], value=listed)
        return Turn(f"What are all the special {kind}s for {names[0]}?", answer)
    if form == "multi-query" and len(names) > 1:
        listed = f"{', '.join(names[:-1])} and {names[-1]}"
        answers = (ANSWER.format(kind=kind, name=name, value=value) for name, value in zip(names, values, strict=True))
        return Turn(f"What are the special {kind}s for {listed}?", " ".join(answers))
    if form == "absent":
        return Turn(question.format(kind=kind, name=names[-1]), NOT_IN_TEXT)
    answer = ANSWER.format(kind=kind, name=names[0], value=values[0])
    return Turn(question.format(kind=kind, name=names[0]), answer)
