"""Scores of what was said: values worked out by hand, and what must hold for every text."""

from __future__ import annotations

import re
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gemma10m.evaluation.squad_score import contains, exact_match, f1, normalised

WORDS = st.lists(st.sampled_from(["the", "a", "red", "house", "House,", "on", "7", "hill."]), max_size=6).map(" ".join)
TEXTS = st.one_of(st.text(max_size=30), WORDS)


def official_f1(gold: str, said: str) -> float:
    """SQuAD 2.0's compute_f1, step by step."""

    def tokens(text: str) -> list[str]:
        bare = "".join(letter for letter in text.lower() if letter not in set(string.punctuation))
        return " ".join(re.sub(re.compile(r"\b(a|an|the)\b", re.UNICODE), " ", bare).split()).split()

    expected, found = tokens(gold), tokens(said)
    same = sum((Counter(expected) & Counter(found)).values())
    if len(expected) == 0 or len(found) == 0:
        return int(expected == found)
    if same == 0:
        return 0
    precision, recall = 1.0 * same / len(found), 1.0 * same / len(expected)
    return (2 * precision * recall) / (precision + recall)


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("The Old  House.", "old house"),
        ("January 18, 1974,", "january 18 1974"),
        ("an a the", ""),
        ("Theatre, anthem", "theatre anthem"),
        ("the-end", "theend"),  # punctuation goes first, and the article is not a word any more
        ("«Straße» — 5", "«straße» — 5"),  # only ASCII has punctuation for the script
        (" \t\n", ""),
    ],
)
def test_text_is_normalised(text: str, plain: str) -> None:
    assert normalised(text) == plain


@pytest.mark.parametrize(
    ("said", "answers", "exact", "words"),
    [
        ("The 16th century.", ["16th century", "in the 16th century"], 1.0, 1.0),
        ("On 18 January 1974.", ["January 18, 1974"], 0.0, 6 / 7),  # 3 of 4 said, 3 of 3 right
        ("red red house", ["red house house"], 0.0, 2 / 3),  # a word counts as often as both have it
        ("Rome", ["Paris", "Rome Italy"], 0.0, 2 / 3),
        ("Rome", ["Paris"], 0.0, 0.0),
        ("", ["Paris"], 0.0, 0.0),
        ("", [], 1.0, 1.0),
        ("Paris", [], 0.0, 0.0),
        ("the", ["A"], 1.0, 1.0),  # an answer without words is the empty answer
        ("Paris", ["the", "Paris"], 1.0, 1.0),
        ("", ["the", "Paris"], 0.0, 0.0),
    ],
)
def test_scores_by_hand(said: str, answers: list[str], exact: float, words: float) -> None:
    assert exact_match(said, answers) == exact
    assert f1(said, answers) == pytest.approx(words, rel=1e-12)


def test_an_answer_is_contained_whatever_its_case() -> None:
    assert contains("It was in PARIS, of course.", ["Rome", "Paris"])
    assert not contains("It was in Pari s.", ["Paris"])
    assert not contains("Anything", [])


@given(TEXTS, TEXTS)
def test_f1_is_the_official_one(said: str, answer: str) -> None:
    assert f1(said, [answer]) == pytest.approx(official_f1(answer, said), rel=1e-12)


@given(TEXTS, st.lists(TEXTS, max_size=3), TEXTS)
def test_scores_are_bounded_and_more_answers_never_lower_them(said: str, answers: list[str], more: str) -> None:
    assert 0.0 <= exact_match(said, answers) <= f1(said, answers) <= 1.0
    if any(map(normalised, answers)):
        assert f1(said, [*answers, more]) >= f1(said, answers)


@given(TEXTS)
def test_an_answer_is_right_by_itself(text: str) -> None:
    assert exact_match(text, [text]) == f1(text, [text]) == 1.0
    assert normalised(normalised(text)) == normalised(text)
