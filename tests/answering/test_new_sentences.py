"""A summary has no sentence twice, about the words that were asked for, whole sentences, and no loop."""

from __future__ import annotations

from collections.abc import Generator, Iterable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from readers import reader
from torch import Tensor

from gemma10m import Sampling
from gemma10m.answering.document_parts import DocumentPart
from gemma10m.answering.map_reduce import by_sections, combine, refine
from gemma10m.answering.new_sentences import LONGEST, Spoken, Written, joined, new_sentences
from gemma10m.answering.own_words import OwnWords
from gemma10m.answering.summaries import Requests, say, sentence_requests, summary_requests
from gemma10m.documents.sections import Section

NAMES = ("Anne", "Mary", "Charles", "Louisa", "Henrietta", "Walter", "Russell", "Harville", "Benwick", "Croft")
SENTENCES = [
    f"{name} walks in the garden beside {other} and {n} others."
    for n, (name, other) in enumerate(zip(NAMES, reversed(NAMES), strict=True))
]
LOOP = "a collection of responses, which is "


class Voice:
    """Say pieces, and count those that were asked for."""

    def __init__(self, pieces: Iterable[str], cut_off: bool = False) -> None:
        self.pieces, self.cut_off, self.count = pieces, cut_off, 0

    def speak(self) -> Spoken:
        for piece in self.pieces:
            self.count += 1
            yield piece
        return self.cut_off


def shown(text: str, words: int = 100, size: int = 3, cut_off: bool = False) -> tuple[list[str], bool, bool]:
    """Return what is shown of a text that comes in pieces, if it was cut off, and if the model was stopped."""
    voice = Voice([text[at : at + size] for at in range(0, len(text), size)], cut_off)
    found, ended = gathered(new_sentences(voice.speak(), Written(words)))
    return found, ended, voice.count < len(list(voice.pieces))


def gathered(spoken: Generator[str, None, bool]) -> tuple[list[str], bool]:
    found: list[str] = []
    while True:
        try:
            found.append(next(spoken))
        except StopIteration as end:
            return found, end.value


@pytest.mark.parametrize(
    "again",
    [
        "ANNE walks  in the garden beside croft and 0 others!",
        "1. Anne walks in the garden beside Croft and 0 others.",
        "Anne walks in the garden beside Croft and 0 others",
    ],
)
def test_a_sentence_is_said_once_however_it_is_written(again: str) -> None:
    first, second = SENTENCES[:2]
    assert shown(f"{first} {again}\n\n{second}")[0] == [first, f"\n\n{second}"]


def test_items_of_a_list_differ_by_more_than_their_numbers() -> None:
    listed = "1. The sea is far.\n2. The sea is far.\n3. The land is near."
    assert "".join(shown(listed)[0]) == "1. The sea is far.\n3. The land is near."


def test_the_same_words_with_other_numbers_are_said_twice_and_no_more() -> None:
    text = "Sales were 5 in 2020. Sales were 7 in 2021. Sales were 8 in 2022. Nobody knows why."
    assert "".join(shown(text)[0]) == "Sales were 5 in 2020. Sales were 7 in 2021. Nobody knows why."


def test_a_long_run_of_words_is_said_once() -> None:
    tail = "to join the parts of a document that are within a given window size"
    assert shown(f"It counts words {tail} and {tail}.")[0] == []
    assert shown(f"It uses a function {tail}. It calls another function {tail}. Then it ends.")[0] == [
        f"It uses a function {tail}.",
        " Then it ends.",
    ]


@pytest.mark.parametrize("size", [1, 7])
def test_a_model_that_repeats_itself_is_stopped(size: int) -> None:
    said, cut_off, stopped = shown(" ".join([*SENTENCES[:2], *SENTENCES[:2] * 50]), size=size)
    assert (len(said), cut_off, stopped) == (2, False, True)


@pytest.mark.parametrize("loop", [LOOP, "the sea and ", "very "])
def test_a_loop_within_a_sentence_is_stopped_and_left_out(loop: str) -> None:
    said, _, stopped = shown(f"{SENTENCES[0]} It is {loop * 50}")
    assert (said, stopped) == ([SENTENCES[0]], True)


def test_a_sentence_that_does_not_end_is_not_waited_for() -> None:
    said, _, stopped = shown(SENTENCES[0] + " It" + "".join(f" has {n} and" for n in range(LONGEST)))
    assert (said, stopped) == ([SENTENCES[0]], True)


def test_very_said_twice_is_no_loop() -> None:
    text = "It is very, very far from the sea, and the sea and the land are far."
    assert shown(text) == ([text], False, False)


def test_a_sentence_that_was_cut_off_is_left_out_unless_it_is_all() -> None:
    assert shown("The sea is far. The land", cut_off=True) == (["The sea is far."], True, False)
    assert shown("The sea is far. The land", cut_off=False)[0] == ["The sea is far.", " The land"]
    assert shown("The sea", cut_off=True) == (["The sea"], True, False)


def test_a_line_that_announces_a_summary_is_left_out() -> None:
    assert shown("Here is a summary:\n\nThe sea is far.")[0] == ["The sea is far."]


@pytest.mark.parametrize("size", [1, 50])
def test_a_full_line_ends_no_sentence(size: int) -> None:
    """Models imitate the lines of what they read."""
    text = "The sea is far and\nthe land is near. It rains,\nand\n\nthe sun shines:\n- on Anne\n- on Mary\n# End\nof it"
    assert shown(text, size=size)[0] == [
        "The sea is far and the land is near.",
        " It rains, and",
        "\n\nthe sun shines:",
        "\n- on Anne",
        "\n- on Mary",
        "\n# End",
        "\nof it",
    ]


def test_a_sentence_is_shown_when_the_next_one_begins() -> None:
    voice = Voice(["The sea", " is far. ", "The", " land is near.", " It"])
    assert next(new_sentences(voice.speak(), Written(50))) == "The sea is far."
    assert voice.count == 3


@given(st.lists(st.integers(1, 30), min_size=1, max_size=60), st.integers(10, 200))
@settings(max_examples=80)
def test_the_length_is_within_a_quarter_where_the_model_says_enough(lengths: list[int], words: int) -> None:
    """A sentence that is too long for what is left is passed over; two such end the summary."""
    told = [" ".join(f"W{number}x{at}" for at in range(length)) + "." for number, length in enumerate(lengths)]
    said = "".join(shown(" ".join(told), words, size=40)[0])
    assert len(said.split()) <= max(1.25 * words, lengths[0])
    if max(lengths) <= words / 2 and sum(lengths) >= words:
        assert len(said.split()) >= 0.75 * words
    assert all(each in told for each in (f"{each}." for each in said.removesuffix(".").split(". ")))


class Parrot:
    """Behave like a model that says one text to the first question and another to the next."""

    can_grow = False

    def __init__(self, *texts: str) -> None:
        tokenizer = reader().tokenizer
        self.said = [[*tokenizer.encode(text), tokenizer.eos] for text in texts]
        self.asked: list[str] = []

    def __call__(self, ids: Tensor, state: int, logits: str) -> tuple[Tensor, int]:
        if ids.shape[1] > 1:
            self.asked.append(reader().tokenizer.decode(ids[0].tolist()))
            self.left = iter(self.said[len(self.asked) - 1])
        following = torch.zeros(1, 1, 1040)
        following[0, 0, next(self.left)] = 9.0
        return following, state


@pytest.mark.parametrize("more", ["", " ", f"{SENTENCES[0]} "])
@pytest.mark.parametrize(("words", "times"), [(100, 2), (12, 1)])
def test_a_model_that_says_too_little_is_asked_once_for_more(words: int, times: int, more: str) -> None:
    model, request = Parrot(SENTENCES[0], f"{more}{SENTENCES[1]}"), summary_requests(words, "Mary").text
    text = "".join(gathered(say(model, reader().tokenizer, 0, request, Sampling(), words))[0])  # type: ignore[arg-type]
    assert text == " ".join(SENTENCES[:times])
    assert len(model.asked) == times
    assert request in model.asked[0]
    assert (model.asked[-1] != model.asked[0]) is (times == 2)
    assert all("Say most about Mary." in asked for asked in model.asked)


def test_a_model_that_was_cut_off_is_not_asked_again() -> None:
    model = Parrot(SENTENCES[0])
    spoken = say(model, reader().tokenizer, 0, "Say.", Sampling(max_new_tokens=3), 100)  # type: ignore[arg-type]
    assert gathered(spoken)[1]
    assert len(model.asked) == 1


def test_texts_are_joined_by_first_sentences_to_the_words_asked_for() -> None:
    texts = ["Part 1:\n" + " ".join(SENTENCES[:3]), " ".join(SENTENCES[2:6]), SENTENCES[0]]
    assert joined(texts, 30) == "\n\n".join((" ".join(SENTENCES[:2]), SENTENCES[2]))


def count(text: str) -> int:
    return len(text.split())


def test_a_short_summary_of_summaries_gives_way_to_those() -> None:
    """It stays where it is long enough, or where they are no longer."""
    requests = Requests("text", "summaries", "more", words=30)
    long = " ".join(SENTENCES[5:8])
    assert combine(SENTENCES[:3], lambda *_: "It is about Anne.", requests, count, 100) == "\n\n".join(SENTENCES[:3])
    assert combine(SENTENCES[:3], lambda *_: long, requests, count, 100) == long
    assert combine(["One.", "Two."], lambda *_: "It is about Anne.", requests, count, 100) == "It is about Anne."


def test_a_refined_summary_does_not_lose_what_was_written() -> None:
    said = iter(SENTENCES)
    parts = [DocumentPart(Section("a", 0, 1), text, 1, 1) for text in ("one", "two")]
    steps = list(refine(parts, lambda *_: next(said), Requests("text", "summaries", "more", words=20)))
    assert steps[-1].text == "\n\n".join(SENTENCES[:2])


SECTION = 'Anne Elliot walks to Lyme with Mary. "It rains," said Anne. The walk to Lyme takes 3 days in the rain.'


@pytest.mark.parametrize(
    ("said", "is_own"),
    [
        ("Anne walks to Lyme in the rain.", True),
        ("The text above is about Anne's walk to Lyme.", True),
        ("Walking to Lyme takes Anne 3 days.", True),
        ("Walking to Lyme takes Anne 4 days.", False),
        ("Anne walks to Bath in the rain.", False),
        ("In Bath Anne walks in the rain.", False),
        ("To Lyme it takes Anne 4 days.", False),
        ("Walked to Lyme, in the rain, by Anne.", True),
        ("Travelled to Lyme, in the rain, by Anne.", True),
        ("The text above is about a detective who solves a crime.", False),
        ("The text above is about it.", False),
        ("", False),
    ],
)
def test_a_line_of_an_outline_is_made_of_its_sections_words(said: str, is_own: bool) -> None:
    part = DocumentPart(Section("a", 0, 1), SECTION, 1, 1)
    (summary,) = by_sections([part], lambda *_: said, sentence_requests(None), count, 100)
    assert summary.extract is not is_own
    assert summary.text is not None
    assert summary.text == said if is_own else summary.text in SECTION
    (other,) = by_sections([part], lambda *_: said, summary_requests(20, None), count, 100)
    assert (other.text, other.extract) == ((said, False) if said else (summary.text, True))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            'a = 1\n\n"""Read a file of rows and count its columns."""\n\nb = 2\n',
            "Read a file of rows and count its columns.",
        ),
        ("# Reads the rows of a file in order.\nrows = 3\n", "Reads the rows of a file in order."),
        ("word " * 100, " ".join(["word"] * 40)),
        (
            '"It rains on the sea and on Anne. The sea is far from the land." Mary is at home with a cold.',
            "Mary is at home with a cold.",
        ),
        ("= = =", "= = ="),
    ],
)
def test_a_section_has_a_sentence_of_its_own(text: str, sentence: str) -> None:
    own = OwnWords()
    own.add(text)
    assert own.line("The detective came.", "") == (sentence, True)


def of_a_base_model(text: str) -> str:
    voice = Voice([text[at : at + 3] for at in range(0, len(text), 3)])
    return "".join(gathered(new_sentences(voice.speak(), Written(100, has_turns=False)))[0])


@pytest.mark.parametrize("asked", ["Question: What happens?", "\nQuestion: What happens?", "\n\nAnswer: She left."])
def test_a_base_model_s_own_question_ends_its_text(asked: str) -> None:
    assert of_a_base_model(f"{SENTENCES[0]} {asked} {SENTENCES[1]}") == SENTENCES[0]
    assert of_a_base_model(f"{SENTENCES[0]} He came to Question: {asked}") == SENTENCES[0]
    assert of_a_base_model(f"He came to {asked}") == "He came to"
    assert asked.split()[0] in "".join(shown(f"{SENTENCES[0]} {asked}")[0])


def test_a_base_model_s_numbers_before_lines_are_left_out() -> None:
    assert of_a_base_model(f" 1. {SENTENCES[0]}\n2.  {SENTENCES[1]}\n") == f"{SENTENCES[0]}\n{SENTENCES[1]}"
    assert of_a_base_model("1814 was a good year.") == "1814 was a good year."


@pytest.mark.parametrize("quotes", ['""', "“”", "«»"])
def test_a_line_of_the_model_s_own_is_no_quotation(quotes: str) -> None:
    own = OwnWords()
    own.add("Anne walked on the beach with Charles.")
    assert own.line(f"{quotes[0]}Anne walked with Charles.{quotes[1]}", "") == ("Anne walked with Charles.", False)
    both = f"{quotes[0]}Anne{quotes[1]} walked with {quotes[0]}Charles{quotes[1]}"
    assert own.line(both, "") == (both, False)
