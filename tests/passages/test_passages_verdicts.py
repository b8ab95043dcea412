"""An answer is verified by its names, numbers, words and negations, in order, in one sentence or row of the text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from passage_texts import FILLER, written

from gemma10m.passages.building import build_index
from gemma10m.passages.cutting import sentences
from gemma10m.passages.folding import fold, searchable
from gemma10m.passages.index import open_index
from gemma10m.passages.quotes import locate
from gemma10m.passages.verdicts import Verification, closest, verify

LINES = Path(__file__).with_name("verdict_cases.jsonl").read_text(encoding="utf-8").splitlines()
CASES = [tuple(json.loads(line).values()) for line in LINES]  # text, question, answer, whether it is verified, file


def verified(folder: Path, text: str, question: str, answer: str, name: str = "t.txt") -> Verification:
    build_index(written(folder / name, text), folder / "index")
    with open_index(folder / "index") as index:
        return verify(index, question, answer)


@pytest.mark.parametrize(("text", "question", "answer", "right", "name"), CASES)
def test_an_answer_is_verified_by_what_the_text_says(
    tmp_path: Path, text: str, question: str, answer: str, right: bool, name: str
) -> None:
    found = verified(tmp_path, text, question, answer, name)
    assert (found.verdict == "verified") is right
    assert bool(found.quotes) is right


QUIST = "On 5 Jan. 1820 Mr. J. R. Quist paid 500 marks for the mill at St. Ives."


def test_a_sentence_with_abbreviations_is_one_quote(tmp_path: Path) -> None:
    text = f"It rained at 5 p.m. in Bath. {QUIST} He left."
    assert [quote.text for quote in verified(tmp_path, text, "Who paid 500 marks?", QUIST).quotes] == [QUIST]


@pytest.mark.parametrize(
    ("text", "cut"),
    [
        ("He lived in the U.S. He liked it.", ["He lived in the U.S.", "He liked it."]),
        ('"Who came?" asked Anne. "Nobody."', ['"Who came?" asked Anne.', '"Nobody."']),
        ("No. He did not. See No. 12, p. 4.", ["No.", "He did not.", "See No. 12, p. 4."]),
        ("Das war am 3. Mai z. B. so. Es war gut.", ["Das war am 3. Mai z. B. so.", "Es war gut."]),
        ("The amber-lan-\ntern was lit.", ["The amber-lan-\ntern was lit."]),
    ],
)
def test_a_full_stop_of_an_abbreviation_ends_no_sentence(text: str, cut: list[str]) -> None:
    assert [text[first:last] for first, last in sentences(text)] == cut


@pytest.mark.parametrize("name", ["t.md", "t.csv", "t.tsv"])
def test_a_row_far_from_its_heading_is_verified_with_it(tmp_path: Path, name: str) -> None:
    between = {"t.md": "|", "t.csv": ",", "t.tsv": "\t"}[name]
    rows = [("item", "price"), *((f"stone{number}", str(10000 + number)) for number in range(300))]
    text = "".join(f"{' | '.join(row)}\n" if between == "|" else f"{between.join(row)}\n" for row in rows)
    document = written(tmp_path / name, text)
    build_index(document, tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        found = verify(index, "What is the price of stone250?", "The price of stone250 is 10250.")
        assert found.verdict == "verified"
        heading, row = (source.quote for source in locate(found.quotes, index, document))
        assert (heading, row) == tuple(text.splitlines()[line] for line in (0, 251))
        assert (
            verify(index, "What is the price of stone250?", "The price of stone250 is 10251.").verdict == "unverified"
        )


@pytest.mark.parametrize("answer", ["", "  ", "I do not know.", "The text does not contain the answer.", "What mill?"])
def test_who_says_nothing_gives_no_answer(tmp_path: Path, answer: str) -> None:
    assert verified(tmp_path, QUIST, "Who paid?", answer) == Verification("no answer")


def test_a_question_of_which_no_word_is_in_the_text_has_no_answer(tmp_path: Path) -> None:
    assert verified(tmp_path, QUIST, "When did elephants dance?", "In 1850.").verdict == "no answer"
    assert verified(tmp_path, QUIST, "When did Quist dance?", "In 1850.").verdict == "unverified"


def test_each_sentence_of_an_answer_counts_and_a_question_in_it_does_not(tmp_path: Path) -> None:
    found = verified(tmp_path, f"{FILLER}{QUIST}", "Who paid?", f"Who was it? {QUIST} He was rich.")
    assert (found.verdict, found.unsupported) == ("unverified", ("He was rich.",))
    assert [quote.text for quote in found.quotes] == [QUIST]
    assert verified(tmp_path, f"{FILLER}{QUIST}", "Who paid?", f"Who was it? {QUIST}").verdict == "verified"


def test_the_closest_sentences_are_those_with_the_questions_words(tmp_path: Path) -> None:
    build_index(written(tmp_path / "t.txt", f"{FILLER}{QUIST}\n{FILLER}"), tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        assert [excerpt.text for excerpt in closest(index, "What did Quist pay for the mill?", 1)] == [QUIST]
        assert not closest(index, "When did elephants dance?", 3)


def test_one_spelling_is_compared_and_searched() -> None:
    assert (
        fold("con\ufb01rmed \uff14\uff18 a\u00adb \u201cx\u201d 5\u201310 1990-\n1995")
        == 'confirmed 48 ab "x" 5-10 1990-1995'
    )
    assert fold("10\u00b2 5\u00bd") == "10^2 5 1/2"
    assert searchable("Amber-lan-\ntern") == "amber-lantern\namberlantern"
    assert fold("\u0664\u0668 \u096a\u096e") == "48 48"


def test_a_word_that_is_written_in_two_ways_is_found(tmp_path: Path) -> None:
    build_index(
        written(tmp_path / "t.txt", f"{FILLER}The amber-\nlantern was con\ufb01rmed.\n{FILLER}"), tmp_path / "index"
    )
    with open_index(tmp_path / "index") as index:
        for word in ("amber-lantern", "amberlantern", "confirmed"):
            assert len(index.search([word], 3)) == 1


@pytest.mark.parametrize(
    ("text", "question", "answer", "right"),
    [
        ("Her eyes had met his.", "?", "Her eyes had met his.", True),  # eyes are no yes
        ("Anne was paid.", "Was Anne paid?", "Yes.", True),
        ("Anne paid.", "Was Anne paid?", "Yes.", False),
        ("Anne was not paid.", "Was Anne paid?", "Yes.", False),
        ("Anne was not paid.", "Was Anne paid?", "No, Anne was not paid.", True),
    ],
)
def test_yes_says_what_was_asked(tmp_path: Path, text: str, question: str, answer: str, right: bool) -> None:
    assert (verified(tmp_path, text, question, answer).verdict == "verified") is right
