"""Draw what training documents hold: every kind of planted fact, several questions per document."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from gemma10m.tasks.babi import PEOPLE, draw_babi
from gemma10m.tasks.case import Case, Fact, Turn
from gemma10m.tasks.needle import ANSWER, KINDS, TRAINED_QUESTIONS, TRAINED_SENTENCES
from gemma10m.tasks.question_set import AskedQuestion
from gemma10m.tasks.word_lists import ValueKind, make_hard_number, make_name, make_names, make_value

UPDATED = 0.3  # of the names get a second value later on
STRAYS = (
    "{number}",
    "in {year},",
    "Chapter {small}.",
    "{month} {small}, {year},",
    "born {month} {small}, {year};",
    "No. {small}",
    "the {name},",
    "{name}: ",
)
MONTHS = "January February March April May June July August September October November December".split()


def draw_needles(draw: random.Random, kind: ValueKind, facts: int, questions: int, depth: Callable[[], float]) -> Case:
    """Draw names with values, some changed later, asked in any order; the last value counts."""
    planted: list[Fact] = []
    turns: list[Turn] = []

    def plant(name: str, at: float) -> str:
        value = _value(draw, kind)
        text = draw.choice(TRAINED_SENTENCES).format(kind=KINDS[kind], name=name, value=value)
        planted.append(Fact(text, at))
        return value

    for name in make_names(draw, facts):
        at = depth()
        if draw.random() < UPDATED:
            plant(name, at * draw.random())
        value = plant(name, at)
        words = {"kind": KINDS[kind], "name": name}
        turns.append(Turn(draw.choice(TRAINED_QUESTIONS).format(**words), ANSWER.format(**words, value=value)))
    return Case(tuple(planted), tuple(draw.sample(turns, min(questions, len(turns)))))


def draw_pairs(draw: random.Random, kind: Callable[[], ValueKind], count: int) -> Case:
    """Draw names and values and nothing else, all asked for: only what follows a name is to be learnt here."""
    names = make_names(draw, count)
    values = [_value(draw, kind()) for _ in names]
    facts = tuple(Fact(f"{name}: {value}.", draw.random()) for name, value in zip(names, values, strict=True))
    turns = [Turn(f"{name}:", f"{value}.") for name, value in zip(names, values, strict=True)]
    return Case(facts, tuple(draw.sample(turns, count)), raw=True)


def draw_repeat(draw: random.Random, count: int) -> Case:
    """Draw names and the same names again: all of it is to be copied, pieces of unseen words as well."""
    names = ", ".join(make_name(draw) for _ in range(count))
    return Case((), (Turn(f"{names}.", f"{names}."),), raw=True)


def draw_questions(draw: random.Random, asked: Sequence[AskedQuestion], count: int) -> Case:
    """Draw questions that other people asked, and the sentences that answer them, in any order."""
    chosen = draw.sample(asked, min(count, len(asked)))
    sentences = dict.fromkeys(sentence for question in chosen for sentence in question.sources)
    facts = tuple(Fact(sentence, draw.random()) for sentence in sentences)
    return Case(facts, tuple(Turn(question.question, question.answers[0]) for question in chosen))


def _value(draw: random.Random, kind: ValueKind) -> str:
    return make_hard_number(draw) if kind == "number" else make_value(draw, kind)


def draw_story(draw: random.Random, most: int, questions: int) -> Case:
    """Draw a story of up to `most` sentences, mostly of one fact, the easiest; the others lead on from it.

    Short stories and small casts are drawn as often as long ones: lengths are uniform in their logarithm. A memory that
    is trained on many sentences alone does not find one, and tells the first of two. No story has more people than
    sentences, so that short ones, too, move somebody twice.
    """
    task = draw.choice((1, 1, 1, 1, 1, 1, 2, 3, 4, 5))
    sentences = _up_to(draw, most)
    cast = _up_to(draw, min(sentences, len(PEOPLE)))
    return draw_babi(draw, task, sentences=sentences, questions=questions, cast=cast)


def _up_to(draw: random.Random, most: int) -> int:
    """Draw a number from 1 to `most`, uniform in its logarithm."""
    return round(float(max(1, most) ** draw.random()))


def with_strays(draw: random.Random, case: Case, most: int) -> Case:
    """Add distractors to the case: dates, chapters, words with hyphens, as prose has them."""
    strays = []
    for _ in range(draw.randint(0, most)):
        numbers = {"number": make_hard_number(draw), "year": draw.randint(1100, 2030), "small": draw.randint(1, 99)}
        words = {"month": draw.choice(MONTHS), "name": make_name(draw)}
        strays.append(Fact(draw.choice(STRAYS).format(**numbers, **words), draw.random(), stray=True))
    return replace(case, facts=(*case.facts, *strays))
