"""Landmarks: a model's keys point at passages for a question in other words, and never in words' way."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from passage_texts import FILLER, written
from safetensors.torch import save
from torch import Tensor

from gemma10m import load_model
from gemma10m.answering.sampling import Sampling
from gemma10m.bench.landmark_search import measure_landmarks
from gemma10m.commands import indexing
from gemma10m.commands.ask import ask, read
from gemma10m.commands.indexing import has_index, index_path, keys_of
from gemma10m.commands.models import ModelOptions, load_reader
from gemma10m.commands.passages import RetrievalOptions
from gemma10m.commands.questions import ask_all
from gemma10m.documents import Document
from gemma10m.errors import DiskError, StateError
from gemma10m.models.decoder import Decoder
from gemma10m.passages.building import build_index
from gemma10m.passages.index import PassageIndex, open_index
from gemma10m.passages.landmarks import WIDTH, Keys, unpacked
from gemma10m.passages.retrieve import retrieve
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
    excerpts = retrieve(index, TOKENIZER, question, 2048, knowing())
    assert any(FACT in excerpt.text for excerpt in excerpts)
    assert retrieve(index, TOKENIZER, question, 2048) == []


def test_what_has_the_question_s_words_comes_before_what_keys_point_at(index: PassageIndex) -> None:
    question = "Louisa sister garden"
    assert FACT in index.passage(index.pointed_at(knowing(), "sister garden", 1)[0]).text
    (excerpt,) = retrieve(index, TOKENIZER, question, 64, knowing())
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


def tensors(passages: int, width: int = WIDTH, known: int = 3) -> dict[str, Tensor]:
    marks = torch.zeros(passages, width, dtype=torch.float16)  # (passages, width)
    return {
        "known": torch.arange(known, dtype=torch.int32),
        "rarity": torch.ones(known),
        "mean": torch.zeros(width),
        "marks": marks,
    }


DAMAGE: dict[str, Callable[[int], object]] = {
    "no tensors": lambda n: b"words",
    "text": lambda n: "words",
    "tensors of another kind": lambda n: save({"rarity": torch.zeros(1)}),
    "too few passages": lambda n: save(tensors(n - 1)),
    "another width": lambda n: save(tensors(n, width=4)),
    "widths that differ": lambda n: save(tensors(n) | {"mean": torch.zeros(4)}),
    "no numbers": lambda n: save(tensors(n) | {"rarity": torch.full((3,), torch.nan)}),
    "a mean without width": lambda n: save(tensors(n) | {"mean": torch.tensor(0.0)}),
    "tokens that there are not": lambda n: save(
        tensors(n) | {"known": torch.tensor([0, 1, TOKENIZER.vocabulary], dtype=torch.int32)}
    ),
    "tokens before the first": lambda n: save(tensors(n) | {"known": torch.tensor([0, 1, -1], dtype=torch.int32)}),
}


def spoil(path: Path, damage: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        (passages,) = database.execute("SELECT count(*) FROM passages").fetchone()
        database.execute("UPDATE landmarks SET tensors = ?", (DAMAGE[damage](passages),))
        database.commit()


def test_what_is_damaged_below_would_fit_undamaged(tmp_path: Path, story: Document) -> None:
    build_index(story, tmp_path / "index", keys=knowing())
    with closing(sqlite3.connect(tmp_path / "index")) as database:
        (passages,) = database.execute("SELECT count(*) FROM passages").fetchone()
    assert unpacked(save(tensors(passages)), knowing(), passages)


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_landmarks_are_said(tmp_path: Path, story: Document, damage: str) -> None:
    path = tmp_path / "index"
    build_index(story, path, keys=knowing())
    spoil(path, damage)
    with open_index(path) as opened, pytest.raises(StateError, match="the passage index is damaged"):
        opened.pointed_at(knowing(), "sister garden", 5)


def test_of_wide_keys_only_what_is_used_is_kept() -> None:
    wide = replace(knowing(), of=lambda ids: torch.zeros(len(ids), 8 * WIDTH))
    held = wide.narrow(torch.arange(100))  # (S, width)
    assert (held.shape, held.untyped_storage().nbytes()) == ((100, WIDTH), 100 * WIDTH * 4)


def test_first_keys_are_those_that_reading_keeps() -> None:
    model = load_model("demo")
    ids = torch.tensor(TOKENIZER.encode("They walked on along the shore."))  # (S)
    with torch.inference_mode():
        _, state = model(ids.unsqueeze(0), model.empty_state(), logits="none")
    kept = state.layers[0]["keys"][0].transpose(0, 1).flatten(1)  # (S, K * E)
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


def asked(source: Path, options: RetrievalOptions) -> None:
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
    for options in (RetrievalOptions(landmarks=True), RetrievalOptions("64")):
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
    asked(state, RetrievalOptions(landmarks=True))
    told = capsys.readouterr()
    assert told.out == "The magic number for quiet-harbor is: 30518.\n"
    assert "no landmarks are made: the document is not there as it was read" in told.err


def test_landmarks_that_cannot_be_made_cost_neither_read_nor_index(
    tale: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def no_room(*_: object) -> Tensor:
        raise torch.OutOfMemoryError("no room")

    monkeypatch.setattr(Decoder, "first_keys", no_room)
    state = tmp_path / "tale.state"
    read(Terminal(), [str(tale)], state, DEMO, landmarks=True)
    assert "the GPU's memory does not suffice for landmarks: no passage is recalled" in capsys.readouterr().err
    asked(state, RetrievalOptions())
    capsys.readouterr()
    asked(state, RetrievalOptions(sources=True, landmarks=True))
    told = capsys.readouterr()
    assert f'"{PLANTED}"' in told.out
    assert "suffice for landmarks: passages are found by their words alone" in told.err


def test_a_full_disk_leaves_the_index_that_was_there(
    tale: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "tale.state"
    read(Terminal(), [str(tale)], state, DEMO)
    before = index_path(state).read_bytes()

    def full(*_: object, **__: object) -> bool:
        raise DiskError("the disk is full", "free some space")

    monkeypatch.setattr(indexing, "build_index", full)
    capsys.readouterr()
    asked(state, RetrievalOptions(sources=True, landmarks=True))
    told = capsys.readouterr()
    assert f'"{PLANTED}"' in told.out
    assert "the disk is full: passages are found by their words alone" in told.err
    assert index_path(state).read_bytes() == before


def test_an_index_that_is_mended_keeps_its_landmarks(
    tale: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = tmp_path / "tale.state"
    read(Terminal(), [str(tale)], state, DEMO, landmarks=True)
    made = index_path(state).read_bytes()
    spoil(index_path(state), "no tensors")
    asked(state, RetrievalOptions("64"))
    assert "the passage index is damaged; it is made again" in capsys.readouterr().err
    assert index_path(state).read_bytes() == made


def test_answers_with_landmarks_are_others_than_those_without(
    tale: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions, answers = tmp_path / "questions.txt", tmp_path / "answers.jsonl"
    questions.write_text(f"{QUESTION}\n")
    for options in (
        RetrievalOptions("64"),
        RetrievalOptions("64", landmarks=True),
        RetrievalOptions("64", landmarks=True),
    ):
        ask_all(Terminal(), [str(tale)], str(questions), answers, DEMO, Sampling(max_new_tokens=40), options)
    written = [json.loads(line) for line in answers.read_text().splitlines()]
    assert [record["landmarks"] for record in written] == [False, True]


def test_landmarks_that_lead_nowhere_are_said(tale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for options, said in (
        (RetrievalOptions(landmarks=True), True),
        (RetrievalOptions("64", landmarks=True), False),
        (RetrievalOptions(), False),
    ):
        asked(tale, options)
        assert ("landmarks lead to none" in capsys.readouterr().err) == said


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
