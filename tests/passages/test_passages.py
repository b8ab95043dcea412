"""Passages: nothing of the text is left out, the index finds it, quotes are the file's own words."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from passage_texts import FILLER, written

from gemma10m.config import ReadingConfig
from gemma10m.documents import Document, open_source
from gemma10m.errors import DiskError, StateError
from gemma10m.passages import building
from gemma10m.passages.building import StoppedError, build_index, fill_from, new_index, seal
from gemma10m.passages.index import PassageIndex, fused, open_index
from gemma10m.passages.quotes import locate
from gemma10m.passages.retrieve import default_budget, retrieve, shown
from gemma10m.passages.statements import NOT_IN_TEXT
from gemma10m.passages.verdicts import verify
from gemma10m.passages.words import as_trigrams, telling
from gemma10m.tokens import load_tokenizer

FACT = "One of the special magic numbers for amber-lantern is: 48213."
OTHER = "One of the special magic numbers for copper-hill is: 77120."
TOKENIZER = load_tokenizer("demo")


@pytest.fixture
def story(tmp_path: Path) -> Document:
    return written(tmp_path / "story.txt", f"{FILLER}{FACT}\n{FILLER}{OTHER} {FILLER}")


@pytest.fixture
def index(tmp_path: Path, story: Document) -> Iterator[PassageIndex]:
    build_index(story, tmp_path / "index")
    with open_index(tmp_path / "index") as opened:
        yield opened


# --- index ------------------------------------------------------------------------------------------------------------


def test_a_passage_is_found_by_its_words(index: PassageIndex) -> None:
    found = index.search(telling("What is the special magic number for amber-lantern?"), 5)
    assert FACT in found[0].text
    assert index.search(["unheard"], 5) == []
    assert index.search([], 5) == []


@pytest.mark.parametrize("words", [['"'], ["NEAR(", "a*"], ["a' OR '1'='1"], ["\x00"], ["AND"], ["-"], ["^fox"]])
def test_a_question_is_never_a_query_of_its_own(index: PassageIndex, words: list[str]) -> None:
    question = " ".join(words)
    index.search(telling(question), 5)  # raises nothing, whatever the question is


def test_rankings_are_fused_by_rank_and_the_earlier_one_breaks_a_tie() -> None:
    assert fused([[7, 3], [5, 3], []]) == [3, 7, 5]
    assert fused([]) == []


def test_a_part_of_a_name_is_found_in_code_and_not_in_prose(tmp_path: Path) -> None:
    for name in ("code.py", "prose.txt"):
        (tmp_path / name).write_text("def readConfigurationFile(path):\n    return open(path)\n")
    build_index(open_source(tmp_path), tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        found = index.search(["configuration"], 5)
        assert [index.files[passage.file][0] for passage in found] == ["code.py"]


def test_words_of_every_passage_do_not_count() -> None:
    assert telling("What is the special magic number for amber-lantern?") == [
        "special",
        "magic",
        "number",
        "amber-lantern",
    ]
    assert telling("Anne's or Anne’s, the the; 1,200 or 3.5") == ["anne", "1,200", "3.5"]
    assert as_trigrams(["ab", "abcd"]) == '("abc" AND "bcd")'


def test_an_index_that_was_stopped_is_not_there(tmp_path: Path, story: Document) -> None:
    with pytest.raises(StoppedError), new_index(tmp_path / "index") as database:
        fill_from(database, story, stop=lambda: True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["story.txt"]


def test_an_index_takes_less_than_twice_the_text(tmp_path: Path) -> None:
    document = open_source(Path(__file__).parents[2] / "gemma10m")
    build_index(document, tmp_path / "index")
    assert (tmp_path / "index").stat().st_size < 2 * document.nbytes


def test_a_disk_that_is_full_is_said(tmp_path: Path, story: Document, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "TABLES", f"PRAGMA max_page_count = 12; {building.TABLES}")
    with pytest.raises(DiskError, match="index cannot be written"):
        build_index(story, tmp_path / "index")
    assert not (tmp_path / "index").exists()


def damage_header(content: bytes) -> bytes:
    return b"x" * 100 + content[100:]


def damage_middle(content: bytes) -> bytes:
    return content[:4096] + b"\xff" * (len(content) - 4096)


@pytest.mark.parametrize("damage", [damage_header, damage_middle, lambda content: content[:5000], lambda _: b""])
def test_a_damaged_index_is_said(tmp_path: Path, story: Document, damage: object) -> None:
    path = tmp_path / "index"
    build_index(story, path)
    assert callable(damage)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(StateError, match="the passage index is damaged"), open_index(path) as index:
        index.search(["amber-lantern"], 5)


def test_a_byte_of_the_schema_that_is_no_text_is_said(tmp_path: Path, story: Document) -> None:
    """SQLite's own message is not UTF-8 either."""
    path = tmp_path / "index"
    build_index(story, path)
    for at in range(3900, 4096):
        content = bytearray(path.read_bytes())
        kept, content[at] = content[at], 0xFF
        path.write_bytes(content)
        seal(path)
        with suppress(StateError), open_index(path) as index:
            index.search(["amber-lantern"], 5)
        content[at] = kept
        path.write_bytes(content)


def test_a_flipped_bit_anywhere_is_said(tmp_path: Path, story: Document) -> None:
    path = tmp_path / "index"
    build_index(story, path)
    content = path.read_bytes()
    for at in (*range(0, len(content), 997), len(content) - 1):
        path.write_bytes(content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :])
        with pytest.raises(StateError, match="the passage index is damaged"), open_index(path):
            pass


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_not_waited_for(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path / "index")
    with pytest.raises(StateError, match="damaged"), open_index(tmp_path / "index"):
        pass


PLACES = ("file = 7", "file = -1", "start = 'x'", "first_line = NULL", "places = NULL", "places = '[7]'")


@pytest.mark.parametrize("change", [*PLACES, "text = 3", "text = x'00'"])
def test_a_passage_that_was_tampered_with_is_said(tmp_path: Path, story: Document, change: str) -> None:
    path = tmp_path / "index"
    build_index(story, path)
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE again AS SELECT * FROM passages")
        database.execute("DROP TABLE passages")
        database.execute("ALTER TABLE again RENAME TO passages")
        database.execute(f"UPDATE passages SET {change}")
    database.close()
    seal(path)
    with pytest.raises(StateError, match="the passage index is damaged"), open_index(path) as index:
        index.search(["amber-lantern"], 5)


def test_another_database_is_no_index(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "other") as database:
        database.execute("CREATE TABLE passages (id INTEGER)")
    for name in ("other", "nowhere", "."):
        with pytest.raises(StateError, match="damaged"), open_index(tmp_path / name):
            pass


# --- retrieval --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("budget", [1, 30, 64, 200, 600, 2000])
def test_what_is_recalled_fits_the_budget_in_the_documents_order(index: PassageIndex, budget: int) -> None:
    excerpts = retrieve(index, TOKENIZER, "Which special magic numbers do amber-lantern and copper-hill have?", budget)
    assert len(TOKENIZER.encode(shown(excerpts))) <= budget
    assert [excerpt.passage.start for excerpt in excerpts] == sorted(excerpt.passage.start for excerpt in excerpts)
    assert bool(excerpts) == (budget > 1)
    if budget >= 200:
        assert FACT in shown(excerpts)


def test_a_small_budget_is_kept_for_what_was_asked(index: PassageIndex) -> None:
    excerpts = retrieve(index, TOKENIZER, "What is the special magic number for copper-hill?", 64)
    (text,) = (excerpt.text for excerpt in excerpts)
    assert text == f"{OTHER} The quick brown fox jumps over the"  # its words, and what fits of the next sentence
    assert len(TOKENIZER.encode(shown(excerpts))) <= 32
    assert excerpts[0].passage.text.splitlines()[excerpts[0].line - excerpts[0].passage.first_line].startswith(OTHER)


def test_a_budget_for_whole_passages_says_where_each_stands(index: PassageIndex) -> None:
    excerpts = retrieve(index, TOKENIZER, "What is the special magic number for copper-hill?", 600)
    ((path, _),) = index.files
    assert [excerpt.label for excerpt in excerpts] == [f"[{path}:{excerpt.line}]\n" for excerpt in excerpts]
    assert shown(excerpts).startswith(f"\n\n{excerpts[0].label}{excerpts[0].text}")
    small = retrieve(index, TOKENIZER, "What is the special magic number for copper-hill?", 64)
    assert shown(small).startswith(f"\n\n{OTHER} ")


def test_of_a_sentence_without_an_end_the_words_that_were_asked_for_are_recalled(tmp_path: Path) -> None:
    endless = "and on they went over the hills and the dales " * 8
    build_index(written(tmp_path / "endless.txt", f"{endless}{FACT} {endless}."), tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        (excerpt,) = retrieve(index, TOKENIZER, "What is the special magic number for amber-lantern?", 64)
    assert "magic numbers for amber-lantern is: 48213." in excerpt.text
    assert len(TOKENIZER.encode(shown([excerpt]))) <= 32


def test_nothing_is_recalled_where_nothing_leaves_the_window() -> None:
    assert default_budget(ReadingConfig("full", 64, 0, 0)) == 0
    assert default_budget(ReadingConfig("delta", 2048, 2048, 4)) == 1024
    assert default_budget(ReadingConfig("gated", 64, 64, 4)) == 64


@pytest.mark.parametrize(
    ("question", "text"),
    [
        ("What is Anne's pet?", "Anne has a dog."),
        ("Which cities are there?", "The city was small."),
        ("What was stopped?", "They stop the train here."),
        ("Where is the cafe?", "The café was closed."),
        ("Who was O'Brien?", "That was O’Brien."),
        ("国王的宝藏在哪里?", "国王的宝藏埋在老橡树下面。"),
    ],
)
@pytest.mark.parametrize("budget", [100, 600])
def test_what_the_index_finds_is_recalled(tmp_path: Path, question: str, text: str, budget: int) -> None:
    filler = "很久以前有一个王国。" * 200 if "国" in text else FILLER
    build_index(written(tmp_path / "tale.txt", f"{filler}{text}\n{filler}"), tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        assert text in shown(retrieve(index, TOKENIZER, question, budget))


def test_a_passage_found_by_a_part_of_a_name_is_recalled(tmp_path: Path) -> None:
    code = "def readConfigurationFile(path):\n    return open(path)\n"
    build_index(written(tmp_path / "code.py", f"{'pass' * 200}\n{code}"), tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        assert "readConfigurationFile" in shown(retrieve(index, TOKENIZER, "configuration", 64))


def test_each_sentence_knows_its_own_cell(tmp_path: Path) -> None:
    cells = [{"cell_type": "markdown", "source": text} for text in ("# Hello", f"Été. {OTHER}", f"Also:\n{FACT}")]
    (tmp_path / "n.ipynb").write_text(json.dumps({"cells": cells, "nbformat": 4}))
    document = open_source(tmp_path / "n.ipynb")
    build_index(document, tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        for name, number, place in (("amber-lantern", 48213, "cell 3"), ("copper-hill", 77120, "cell 2")):
            found = verify(index, f"the number for {name}?", f"{name} has {number}")
            for at_hand in (document, None):
                assert [source.place for source in locate(found.quotes, index, at_hand)] == [place]


# --- quotes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "supported"),
    [
        ("The magic number for amber-lantern is: 48213.", FACT),
        ("The magic number for copper-hill is: 77120.", OTHER),
        ("The magic number for copper-hill is: 48213.", None),  # another's
        ("The magic number for copper-hill is: 11111.", None),
        ("The magic number for silver-gate is: 48213.", None),
        ("I do not know.", None),
        ("", None),
    ],
)
def test_an_answer_rests_on_a_sentence_that_says_it(index: PassageIndex, said: str, supported: str | None) -> None:
    name = said.split()[4] if len(said.split()) > 4 else "amber-lantern"
    found = verify(index, f"What is the special magic number for {name}?", said)
    assert [excerpt.text for excerpt in found.quotes] == ([supported] if supported else [])


@pytest.mark.parametrize(
    ("said", "supported"),
    [
        ("Ninety days.", True),
        ("It is ninety days in writing.", False),  # in another order
        ("Thirty days.", False),
        ("Captain Wentworth.", False),
        ("90 days.", True),
        ("9 days.", False),  # a part of another number
        ("Ninety days before, says clause 44.", False),
        ("It costs 250 euros.", False),  # no clause of its own
        ("It costs 3 euros.", False),  # it costs 3.5
        ("It costs 3.5 euros.", False),  # in another order
        ("The euros it costs are 3.5 a day.", True),
        ("The euros it costs are 3.5 a day, together 250.", True),  # no space stands after it
    ],
)
def test_every_word_and_number_of_what_is_said_stands_in_one_sentence(
    tmp_path: Path, said: str, supported: bool
) -> None:
    text = "Either party ends this in writing ninety days (90 days) before, says clause 4. Captain Harville left."
    text += " The euros it costs are 3.5 a day, together 250.Everybody paid."
    build_index(written(tmp_path / "contract.txt", text), tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        assert bool(verify(index, "How long?", said).quotes) is supported


@pytest.mark.parametrize(
    ("text", "question", "said", "supported"),
    [
        ("The rent is 1,200 euros a month.", "How much is the rent?", "1,200", True),
        ("The rent is 1,200 euros a month.", "How much is the rent?", "The rent is 1200 euros.", True),
        ("The rent is 1,200 euros a month.", "How much is the rent?", "200 euros", False),
        ("The rent is 5 000 euros.", "How much is the rent?", "5 euros", False),
        ("Anne's dog is called Rover.", "Is Anne's dog called Rover or Peter?", "Rover", True),
        ("Anne's dog is called Rover.", "Is Anne's dog called Rover?", "Yes.", True),
        ("Peter came late.", "Is Anne's dog called Rover or Peter?", "Peter", False),
        ("Anne's dog is called Rover.", "Is Anne's dog called Rover?", "I do not know.", False),
        ("It was O’Brien who saw René.", "Who saw?", "O'Brien, and Rene.", True),
        ("国王的宝藏埋在老橡树下面。", "国王的宝藏在哪里?", "老橡树下面", True),
        ("国王的宝藏埋在老橡树下面。", "国王的宝藏在哪里?", "高塔里面", False),
        ("The tenant shall pay the rent.", "What shall the tenant do?", "The tenant shall not pay the rent.", False),
        ("It was a private joke about the marshal.", "Who was it?", "Art Marsh joke", False),
        ("The container has a text field for an answer.", "Who paid?", NOT_IN_TEXT, False),
    ],
)
def test_words_are_the_same_however_they_are_written(
    tmp_path: Path, text: str, question: str, said: str, supported: bool
) -> None:
    build_index(written(tmp_path / "text.txt", text), tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        assert [excerpt.text for excerpt in verify(index, question, said).quotes] == [text] * supported


def test_sentences_that_nothing_in_the_text_says_are_told(tmp_path: Path) -> None:
    build_index(written(tmp_path / "lease.txt", "The rent is due every month. The tenant pays."), tmp_path / "index")
    due, made_up, joke = "The rent is due every month.", "The deposit is 900 euros.", "Elephants never forget anything."
    with open_index(tmp_path / "index") as index:
        mixed = verify(index, "How much is the deposit?", f"{due} {made_up} {joke}")
    assert ([quote.text for quote in mixed.quotes], mixed.unsupported) == ([due], (made_up, joke))
    assert mixed.verdict == "unverified"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_a_quote_is_what_stands_in_the_file(tmp_path: Path, encoding: str) -> None:
    document = written(tmp_path / "café.txt", f"Déjà vu — “très” été.\n{FILLER}{FACT} Où?\n{FILLER}", encoding)
    build_index(document, tmp_path / "index")
    with open_index(tmp_path / "index") as index:
        found = verify(index, "What is the magic number for amber-lantern?", "amber-lantern: 48213.")
        (source,) = locate(found.quotes, index, document)
        assert (source.quote, source.status) == (FACT, "as read")
        assert source.line == 122
        body = (tmp_path / "café.txt").read_bytes()[source.start : source.stop]
        assert body.decode("utf-16-le" if encoding == "utf-16" else encoding.removesuffix("-sig")) == FACT


def test_what_cannot_be_checked_is_not_quoted(index: PassageIndex, story: Document, tmp_path: Path) -> None:
    found = verify(index, "the number for amber-lantern?", "amber-lantern has 48213")
    (source,) = locate(found.quotes, index, None)
    assert (source.quote, source.status) == (None, "not found")
    text = (tmp_path / "story.txt").read_text()
    (tmp_path / "story.txt").write_text(text.replace("48213", "48214"))
    (source,) = locate(found.quotes, index, story)
    assert (source.quote, source.status) == (None, "changed")
    assert source.line == 121


def test_a_question_of_very_many_words_takes_no_quadratic_time(tmp_path: Path) -> None:
    text = "\n".join(f"word{number} and thing{number} for the sake of it." for number in range(2000))
    build_index(written(tmp_path / "many.txt", text), tmp_path / "index")
    words = [f"word{number}" for number in range(50_000)]
    with open_index(tmp_path / "index") as index:
        started = time.process_time()
        assert index.search(words, 3)
        assert index.having(["word1"], words, 3)
        assert not index.having(words, [], 3)
        assert time.process_time() - started < 2
