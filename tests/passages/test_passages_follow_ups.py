"""A question that refers back is rewritten with what was said, and no other question is touched."""

from __future__ import annotations

import pytest

from gemma10m.passages.follow_ups import standalone


@pytest.mark.parametrize(
    ("question", "asked", "answer", "expected"),
    [
        ("Where does she live?", "Who is Anne?", "a sister", "Where does Anne live?"),
        ("And her sister?", "Where does Anne live?", "Kellynch Hall", "Where does Anne's sister live?"),
        ("What did they give her?", "Who is Anne?", "a sister", "Who is Anne? a sister. What did they give Anne?"),
        ("Who taught her to swim?", "Who is Anne?", "a sister", "Who taught Anne to swim?"),
        ("And Louisa?", "Who did Henrietta Musgrove marry?", "Charles Hayter", "Who did Louisa marry?"),
        ("What about Louisa?", "Where is Anne's house?", "Bath", "Where is Louisa's house?"),
        ("how about Mr. Elliot", "Where does Anne live?", "Bath", "Where does Mr. Elliot live?"),
        ("When was it written?", "Who wrote Persuasion?", "Jane Austen", "When was Persuasion written?"),
        ("Is he rich?", "Who is Lady Russell's neighbour?", "Sir Walter", "Is Sir Walter rich?"),
        ("How large is it?", "Where does Sir Walter live?", "Kellynch Hall", "How large is Kellynch Hall?"),
        ("What is its roof made of?", "Where is Kellynch Hall?", "far away", "What is Kellynch Hall's roof made of?"),
    ],
)
def test_a_word_with_one_meaning_becomes_a_name(question: str, asked: str, answer: str, expected: str) -> None:
    assert standalone(question, (asked, answer)) == expected


@pytest.mark.parametrize(
    ("question", "asked", "answer", "before"),
    [
        ("Why?", "Who did Anne refuse?", "Captain Wentworth", "Who did Anne refuse? Captain Wentworth."),
        ("And why did she refuse him?", "Who did Anne refuse?", "Fred.", "Who did Anne refuse? Fred."),
        ("Where was she born?", "Who wrote Persuasion?", "Jane Austen", "Who wrote Persuasion? Jane Austen."),
        ("Who are they?", "How many daughters has Sir Walter?", "three", "How many daughters has Sir Walter? three."),
        ("Does it support TLS?", "What is curl?", "a tool", "What is curl? a tool."),
        ("And the second volume?", "When came Emma's first part?", "1815", "When came Emma's first part? 1815."),
        ("Why?", "Who is Anne?", "not in the text", "Who is Anne?"),
        ("Why?", "Who is Anne?", "", "Who is Anne?"),
        ("Why?", "Who is Anne?", "a sister " * 30, "Who is Anne?"),
    ],
)  # fmt: skip
def test_where_the_meaning_is_open_the_turn_goes_before_the_question(
    question: str, asked: str, answer: str, before: str
) -> None:
    assert standalone(question, (asked, answer)) == f"{before} {question}"


@pytest.mark.parametrize(
    "question",
    [
        "Who lives in Bath?",
        "Did Anne love her sister?",
        "And where is the harbour?",
        "What is the price of it2 boards?",
        "Is it true that Anne married?",
        "How long does it take to walk there?",
        "Was it possible to see the sea?",
        "  ",
        "Und ihre Schwester?",
        "谁是安妮？",
        "How is the café\u2019s owner named?",
    ],
)
def test_other_questions_stay_as_they_are(question: str) -> None:
    assert standalone(question, ("Who is Anne?", "a sister")) == question


def test_a_rewritten_question_is_what_the_next_one_refers_to() -> None:
    assert standalone("And Winston?", ("Who is O’Brien?", "a colleague")) == "Who is Winston?"
    first = standalone("And Louisa?", ("Who did Henrietta marry?", "Charles Hayter"))
    assert standalone("And Mary?", (first, "Captain Benwick")) == "Who did Mary marry?"
