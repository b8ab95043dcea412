"""`read -o`, states as sources, and `ask`, in this process: what is computed, shown and refused."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from checkpoints import tiny_gemma
from readers import (
    SEGMENT,
    SENTENCE,
    TEXT,
    checkpoint,
    document_ids,
    flip_a_byte,
    opening,
    read_all,
    read_book,
    read_partly,
    reader,
)
from states import same_bits
from tokenizer_fixtures import train_sentencepiece

from gemma10m import open_source
from gemma10m.answering.sampling import Sampling
from gemma10m.commands.ask import ask, read
from gemma10m.errors import ModelError, StateError, UsageError
from gemma10m.library.indexing import index_path
from gemma10m.library.library import Library
from gemma10m.library.model_choice import ModelOptions, load_reader
from gemma10m.library.read_source import open_state
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.library.state_model import as_saved
from gemma10m.sanitise import sanitise
from gemma10m.state_file import read_header
from gemma10m.terminal import Terminal

UNCHECKED = RetrievalOptions("off")
pytestmark = pytest.mark.usefixtures("cache")


def test_a_state_goes_where_the_user_wants_it(book: Path, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, options = book.with_name("my.state"), ModelOptions(model=str(checkpoint()), device="cpu")
    read(Terminal(), [str(book)], path, options)
    assert capsys.readouterr().out == f"{path}\n"
    assert read_header(path).complete
    assert not cache.exists()
    read(Terminal(json=True), [str(book)], None, options)
    record = json.loads(capsys.readouterr().out)
    assert {path.name for path in cache.iterdir()} == {
        Path(record["state"]).name,
        index_path(Path(record["state"])).name,
    }
    assert index_path(path).read_bytes() == index_path(Path(record["state"])).read_bytes()
    assert record["tokens_read"] == record["tokens_in_document"]


def test_only_a_state_is_ever_overwritten(book: Path) -> None:
    with pytest.raises(UsageError, match="not a saved state"):
        read(Terminal(), [str(book)], book, ModelOptions(model=str(checkpoint()), device="cpu"))
    assert book.read_text() == TEXT


def test_a_cached_state_is_copied_where_the_user_wants_it(book: Path) -> None:
    tiny = reader()
    source, _ = read_book(tiny, book)
    path = book.with_name("my.state")
    assert read_book(tiny, book, path)[1] == []
    assert same_bits(tiny.load(path)[0].state, source.state)


def test_an_unfinished_state_of_the_users_is_gone_on_from(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny, path = reader("delta"), book.with_name("my.state")
    read_partly(tiny, book, path)
    source, fed = read_book(tiny, book, path)
    assert fed == document_ids(tiny, TEXT)[3 * SEGMENT :]
    assert "resuming after 48 tokens" in capsys.readouterr().err
    assert tiny.load(path)[1].complete
    assert source.complete


def test_the_users_state_of_a_file_that_has_grown_is_read_on_from(book: Path) -> None:
    tiny, path = reader("delta"), book.with_name("my.state")
    old, _ = read_book(tiny, book, path)
    book.write_text(TEXT + SENTENCE)
    source, fed = read_book(tiny, book, path)
    assert fed == document_ids(tiny, TEXT + SENTENCE)[old.state.position :]
    assert tiny.load(path)[1].document == source.record


def test_a_damaged_state_of_the_users_is_named_and_replaced(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny, path = reader(), book.with_name("my.state")
    read_book(tiny, book, path)
    flip_a_byte(path)
    capsys.readouterr()
    assert read_book(tiny, book, path)[1] == document_ids(tiny, TEXT)
    assert f"warning: {path}" in capsys.readouterr().err
    assert tiny.load(path)[1].complete


def test_a_state_can_be_the_source(book: Path) -> None:
    path, options = book.with_name("my.state"), ModelOptions(model=str(checkpoint()), device="cpu")
    tiny = reader()
    source, _ = read_book(tiny, book, path)
    book.unlink()
    opened = Library(**vars(options)).open(path).source
    assert same_bits(opened.state, source.state)
    assert (opened.tokens_read, opened.tokens_in_document) == (source.tokens_read, source.tokens_in_document)
    with pytest.raises(StateError, match="memory gated, expected linear"):
        Library(**vars(replace(options, memory="linear"))).open(path)
    with pytest.raises(StateError, match="model"):
        Library(**vars(replace(options, model=str(checkpoint(seed=1))))).open(path)


def test_an_unfinished_state_as_the_source_is_said_to_be_one(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny, path = reader(), book.with_name("my.state")
    read_partly(tiny, book, path)
    source = open_state(Terminal(), tiny, path)
    read_tokens = 3 * SEGMENT - len(opening(tiny))
    assert capsys.readouterr().err == f"warning: {path} is an unfinished read: {read_tokens} tokens of {book}\n"
    assert (source.complete, source.tokens_read) == (False, read_tokens)


def asked(
    book: Path, questions: list[str], capsys: pytest.CaptureFixture[str], json: bool = False, **settings: Any
) -> str:
    """Return what reaches stdout."""
    options = ModelOptions(model=str(checkpoint()), device="cpu")
    capsys.readouterr()
    ask(Terminal(json=json), [str(book)], questions, options, Sampling(max_new_tokens=9, **settings), UNCHECKED)
    return capsys.readouterr().out


def test_each_question_gets_an_object_in_json(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tiny = reader()
    book.parent.joinpath("cover.png").write_bytes(b"\x89PNG\x00")
    questions = ["Who is Anne?", "汉字?"]
    plain = asked(book.parent, questions, capsys)
    records = [json.loads(line) for line in asked(book.parent, questions, capsys, json=True).splitlines()]
    document = open_source(book.parent)
    assert [record["question"] for record in records] == questions
    for record in records:
        assert record["tokens_read"] == record["tokens_in_document"]
        assert (record["document"], record["fingerprint"]) == (document.name, document.fingerprint)
        assert record["files_in_document"] == len(document.files)
        assert record["files_skipped"] == len(document.skipped) > 0
        assert record["bytes_in_document"] == document.nbytes
        assert (record["complete"], record["tokens_read_now"], record["tokens_per_second"]) == (True, 0, None)
        assert (record["model"], record["memory"]) == (str(checkpoint()), "gated")
        assert record["state_bytes"] == read_all(tiny, document)[-1].bookmark.state.nbytes
        assert 10**7 < record["peak_memory_bytes"] < 10**11
        assert record["seconds"] == 0.0
        assert record["seconds_ever"] > 0
    assert sanitise("\n\n".join(record["answer"] for record in records) + "\n") == plain


def test_an_answer_does_not_list_the_files_and_a_read_does(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number}.txt").write_text(f"{number}")
    (folder / "cover.png").write_bytes(b"\x89PNG\x00")
    assert len(asked(folder, ["Who?"], capsys, json=True)) < 2000
    read(Terminal(json=True), [str(folder)], None, ModelOptions(model=str(checkpoint()), device="cpu"))
    record, document = json.loads(capsys.readouterr().out), open_source(folder)
    assert [(file["path"], file["sha256"]) for file in record["files"]] == [
        (str(folder / file.path), file.sha256) for file in document.files
    ]
    assert record["tokens_in_document"] == sum(file["tokens"] for file in record["files"])
    (skipped,) = record["skipped"]
    assert skipped["path"] == str(folder / "cover.png")
    assert "binary" in skipped["reason"]


def test_the_first_run_says_how_fast_it_read(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    record = json.loads(asked(book, ["Who?"], capsys, json=True))
    total = len(reader().tokenizer.encode(TEXT))
    assert record["tokens_read"] == record["tokens_in_document"] == total
    assert record["tokens_read_now"] == total
    assert record["seconds"] > 0
    assert record["tokens_per_second"] == pytest.approx(record["tokens_read_now"] / record["seconds"])


def test_questions_come_one_a_line_from_standard_input(
    book: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = asked(book, ["Who is Anne?", "What?"], capsys)
    monkeypatch.setattr("sys.stdin", io.StringIO("Who is Anne?\n\n  What?  "))
    assert asked(book, [], capsys) == expected


@pytest.mark.parametrize("piped", ["", "\n \n"])
def test_what_nobody_asks_about_is_not_read(
    book: Path, cache: Path, piped: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(piped))
    with pytest.raises(UsageError, match="no question was asked") as refused:
        asked(book, [], capsys)
    assert refused.value.hint
    assert not cache.exists()


def test_a_tokenizer_larger_than_the_models_vocabulary_is_refused(tmp_path: Path) -> None:
    tiny_gemma(tmp_path, vocabulary=1000)
    train_sentencepiece(tmp_path)
    with pytest.raises(ModelError, match=r"1024.*1000"):
        load_reader(Terminal(), ModelOptions(model=str(tmp_path), device="cpu"))


def test_standard_input_is_not_both_document_and_questions() -> None:
    with pytest.raises(UsageError, match="standard input"):
        ask(Terminal(), ["-"], [], ModelOptions(model=str(checkpoint())), Sampling(), UNCHECKED)


def test_a_saved_state_is_asked_as_it_was_read_unless_the_user_says(book: Path) -> None:
    tiny, path = reader(), book.with_name("my.state")
    read_book(tiny, book, path)
    header, said = read_header(path), ModelOptions(model="x", dtype="bfloat16", carry=2048)
    found = as_saved(ModelOptions(model="x"), path, header)
    assert found == ModelOptions(model="x", dtype="float32", memory="gated", carry=SEGMENT, sinks=4, kv="float")
    assert as_saved(said, path, header) == replace(said, kv="float")


def test_a_saved_state_is_asked_with_its_format_of_keys_and_values(book: Path) -> None:
    state, options = book.with_name("int4.state"), ModelOptions(str(checkpoint()), "cpu", kv="int4")
    read(Terminal(quiet=True), [str(book)], state, options)
    header = read_header(state)
    assert header.reading.kv == "int4"
    assert as_saved(replace(options, kv=None), state, header).kv == "int4"
    with Library(checkpoint(), device="cpu").open(state) as reading:
        assert reading.reader.model.reading.kv == "int4"
    with pytest.raises(StateError, match="was read with kv int4, expected int8"):
        Library(checkpoint(), device="cpu", kv="int8").open(state)


def test_a_saved_state_of_another_model_than_the_named_one_is_refused(book: Path) -> None:
    state = book.with_name("demo.state")
    read(Terminal(quiet=True), [str(book)], state, ModelOptions("demo", "cpu"))
    with pytest.raises(StateError, match=rf"demo\.state was read by the model demo, not by {checkpoint()}"):
        Library(checkpoint(), device="cpu").open(state)


def test_a_saved_state_brings_its_model(book: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The header's fingerprint finds it among the models that are known; a path that the header names never does."""
    state, tiny_state = book.with_name("demo.state"), book.with_name("tiny.state")
    read(Terminal(quiet=True), [str(book)], state, ModelOptions("demo", "cpu", carry=128))
    read(Terminal(quiet=True), [str(book)], tiny_state, ModelOptions(str(checkpoint()), "cpu"))
    with Library(device="cpu").open(state) as reading:
        assert (reading.reader.model.name, reading.reader.model.reading.carry) == ("demo", 128)
    with pytest.raises(ModelError, match=rf"was read by the model {checkpoint()}.*none of demo") as refused:
        Library(device="cpu").open(tiny_state)
    assert "--model" in refused.value.hint
    monkeypatch.setenv("GEMMA10M_MODEL", str(checkpoint()))
    with Library(device="cpu").open(tiny_state) as reading:
        assert reading.reader.model.name == str(checkpoint())
