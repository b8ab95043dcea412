"""Count answers over a set of questions, and choose which passages are given."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gemma10m.documents import open_source
from gemma10m.evaluation.given_passages import KeepsChosen, passages_with
from gemma10m.evaluation.qa import Outcome, counted, kept_outcome, qa_lines
from gemma10m.folders import demo_folder
from gemma10m.passages.building import build_index
from gemma10m.passages.folding import is_in
from gemma10m.passages.index import PassageIndex, open_index
from gemma10m.tasks.question_set import AskedQuestion
from gemma10m.tokens import Tokenizer, load_tokenizer

CAPITAL = AskedQuestion("What is the capital?", ("Paris", "the city of Paris"), ("Paris is the capital.",))
RIVER = AskedQuestion("Which river is dry?", (), ("The river is wet.",))
RIGHT = Outcome(CAPITAL, "Paris.", "verified", True, 2, 1.0)
LONG = Outcome(CAPITAL, "It is Paris of course", "unverified", True, 3, 2.0)
WRONG = Outcome(CAPITAL, "Lyon", "verified", False, 1, 3.0)
SILENT = Outcome(CAPITAL, "Paris", "no answer", False, 0, 1.0)
REFUSED = Outcome(RIVER, "Not in the text.", "unverified", True, 2, 1.0)
FALSE = Outcome(RIVER, "the Seine", "verified", None, 1, 4.0)


@pytest.mark.parametrize(
    ("said", "verdict", "prediction"),
    [
        ("Paris", "verified", "Paris"),
        ("Paris", "unchecked", "Paris"),
        ("Paris", "no answer", ""),
        ("", "unverified", ""),
        (" ...", "unverified", ""),
        ("not in the text", "unverified", ""),
        ("Not in the text.", "unverified", ""),
        ("It is not in the text", "unverified", "It is not in the text"),
    ],
)
def test_what_counts_as_an_answer(said: str, verdict: str, prediction: str) -> None:
    outcome = replace(RIGHT, said=said, verdict=verdict)
    assert (outcome.prediction, outcome.answered) == (prediction, bool(prediction))
    assert replace(outcome, asked=RIVER).exact == float(not prediction)
    assert not (outcome.verified and not prediction)


def test_what_was_said_contains_an_answer_with_any_verdict() -> None:
    assert [one.contains for one in (RIGHT, LONG, WRONG, SILENT, FALSE)] == [True, True, False, True, None]
    assert [one.exact for one in (RIGHT, LONG, WRONG, SILENT)] == [1.0, 0.0, 0.0, 0.0]
    assert SILENT.f1 == 0.0
    assert LONG.f1 == pytest.approx(0.5)  # city of paris: 2 of 5 said, 2 of 3 right


def test_questions_are_counted_together_and_apart() -> None:
    row = counted([RIGHT, LONG, WRONG, SILENT, REFUSED, FALSE])
    assert row["all"] == {
        "n": 6, "exact": pytest.approx(2 / 6), "f1": pytest.approx(2.5 / 6), "contains": 3 / 4,
        "source_found": 3 / 5, "answered": 4, "verified": 3, "verified_right": 1,
    }  # fmt: skip
    assert row["answerable"] == {
        "n": 4, "exact": 1 / 4, "f1": pytest.approx(1.5 / 4), "contains": 3 / 4,
        "source_found": 2 / 4, "answered": 3, "verified": 2, "verified_right": 1,
    }  # fmt: skip
    assert row["unanswerable"] == {
        "n": 2, "exact": 1 / 2, "f1": 1 / 2, "contains": None,
        "source_found": 1.0, "answered": 1, "verified": 1, "verified_right": 0,
    }  # fmt: skip
    assert (row["false_answers"], row["refused"]) == (1 / 2, 1 / 4)
    assert (row["passages"], row["seconds_per_question"]) == (9 / 6, 2.0)


def test_the_table_leaves_blank_what_there_was_not() -> None:
    lines = list(qa_lines({**counted([RIGHT]), "tokens": 32_768}))
    assert lines[1].split() == ["all", "1", "100.0", "%", "100.0", "%", "100.0", "%", "100.0", "%", "1", "1", "1"]
    assert lines[3].split() == ["unanswerable", "0", "0", "0", "0"]
    assert lines[4] == "refused 0.0 %; 2.0 passages and 1.0 s a question; 32,768 tokens in the document"


def test_an_outcome_comes_back_as_it_was_kept() -> None:
    for outcome in (RIGHT, SILENT, FALSE):
        assert kept_outcome(outcome.asked, json.loads(json.dumps(outcome.kept()))) == outcome


@pytest.mark.parametrize(
    "change",
    [{"said": 1}, {"verdict": "sure"}, {"source_found": 1}, {"passages": True}, {"passages": -1}, {"seconds": "1"},
     {"more": 1}],
)  # fmt: skip
def test_what_no_outcome_leaves_is_not_taken_for_one(change: dict[str, Any]) -> None:
    assert kept_outcome(CAPITAL, {**RIGHT.kept(), **change}) is None
    assert kept_outcome(CAPITAL, {}) is None
    assert kept_outcome(None, RIGHT.kept()) is None


TALE = "\n\n".join(
    f"Chapter {number}. " + f"They walked on along the shore of bay {number}, and it was late. " * 15
    for number in range(12)
)
FACTS = ["The harbour of Vell was built in 1732.", "Its keeper was named Oda Lind.", "The tower fell in a storm."]


@pytest.fixture
def index(tmp_path: Path) -> Iterator[PassageIndex]:
    parts = TALE.split("\n\n")
    for place, fact in zip((2, 6, 10), FACTS, strict=True):
        parts[place] += "\n" + fact.replace(" ", "\n", 1)
    path = tmp_path / "tale.txt"
    path.write_text("\n\n".join(parts))
    build_index(open_source(path), tmp_path / "tale.passages")
    with open_index(tmp_path / "tale.passages") as opened:
        yield opened


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return load_tokenizer(demo_folder())


def test_white_space_is_folded() -> None:
    assert is_in("one  two\nthree", "zero one two   three four")
    assert not is_in("one two", "onetwo")


def test_the_passages_with_the_sources_are_given(index: PassageIndex, tokenizer: Tokenizer) -> None:
    keeps = KeepsChosen(passages_with(FACTS[1::-1]))
    chosen = keeps(index, tokenizer, "What is quite another matter?", 10, 9)
    assert len(chosen) == 2
    assert [is_in(fact, excerpt.text) for fact, excerpt in zip(FACTS[:2], chosen, strict=True)] == [True, True]
    assert all(excerpt.text == excerpt.passage.text for excerpt in chosen)
    assert keeps.has_all(FACTS[:2])
    assert not keeps.has_all(FACTS)


def test_two_passages_are_given_at_most_and_none_twice(index: PassageIndex, tokenizer: Tokenizer) -> None:
    assert len(passages_with(FACTS)(index, tokenizer, "", 10, 9)) == 2
    assert len(passages_with([FACTS[0], FACTS[0], "1732."])(index, tokenizer, "", 10, 9)) == 1
    assert passages_with(["The harbour of Vell was built in 1733."])(index, tokenizer, "", 10, 9) == []


def test_retrieved_passages_are_kept(index: PassageIndex, tokenizer: Tokenizer) -> None:
    keeps = KeepsChosen()
    assert not keeps.has_all(FACTS[:1])
    assert keeps(index, tokenizer, "When was the harbour of Vell built?", 600, 9) == keeps.chosen
    assert keeps.has_all(FACTS[:1])
