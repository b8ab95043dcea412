"""A model without a memory reads the end of a document alone, and its state is that of the whole, bit for bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from official_models import official_model, save
from readers import SEGMENT, SENTENCE, checkpoint, document, document_ids, fed_ids, read_all, read_tail, stretch_of
from states import same_bits
from tokenizer_fixtures import train_sentencepiece

from gemma10m.saved_states import Reader, find_bookmark
from gemma10m.tokens import load_tokenizer
from gemma10m.weights.loading import load_model

ARCHITECTURES = ["gemma", "gemma2", "gemma3_text", "llama", "qwen2", "qwen3"]
LONG = SENTENCE * 60  # more than every window of every layer together


@pytest.fixture(scope="module")
def tokenizer_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizer")
    train_sentencepiece(folder, turns=False)
    return folder


def tail_reader(folder: Path, name: str, tokenizer: Path, carry: int, sinks: int) -> Reader:
    save(official_model(name, vocab_size=1040), folder)
    model = load_model(folder, memory="window", segment=SEGMENT, carry=carry, sinks=sinks)
    return Reader(model, load_tokenizer(tokenizer))


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize(("carry", "sinks"), [(0, 0), (SEGMENT, 3)])
@pytest.mark.parametrize("more", ["", " and", " and then the sea"])
def test_the_state_is_that_of_the_whole_document(
    tmp_path: Path, tokenizer_folder: Path, name: str, carry: int, sinks: int, more: str
) -> None:
    tiny = tail_reader(tmp_path, name, tokenizer_folder, carry, sinks)
    text = LONG + more
    with stretch_of(2 * SEGMENT):
        whole = read_all(tiny, document(text))[-1]
        with fed_ids(tiny.model) as fed:
            tail = read_tail(tiny, document(text))[-1]
    ids = document_ids(tiny, text)
    assert same_bits(tail.bookmark.state, whole.bookmark.state)
    assert len(fed) + tail.skipped == len(ids)
    assert tail.skipped > len(ids) // 4
    assert fed == ids[: 2 * SEGMENT] + ids[len(ids) - len(fed) + 2 * SEGMENT :]
    for field in ("ids_sha256", "open_ids", "file_tokens", "complete"):
        assert getattr(tail.bookmark, field) == getattr(whole.bookmark, field)
    assert (tail.bookmark.skipped, whole.bookmark.skipped) == (tail.skipped, 0)


def test_one_stretch_fewer_would_show(tmp_path: Path, tokenizer_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The read is not far longer than what matters: without its first stretch the state is another one."""
    tiny = tail_reader(tmp_path, "llama", tokenizer_folder, SEGMENT, 3)
    with stretch_of(SEGMENT):
        whole = read_all(tiny, document(LONG))[-1].bookmark.state
        needed = type(tiny.model).first_needed
        monkeypatch.setattr(type(tiny.model), "first_needed", lambda self, position: needed(self, position) + SEGMENT)
        short = read_tail(tiny, document(LONG))[-1].bookmark.state
    assert not same_bits(short, whole)


def test_a_short_document_is_read_as_a_whole(tmp_path: Path, tokenizer_folder: Path) -> None:
    tiny = tail_reader(tmp_path, "gemma3_text", tokenizer_folder, SEGMENT, 3)
    with fed_ids(tiny.model) as fed:
        steps = read_tail(tiny, document(SENTENCE * 2))
    assert fed == document_ids(tiny, SENTENCE * 2)
    assert steps[-1].skipped == steps[-1].progress.tokens_skipped == 0


@pytest.mark.parametrize("kind", ["linear", "delta", "gated", "full"])
def test_a_model_that_remembers_reads_everything(kind: str) -> None:
    folder = checkpoint()
    window = {"carry": 0, "sinks": 0} if kind == "full" else {"carry": SEGMENT, "sinks": 4}
    tiny = Reader(load_model(folder, memory=kind, segment=SEGMENT, **window), load_tokenizer(folder))
    with fed_ids(tiny.model) as fed:
        read_tail(tiny, document(LONG))
    assert fed == document_ids(tiny, LONG)


def test_a_read_that_was_stopped_in_the_tail_goes_on_there(tmp_path: Path, tokenizer_folder: Path) -> None:
    tiny = tail_reader(tmp_path, "gemma3_text", tokenizer_folder, SEGMENT, 3)
    with stretch_of(2 * SEGMENT):
        expected = read_all(tiny, document(LONG + "and more"))[-1].bookmark
        steps = read_tail(tiny, document(LONG))
        assert len(steps) > 3
        for step in steps[:-1]:
            resumed = read_tail(tiny, document(LONG + "and more"), step.bookmark)[-1].bookmark
            assert same_bits(resumed.state, expected.state)
            assert resumed.ids_sha256 == expected.ids_sha256


def test_progress_counts_what_is_passed_over(tmp_path: Path, tokenizer_folder: Path) -> None:
    tiny = tail_reader(tmp_path, "gemma", tokenizer_folder, 0, 0)
    with stretch_of(2 * SEGMENT):
        steps = read_tail(tiny, document(LONG))
    total = len(tiny.tokenizer.encode(LONG))
    read = [step.progress.tokens_read for step in steps]
    assert read == sorted(read)
    assert (read[-1], steps[-1].progress.tokens_total) == (total, total)
    assert steps[-1].progress.tokens_skipped == steps[-1].skipped > 0
    assert steps[-1].tokens_read_now == len(document_ids(tiny, LONG)) - steps[-1].skipped


@pytest.mark.usefixtures("cache")
def test_to_read_all_is_not_to_resume_where_some_was_passed_over(tmp_path: Path, tokenizer_folder: Path) -> None:
    tiny = tail_reader(tmp_path, "gemma3_text", tokenizer_folder, SEGMENT, 3)
    book = document(LONG)
    with stretch_of(SEGMENT):
        tail = read_tail(tiny, book)[-1].bookmark
    tiny.save(tiny.state_path(book), tail, book)
    found = find_bookmark(tiny, book, None, print)
    assert found
    assert found.skipped == tail.skipped > 0
    assert find_bookmark(replace(tiny, read_all=True), book, None, print) is None
