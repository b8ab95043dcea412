"""A chat model gets an instruction how to answer from passages, and a document beyond its context is searched."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from readers import checkpoint, fed_ids

from gemma10m import Library, load_model, load_tokenizer
from gemma10m.answering.instruction import instructed
from gemma10m.answering.refusing import Refusing
from gemma10m.answering.sampling import Sampling
from gemma10m.commands.ask import read
from gemma10m.library import model_choice
from gemma10m.library.chat import refusing_of
from gemma10m.library.listening import Notices
from gemma10m.library.model_choice import ModelOptions, choose_model, load_chosen
from gemma10m.passages.statements import REFUSAL
from gemma10m.terminal import Terminal
from gemma10m.tokens.prompt import Prompt
from gemma10m.weights import packaged
from gemma10m.weights.packaged import PACKAGED

pytestmark = pytest.mark.usefixtures("cache")
SHORT = Sampling(max_new_tokens=4)
KNOWN = "What must a single man be in want of?"


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Return a chat model whose window has room for whole passages, unlike that of the other tests."""
    folder = shutil.copytree(checkpoint(gates=False), tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"segment_size": 1024}))
    return folder


def library(base: Path, read_all: bool = False) -> Library:
    return Library(base, device="cpu", dtype="float32", read_all=read_all)


@pytest.fixture
def long_book(book: Path) -> Path:
    """Return a text of more bytes than three for each token of the model's context."""
    book.write_text(f"{book.read_text()}\n\n{'The harbour has boats. ' * 1200}")
    return book


def test_a_question_is_put_behind_what_to_do_with_it() -> None:
    said = instructed("  Who is Anne? ")
    assert said.endswith("Question: Who is Anne?\nAnswer:")
    assert f'"{REFUSAL}"' in said


@pytest.mark.parametrize("read_all", [False, True])
def test_a_document_beyond_the_context_of_a_chat_model_is_searched(read_all: bool, base: Path, long_book: Path) -> None:
    with library(base, read_all).open(long_book) as reading:
        assert reading.source.is_read == read_all


@pytest.mark.parametrize("turns", [False, True])
def test_a_base_model_and_one_without_room_for_passages_read_it(turns: bool, long_book: Path) -> None:
    with library(checkpoint(turns=turns, gates=False)).open(long_book) as reading:
        assert not reading.reader.is_instructed
        assert reading.source.is_read


def test_a_loaded_model_is_asked_as_one_that_is_named(base: Path, book: Path, long_book: Path) -> None:
    given = Library(load_model(base, device="cpu", dtype="float32"), load_tokenizer(base))
    named, known = library(base).reader(), given.reader()
    assert (known.about, known.is_instructed) == (named.about, True)
    with given.open(long_book) as reading:
        assert not reading.source.is_read
    book.write_text("There is a harbour. " * 20)
    with given.open(book) as reading:
        assert reading.source.is_read


def test_the_demo_gets_no_instruction() -> None:
    assert not Library("demo", memory="window").reader().is_instructed


def test_a_document_within_the_context_is_read(base: Path, book: Path) -> None:
    with library(base).open(book) as reading:
        assert reading.source.is_read


def test_the_model_is_instructed_with_each_question_and_sees_those_before(base: Path, long_book: Path) -> None:
    with library(base).open(long_book) as reading:
        chat, tokenizer = reading.chat(SHORT), reading.reader.tokenizer
        with fed_ids(reading.reader.model) as first:
            chat.ask(KNOWN)
        with fed_ids(reading.reader.model) as second:
            chat.ask("Which harbour has boats?")
        alone = reading.ask("Which harbour has boats?", SHORT)
    opening = Prompt(tokenizer).opening()
    assert instructed(KNOWN) in tokenizer.decode(first)
    assert first[: len(opening)] == opening
    assert instructed("Which harbour has boats?") in tokenizer.decode(second)
    assert second[: len(opening)] != opening
    assert alone.made


def test_a_question_without_a_word_of_the_text_is_refused_unless_the_conversation_has_begun(
    base: Path, long_book: Path
) -> None:
    with library(base).open(long_book) as reading:
        chat = reading.chat(SHORT)
        assert chat.ask("Zanzibar?").made == REFUSAL
        chat.ask(KNOWN)
        with fed_ids(reading.reader.model) as fed:
            chat.ask("Why?")
    assert fed


def test_refusing_is_decided_by_the_odds_for_an_instructed_model(base: Path) -> None:
    reader = library(base).reader()
    assert reader.is_instructed
    assert refusing_of(reader, strict=False) == Refusing(Prompt(reader.tokenizer).answer(REFUSAL)[0], 0.0)
    assert refusing_of(replace(reader, is_instructed=False), strict=False) is None


def test_a_read_that_no_answer_needs_is_told_of(
    base: Path, long_book: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    short = tmp_path / "short.txt"
    short.write_text("There is a harbour. " * 20)
    for path, told in ((short, False), (long_book, True)):
        read(Terminal(), [str(path)], tmp_path / f"{path.stem}.state", ModelOptions(str(base), "cpu", "float32"))
        assert ("`gemma10m ask` searches the document" in capsys.readouterr().err) == told


def test_a_packaged_model_brings_how_it_answers(monkeypatch: pytest.MonkeyPatch, book: Path) -> None:
    listener, options = Notices(), ModelOptions(str(checkpoint(gates=False)), "cpu", "float32")
    chosen = choose_model(listener, options)
    assert not chosen.searches(book.stat().st_size)
    about = replace(PACKAGED["large"].about, base=chosen.checkpoint.fingerprint)
    monkeypatch.setattr(packaged, "PACKAGED", {"large": replace(PACKAGED["large"], about=about)})
    reader = load_chosen(listener, chosen, model_choice.choose_reading(listener, options, chosen, 0), read_all=False)
    assert reader.about == about
    assert chosen.searches(0)
    given = model_choice.given_reader(reader.model, reader.tokenizer, False, None)
    assert (given.about, given.is_instructed) == (about, reader.is_instructed)
    assert model_choice.given_searches(given, 0)


@pytest.mark.parametrize(
    ("installed", "default"), [((), None), (("small",), "small"), (("small", "large"), "large"), (("chat",), None)]
)
def test_the_largest_packaged_model_is_the_default(
    installed: tuple[str, ...], default: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_choice, "find_packaged", lambda name: PACKAGED[name] if name in installed else None)
    assert model_choice.installed_default() == default
