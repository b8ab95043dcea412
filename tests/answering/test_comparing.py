"""The program tells which of two things was first from when each was."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gemma10m.answering.comparing import AnswerPart, first_or_last
from gemma10m.passages.comparisons import ordering

BORN = "Who was born first, Ann Lee or Bob Ray?"


def reading(said: dict[str, str], text: str = "") -> Callable[[str], tuple[str, str]]:
    """Answer from a table, with passages that say the same unless `text` is given."""
    return lambda asked: (said[asked], text or f"It was {said[asked]}.")


def when(ann: str, bob: str) -> Callable[[str], tuple[str, str]]:
    return reading({"When was Ann Lee born?": ann, "When was Bob Ray born?": bob})


@pytest.mark.parametrize(
    ("question", "name"),
    [
        (BORN, "Ann Lee"),
        ("Who is older, Ann Lee or Bob Ray?", "Ann Lee"),
        ("Who is younger, Ann Lee or Bob Ray?", "Bob Ray"),
        ("Was Ann Lee or Bob Ray born more recently?", "Bob Ray"),
    ],
)
def test_the_earlier_or_the_later_of_two_years_decides(question: str, name: str) -> None:
    found = first_or_last(question, when("May 8, 1967", "in 1976"))
    parts = (AnswerPart("When was Ann Lee born?", "May 8, 1967"), AnswerPart("When was Bob Ray born?", "in 1976"))
    assert found == (name, parts)
    other = first_or_last(question, when("1976", "1967"))
    assert other is not None
    assert other[0] != name


@pytest.mark.parametrize(
    ("ann", "bob"),
    [("not in the text", "1976"), ("1967", ""), ("1967", "1967"), ("1967", "19761"), ("12,1976", "1967"), ("12", "11")],
)
def test_nothing_is_told_without_two_years_that_differ(ann: str, bob: str) -> None:
    assert first_or_last(BORN, when(ann, bob)) is None


def test_a_year_that_the_passages_do_not_have_is_not_believed() -> None:
    read = reading({"When was Ann Lee born?": "1967", "When was Bob Ray born?": "1976"}, "Ann Lee was born in 1967.")
    assert first_or_last(BORN, read) is None


@pytest.mark.parametrize(
    ("question", "about"),
    [
        ("Which film came out first, Still Here or Time Bombs?", "When did Still Here come out?"),
        ("Which game was published later: Java or King of Tokyo?", "When was Java published?"),
        ("What took place first, the Battle of Tarawa or Operation Torch?", "When did Battle of Tarawa take place?"),
        ("Which university is older, Syracuse University or Brown?", "When was Syracuse University founded?"),
        ("Which musician is older, Ann Lee or Bob Ray?", "When was Ann Lee born?"),
        ("Who died first, Ann Lee or Bob Ray?", "When did Ann Lee die?"),
    ],
)
def test_the_question_s_own_word_says_what_is_dated(question: str, about: str) -> None:
    found = ordering(question)
    assert found is not None
    assert found.questions()[0] == about


@pytest.mark.parametrize(
    "question",
    [
        "Who was born first?",
        "Were Ann Lee and Bob Ray both born in 1967?",
        "Who was older when they died, Ann Lee or Bob Ray?",
        "Who was the first actor born in Rome or Milan?",
        "Who sold more records, Ann Lee or Bob Ray?",
        "Was the last edition published in London or Paris?",
    ],
)
def test_other_questions_are_not_ordered(question: str) -> None:
    assert ordering(question) is None
    assert first_or_last(question, reading({})) is None
