"""Sentences continue where a line was only full, and end with every line of verse, lists, tables and code."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from passage_texts import FILLER, WRAPPED, written

from gemma10m.documents import open_source
from gemma10m.passages.building import build_index
from gemma10m.passages.code_files import is_by_line, is_code
from gemma10m.passages.cutting import sentences
from gemma10m.passages.index import open_index
from gemma10m.passages.quotes import locate
from gemma10m.passages.retrieve import retrieve, shown
from gemma10m.passages.verdicts import verify
from gemma10m.tokens import load_tokenizer

TOKENIZER = load_tokenizer("demo")


def cut(text: str, by_line: bool = False) -> list[str]:
    return [text[first:last] for first, last in sentences(text, by_line)]


def test_a_sentence_goes_on_in_the_next_line_of_wrapped_prose() -> None:
    found = cut(WRAPPED)
    assert [" ".join(sentence.split())[:24] for sentence in found] == [
        "Sir Walter Elliot, of Ke",
        "This was the page at whi",
        "The house stood by the r",
    ]
    assert all(sentence in WRAPPED for sentence in found)


@pytest.mark.parametrize(
    "lines",
    [
        ["Shall I compare thee to a summer's day", "Thou art more lovely and more temperate", "Rough winds do shake"],
        ["CHAPTER THE FIRST", "it was late in the year when they came to the house by the river"],
        ["The rent of the flat is due every month", "- the deposit is due when the contract is signed"],
        ["The rent of the flat is due every month", "2. the deposit is due when the contract is signed"],
        ["The rent of the flat is due every month", "    rent = 12 * month", "    return rent"],
        ["the rent of the flat   | 900 euros a month", "the deposit of the flat | 500 euros at once"],
        ["the rent of the flat      900 euros a month", "the deposit of the flat   500 euros at once"],
        ["the rent of the flat is due every month", "## what else is due when the contract is signed"],
        ["2020-01-01 the server was started again", "2020-01-02 the server was stopped for good"],
        ["Name of the tenant: Anne Elliot of Kellynch", "Rent: nine hundred euros a month, in advance"],
        ["one paragraph in a line of its own, " * 6, "and another one, which is no shorter, " * 6],
    ],
)
def test_a_line_of_its_own_ends_a_sentence(lines: list[str]) -> None:
    assert cut("\n".join(lines)) == [line.strip() for line in lines]


def test_a_title_and_a_numeral_end_no_sentence() -> None:
    text = "Mr. Elliot came. Mrs. Clay left. 4. The rent is due. It ended in clause 4. Nobody paid."
    assert cut(text) == [
        "Mr. Elliot came.",
        "Mrs. Clay left.",
        "4. The rent is due.",
        "It ended in clause 4.",
        "Nobody paid.",
    ]


def test_code_and_rows_are_cut_by_line() -> None:
    text = "the first line of a very long list of things\nand the second line of a very long list"
    assert len(cut(text)) == 1
    assert cut(text, by_line=True) == text.split("\n")
    assert is_by_line("rows.csv.gz")
    assert is_by_line("code.py")
    assert not is_by_line("book.txt")
    assert not is_code("rows.csv")


def test_a_quote_of_wrapped_prose_is_the_whole_sentence_as_it_stands_in_the_file(tmp_path: Path) -> None:
    document = written(tmp_path / "novel.txt", f"{FILLER}{WRAPPED}")
    build_index(document, tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        found = verify(index, "What did he find?", "He found occupation for an idle hour.")
        (source,) = locate(found.quotes, index, document)
    assert source.quote is not None
    assert source.quote.startswith("Sir Walter Elliot, of Kellynch Hall,")
    assert source.quote.endswith("which never failed.")
    assert source.quote in WRAPPED


def test_of_a_wrapped_sentence_the_words_that_were_asked_for_are_recalled(tmp_path: Path) -> None:
    """The words asked for stand farther from each other than the budget reaches."""
    build_index(written(tmp_path / "novel.txt", f"{FILLER}{WRAPPED}"), tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        retrieved = shown(retrieve(index, TOKENIZER, "Did Sir Walter read of patents in his own history?", 64))
    assert "Sir Walter" in retrieved or "patents" in retrieved or "his own history" in retrieved
    assert len(TOKENIZER.encode(retrieved)) <= 64


@pytest.mark.parametrize("place", ["before", "middle", "line"])
def test_a_planted_sentence_is_found_in_a_wrapped_paragraph(tmp_path: Path, place: str) -> None:
    """A sentence that only a line break parts from `a man who never took up any book` may be denied: not verified."""
    fact = "One of the special magic numbers for amber-lantern is: 48213."
    planted = {
        "before": WRAPPED.replace("consolation in", f"consolation {fact} in"),
        "middle": WRAPPED.replace("never failed.  ", f"never failed.  {fact} "),
        "line": WRAPPED.replace("took up any book\n", f"took up any book\n{fact}\n"),
    }[place]
    assert fact in planted
    build_index(written(tmp_path / "novel.txt", f"{WRAPPED * 9}{planted}{WRAPPED * 9}"), tmp_path / "index")
    question, answer = (
        "What is the special magic number for amber-lantern?",
        "The magic number for amber-lantern is: 48213.",
    )
    with open_index(tmp_path / "index") as index:
        for said in (answer, "48213"):
            quotes = verify(index, question, said).quotes
            assert [fact in " ".join(quote.text.split()) for quote in quotes] == [True] * (place != "line")
        assert not verify(index, question, answer.replace("48213", "48214")).quotes
        assert not verify(index, question.replace("amber", "silver"), answer.replace("amber", "silver")).quotes
        assert "48213" in shown(retrieve(index, TOKENIZER, question, 64))


@pytest.mark.parametrize(
    ("fact", "question", "answer"),
    [
        ("Mary journeyed to the kitchen.", "Where is Mary?", "Mary is in the kitchen."),
        ("The office is north of the garden.", "What is north of the garden?", "The office is north of the garden."),
        ("Fred gave the milk to Bill.", "Who did Fred give the milk to?", "Fred gave the milk to Bill."),
    ],
)
def test_a_story_is_found_among_wrapped_paragraphs(tmp_path: Path, fact: str, question: str, answer: str) -> None:
    planted = WRAPPED.replace("roused into", f"roused {fact} into")
    build_index(written(tmp_path / "novel.txt", f"{WRAPPED * 9}{planted}{WRAPPED * 9}"), tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        support = verify(index, question, answer).quotes
    assert [fact in " ".join(excerpt.text.split()) for excerpt in support] == [True]


@pytest.mark.parametrize(
    "name", ["code.py.gz", "Makefile", "Dockerfile", "CMakeLists.txt", "book.ipynb", "sub/Makefile.am"]
)
def test_parts_of_names_are_found_in_whatever_holds_code(name: str) -> None:
    assert is_code(name)
    assert not is_code("prose.txt.gz")


def test_parts_of_names_are_found_in_a_notebook_and_in_a_makefile(tmp_path: Path) -> None:
    cells = [{"cell_type": "code", "source": "readConfigurationFile(path)"}]
    (tmp_path / "n.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}))
    (tmp_path / "Makefile").write_text("all: buildConfigurationFile\n")
    build_index(open_source(tmp_path), tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        found = index.search(["configuration"], 5)
        assert {index.files[passage.file][0] for passage in found} == {"n.ipynb", "Makefile"}
