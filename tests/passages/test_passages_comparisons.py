"""A question that asks which of two was first names both."""

from __future__ import annotations

import time

import pytest

from gemma10m.passages.comparisons import ordering


@pytest.mark.parametrize(
    ("question", "names"),
    [
        ("Who is older, Ferdi Taygan or Mahesh Bhupathi?", ("Ferdi Taygan", "Mahesh Bhupathi")),
        ("Was Pepper Keenan or Rob Parissi born first?", ("Pepper Keenan", "Rob Parissi")),
        ('Which came out first, "Paper Trail" or "If Tomorrow Comes"?', ('"Paper Trail"', '"If Tomorrow Comes"')),
        ("Which took place first, The Korean War or the Battle of Tarawa?", ("The Korean War", "Battle of Tarawa")),
        ("Between Audioslave and Bodyjar, which was formed earlier?", ("Audioslave", "Bodyjar")),
        ("Who died first out of Ann Lee and Bob Ray?", ("Ann Lee", "Bob Ray")),
        ("Which was opened later, the School of Arts and Crafts or Yale?", ("Crafts", "Yale")),
        ("Which was published first: Vol. 2 of Emma or Persuasion?", ("Vol. 2 of Emma", "Persuasion")),
    ],
)
def test_the_names_are_found(question: str, names: tuple[str, str]) -> None:
    found = ordering(question)
    assert found is not None
    assert found.names == names


@pytest.mark.parametrize(
    "question",
    ["", "Which came first?", "What did Ann and Bob publish first?", "Was it first published in May?", "A or B" * 100],
)
def test_other_questions_have_none(question: str) -> None:
    assert ordering(question) is None


def test_a_long_question_takes_no_time() -> None:
    started = time.monotonic()
    assert ordering("Which was born first, " + "Ann Lee " * 4000 + "or Bob?") is None
    assert ordering("Which was born first, " + "A... " * 90 + "or") is None
    assert time.monotonic() - started < 1.0
