"""Landmarks: a model's keys point at passages for a question in other words, and never in words' way."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from passage_texts import FILLER, written
from safetensors.torch import save

from gemma10m import load_model
from gemma10m.answering.sampling import Sampling
from gemma10m.bench.landmarks import measure_landmarks
from gemma10m.commands.ask import ask, read
from gemma10m.commands.indexing import has_index, index_path, keys_of
from gemma10m.commands.models import ModelOptions, load_reader
from gemma10m.commands.passages import RecallOptions
from gemma10m.documents import Document
from gemma10m.errors import StateError
from gemma10m.passages.building import build_index
from gemma10m.passages.index import PassageIndex, open_index
from gemma10m.passages.landmarks import WIDTH, Keys
from gemma10m.passages.recall import recall
from gemma10m.passages.words import telling
from gemma10m.terminal import Terminal
from gemma10m.tokens import load_tokenizer

TOKENIZER = load_tokenizer("demo")
FACT = "Her brother had a horse at the castle."
OTHERS = [f"{name} was sitting beside the window with a letter." for name in ("Anne", "Henry", "Mary", "Louisa")]
SAME = {" sister": " brother", " garden": " castle"}  # to the model that the tests imagine


def one(word: str) -> int:
    (token,) = TOKENIZER.encode(word)
    return token


def knowing() -> Keys:
    """Keys of a model for which some words are much the same."""
    table = torch.randn(TOKENIZER.vocabulary, WIDTH, generator=torch.Generator().manual_seed(0))  # (V, width)
    for word, meant in SAME.items():
        table[one(word)] = table[one(meant)]
    return Keys("knowing", TOKENIZER, lambda ids: table[ids])


@pytest.fixture
def story(tmp_path: Path) -> Document:
    return written(tmp_path / "story.txt", "\n\n".join(f"{FILLER}{said} {FILLER}" for said in (*OTHERS, FACT)))


@pytest.fixture
def index(tmp_path: Path, story: Document) -> Iterator[PassageIndex]:
    build_index(story, tmp_path / "index", keys=knowing())
    with open_index(tmp_path / "index") as opened:
        yield opened


def test_a_question_in_other_words_is_led_to_its_passage(index: PassageIndex) -> None:
    question = "sister garden"
    assert index.with_words(telling(question), 5) == []
    nearest = index.pointed_at(knowing(), question, 5)
    assert FACT in index.passage(nearest[0]).text
    assert len(nearest) == len(set(nearest)) == 5
    excerpts = recall(index, TOKENIZER, question, 2048, knowing())
    assert any(FACT in excerpt.text for excerpt in excerpts)
    assert recall(index, TOKENIZER, question, 2048) == []


def test_what_has_the_question_s_words_comes_before_what_keys_point_at(index: PassageIndex) -> None:
    question = "Louisa sister garden"
    assert FACT in index.passage(index.pointed_at(knowing(), "sister garden", 1)[0]).text
    (excerpt,) = recall(index, TOKENIZER, question, 64, knowing())
    assert "Louisa" in excerpt.text


def test_a_word_of_every_passage_points_nowhere(index: PassageIndex) -> None:
    assert index.pointed_at(knowing(), "nobody minds", 5) == []


def test_another_model_s_keys_point_nowhere(index: PassageIndex, story: Document, tmp_path: Path) -> None:
    assert index.pointer == "knowing"
    assert index.pointed_at(replace(knowing(), fingerprint="other"), "sister garden", 5) == []
    build_index(story, tmp_path / "words alone")
    with open_index(tmp_path / "words alone") as plain:
        assert plain.pointer == ""
        assert plain.pointed_at(knowing(), "sister garden", 5) == []


@pytest.mark.parametrize("words", ["same words again", "x"])
def test_passages_that_are_all_alike_have_landmarks_that_are_numbers(tmp_path: Path, words: str) -> None:
    build_index(written(tmp_path / "alike.txt", f"{words}\n" * 500), tmp_path / "index", keys=knowing())
    with open_index(tmp_path / "index") as opened:
        opened.pointed_at(knowing(), "same", 5)  # damaged landmarks would be said


DAMAGE: dict[str, bytes] = {
    "no tensors": b"words",
    "tensors of another kind": save({"rarity": torch.zeros(1)}),
    "too few passages": save(
        {"rarity": torch.zeros(TOKENIZER.vocabulary), "mean": torch.zeros(4), "marks": torch.zeros(1, 4).half()}
    ),
    "another width": save(
        {"rarity": torch.zeros(TOKENIZER.vocabulary), "mean": torch.zeros(3), "marks": torch.zeros(5, 4).half()}
    ),
    "no numbers": save(
        {
            "rarity": torch.full((TOKENIZER.vocabulary,), torch.nan),
            "mean": torch.zeros(WIDTH),
            "marks": torch.zeros(5, WIDTH).half(),
        }
    ),
    "a mean without width": save(
        {"rarity": torch.zeros(TOKENIZER.vocabulary), "mean": torch.tensor(0.0), "marks": torch.zeros(5, 4).half()}
    ),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_landmarks_are_said(tmp_path: Path, story: Document, damage: str) -> None:
    path = tmp_path / "index"
    build_index(story, path, keys=knowing())
    with closing(sqlite3.connect(path)) as database:
        database.execute("UPDATE landmarks SET tensors = ?", (DAMAGE[damage],))
        database.commit()
    with open_index(path) as opened, pytest.raises(StateError, match="the passage index is damaged"):
        opened.pointed_at(knowing(), "sister garden", 5)


def test_first_keys_are_those_that_reading_keeps() -> None:
    model = load_model("demo")
    ids = torch.tensor(TOKENIZER.encode("They walked on along the shore."))  # (S)
    with torch.inference_mode():
        _, state = model(ids.unsqueeze(0), model.empty_state(), logits="none")
    kept = state.layers[0].keys[0].transpose(0, 1).flatten(1)  # (S, K * E)
    torch.testing.assert_close(model.first_keys(ids), kept, rtol=1e-6, atol=1e-6)


# --- commands ---------------------------------------------------------------------------------------------------------

DEMO = ModelOptions(model="demo", device="cpu")
PLANTED = "One of the special magic numbers for quiet-harbor is: 30518."
QUESTION = "What is the special magic number for quiet-harbor?"


@pytest.fixture
def tale(tmp_path: Path, cache: Path) -> Path:
    path = tmp_path / "tale.txt"
    path.write_text(f"{FILLER}\n{PLANTED} {FILLER}\n")
    return path


def asked(source: Path, options: RecallOptions) -> None:
    ask(Terminal(), [str(source)], [QUESTION], DEMO, Sampling(max_new_tokens=40), options)


def pointer(state: Path) -> str:
    with open_index(index_path(state)) as opened:
        return opened.pointer


def test_landmarks_are_made_where_there_are_none_and_stay(
    tale: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "tale.state"
    read(Terminal(), [str(tale)], state, DEMO)
    assert pointer(state) == ""
    for options in (RecallOptions(landmarks=True), RecallOptions("64")):
        capsys.readouterr()
        asked(state, options)
        assert capsys.readouterr().out == "The magic number for quiet-harbor is: 30518.\n"
        assert pointer(state) == load_model("demo").fingerprint


def test_read_makes_landmarks(tale: Path, tmp_path: Path) -> None:
    state = tmp_path / "tale.state"
    read(Terminal(), [str(tale)], state, DEMO, landmarks=True)
    keys = keys_of(load_reader(Terminal(), DEMO))
    assert pointer(state) == keys.fingerprint
    assert not has_index(state, "another document", keys)


def test_a_document_that_is_gone_gets_no_landmarks_and_is_answered_about(
    tale: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "tale.state"
    read(Terminal(), [str(tale)], state, DEMO)
    tale.unlink()
    capsys.readouterr()
    asked(state, RecallOptions(landmarks=True))
    told = capsys.readouterr()
    assert told.out == "The magic number for quiet-harbor is: 30518.\n"
    assert "no landmarks are made: the document is not there as it was read" in told.err


def test_landmarks_are_measured_against_words(tmp_path: Path) -> None:
    names = ("amber", "copper", "silver", "golden", "quiet")
    lines = [
        f"The {name} ship number {n} sailed along the coast of {n * 7} islands.\n" for n in range(300) for name in names
    ]
    (tmp_path / "log.txt").write_text("".join(lines))
    keys = keys_of(load_reader(Terminal(), DEMO))
    row = measure_landmarks(tmp_path / "log.txt", keys, 20, seed=0)
    assert row["n"] == 20
    assert 0 < int(str(row["first_by_words"])) <= int(str(row["among_8_by_words"])) <= 20
    assert int(str(row["bytes_with_landmarks"])) > int(str(row["index_bytes"]))
    assert row["recalled_with_landmarks"] == row["recalled"]
