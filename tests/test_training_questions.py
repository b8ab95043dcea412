"""The questions in `recipes/questions` can be trained with, and none of them is one that measures."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from gemma10m.passages.folding import is_in
from gemma10m.tasks.question_set import AskedQuestion, read_question_set

ROOT = Path(__file__).parent.parent
COUNTS = {"novels": 300, "manuals": 150}


def asked(folder: str) -> list[AskedQuestion]:
    return [one for path in sorted((ROOT / folder).glob("*.jsonl")) for one in read_question_set(path)]


def key(question: str) -> str:
    return " ".join("".join(letter if letter.isalnum() else " " for letter in question.casefold()).split())


@pytest.mark.parametrize("name", COUNTS)
def test_every_fourth_question_has_no_answer(name: str) -> None:
    questions = read_question_set(ROOT / f"recipes/questions/{name}.jsonl")
    assert len(questions) == COUNTS[name]
    assert sum(not one.answers for one in questions) / len(questions) == pytest.approx(0.25, abs=0.011)


def test_no_question_is_asked_twice() -> None:
    counts = Counter(key(one.question) for one in asked("recipes/questions"))
    assert [question for question, count in counts.items() if count > 1] == []


def test_no_question_and_no_source_is_one_that_measures() -> None:
    measured = asked("examples/questions")
    questions = {key(one.question) for one in measured}
    sources = [key(source) for one in measured for source in one.sources]
    training = asked("recipes/questions")
    assert [one.question for one in training if key(one.question) in questions] == []
    assert [one.question for one in training if any(key(source) in sources for source in one.sources)] == []


def test_one_passage_can_answer_each_question() -> None:
    """Questions with one source are asked together about a passage; without any they are never asked."""
    assert [one.question for one in asked("recipes/questions") if len(one.sources) != 1] == []


def test_the_first_answer_is_in_the_source() -> None:
    training = asked("recipes/questions")
    assert [one.question for one in training if one.answers and not is_in(one.answers[0], one.sources[0])] == []
