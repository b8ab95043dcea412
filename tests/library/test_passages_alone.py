"""An adapter that was trained to answer from passages: the document is indexed, and nothing of it is read before."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest
from readers import checkpoint, fed_ids
from tiny_adapters import write_tiny

from gemma10m import Library
from gemma10m.adapters.about import AboutAnswers
from gemma10m.answering.conversation import Conversation
from gemma10m.answering.sampling import Sampling
from gemma10m.errors import UsageError
from gemma10m.evaluation.given_passages import passages_with
from gemma10m.folders import indexes_folder
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.passages.index import PassageIndex
from gemma10m.passages.retrieve import Excerpt
from gemma10m.passages.statements import NOT_IN_TEXT, REFUSAL
from gemma10m.progress import ProgressView
from gemma10m.tokens import Tokenizer

pytestmark = pytest.mark.usefixtures("cache")
SHORT = Sampling(max_new_tokens=4)
KNOWN, UNKNOWN = "What must a single man be in want of?", "Where is Zanzibar?"


@pytest.fixture
def library(tmp_path: Path) -> Library:
    base = checkpoint(turns=False, gates=False)
    about = AboutAnswers(reads_passages=True)
    return Library(base, device="cpu", dtype="float32", adapter=write_tiny(tmp_path / "adapter", base, about))


def test_the_document_is_indexed_and_not_read(library: Library, book: Path, cache: Path) -> None:
    told: list[ProgressView] = []
    with library.open(book, progress=told.append) as reading:
        answer = reading.ask(KNOWN, SHORT)
        assert (reading.source.is_read, reading.source.tokens_read) == (False, 0)
    assert answer.made
    assert told == []
    assert list(cache.glob("*.safetensors")) == []
    assert len(list(indexes_folder().glob("*.passages"))) == 1


def test_no_tokens_of_passages_are_as_if_they_were_off(library: Library, book: Path) -> None:
    with library.open(book, retrieval=RetrievalOptions("0")) as reading:
        assert reading.source.is_read
        assert reading.ask(KNOWN, SHORT).made not in ("", REFUSAL)


def test_a_question_that_compares_leaves_the_conversation_as_it_was(
    library: Library, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with library.open(book) as reading:
        chat = reading.chat(SHORT)
        chat.ask(KNOWN)
        before = chat._conversation
        monkeypatch.setattr("gemma10m.library.chat.first_or_last", lambda question, read: ("Anne", ()))
        assert chat.ask("Who is older, Anne or Mary?").made == "Anne"
        assert chat._conversation is before
        assert before
        assert before.turns == 1


def test_each_question_is_answered_from_its_passages_alone(library: Library, book: Path) -> None:
    with library.open(book) as reading:
        chat = reading.chat(SHORT)
        assert chat.ask(KNOWN).made == chat.ask(KNOWN).made == reading.ask(KNOWN, SHORT).made


def test_a_question_that_refers_back_is_asked_and_searched_for_as_it_is_understood(
    library: Library, book: Path
) -> None:
    with library.open(book) as reading:
        chat, searched = reading.chat(SHORT), list[str]()
        choose = chat.passages.choose

        def look(index: PassageIndex, tokenizer: Tokenizer, question: str, *limits: int) -> list[Excerpt]:
            searched.append(question)
            return choose(index, tokenizer, question, *limits)

        chat.passages.choose = look
        chat.ask("What must Mr. Bennet be in want of?")
        with fed_ids(reading.reader.model) as fed:
            second = chat.ask("And his wife?")
        third = chat.ask("And Bingley?")
        chat.restart()
        assert chat.ask("And his wife?").understood_as == ""
        with pytest.raises(UsageError, match="the question is empty"):
            chat.ask(" ")
    understood = "What must Mr. Bennet's wife be in want of?"
    assert (second.question, second.understood_as) == ("And his wife?", understood)
    assert second.record()["understood_as"] == understood
    assert reading.reader.tokenizer.decode(fed).count(understood) == 1
    assert third.understood_as == "What must Bingley's wife be in want of?"
    assert searched[1:4] == [understood, third.understood_as, "And his wife?"]
    assert "understood_as" not in chat.answers[-1].record()


@pytest.mark.parametrize(("passages", "expected"), [(0, 2), (1, 1), (2, 2), (9, 2)])
def test_an_adapter_is_shown_as_many_passages_as_it_was_trained_with(
    passages: int, expected: int, tmp_path: Path
) -> None:
    """Two fit the model's window."""
    base = checkpoint(turns=False, gates=False)
    adapter = write_tiny(tmp_path / "adapter", base, AboutAnswers(reads_passages=True, passages=passages))
    towns = [f"# {town}\n\nThe harbour of town {town} has boats. {'It is old. ' * 40}" for town in range(9)]
    (tmp_path / "towns.md").write_text("\n\n".join(towns))
    with Library(base, device="cpu", dtype="float32", adapter=adapter).open(tmp_path / "towns.md") as reading:
        shown = reading.passages.retrieved(reading.reader, "Which harbour has boats?", reading.source.state)
    assert shown.count("The harbour of town") == expected


def test_which_of_two_was_first_is_answered_from_when_each_was(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = ["Ann Lee was born in 1967.", "Bob Ray was born in 1976.", "Joe Fox was a painter."]
    (tmp_path / "people.txt").write_text("\n\n".join(people))
    dates = {"When was Ann Lee born?": " 1967", "When was Bob Ray born?": " 1976", "When was Joe Fox born?": " 1955"}

    def given(*arguments: object) -> Generator[str, None, Conversation]:
        asked = str(arguments[3])
        yield dates.get(asked, " nobody")
        return Conversation(library.reader().model.empty_state())

    monkeypatch.setattr("gemma10m.library.chat.reply", given)
    with library.open(tmp_path / "people.txt") as reading:
        reading.passages.choose = passages_with(people)  # the tiny model's window holds a few words
        chat = reading.chat(SHORT)
        compared = chat.ask("Who is older, Ann Lee or Bob Ray?")
        quotes = [source.quote for source in chat.sources()]
        other = chat.ask("Who is older, Ann Lee or Joe Fox?")
    assert (compared.text, compared.verdict) == ("Ann Lee", "verified")
    assert quotes == [source.quote for source in compared.sources] == people[:2]
    assert compared.record()["parts"] == [
        {"question": "When was Ann Lee born?", "answer": "1967"},
        {"question": "When was Bob Ray born?", "answer": "1976"},
    ]
    assert (other.made, other.verdict, other.parts) == ("nobody", "unverified", ())


def test_a_question_without_a_passage_is_refused_without_the_model(
    library: Library, book: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with library.open(book) as reading:
        reader = reading.reader
        monkeypatch.setattr(reader.model, "hidden", lambda *_: pytest.fail("the model was run"))
        answer = reading.ask(UNKNOWN, SHORT)
        with pytest.raises(UsageError, match="empty"):
            reading.ask(" ", SHORT)
    assert (answer.made, answer.verdict, answer.text) == (REFUSAL, "no answer", NOT_IN_TEXT)


def test_it_is_read_where_passages_are_off_or_all_is_to_be_read(library: Library, book: Path, cache: Path) -> None:
    with library.open(book, retrieval=RetrievalOptions("off")) as reading:
        assert reading.source.is_read
    assert len(list(cache.glob("*.safetensors"))) == 1
    everything = Library(library.options.model, device="cpu", adapter=library.options.adapter, read_all=True)
    with everything.open(book) as reading:
        assert reading.source.tokens_read == reading.source.tokens_in_document > 0


def test_without_the_adapter_it_is_read(library: Library, book: Path) -> None:
    with Library(library.options.model, device="cpu", adapter="none").open(book) as reading:
        assert reading.source.is_read


def test_a_summary_of_the_state_reads_first(library: Library, book: Path) -> None:
    with library.open(book) as reading:
        assert reading.summarize(by="state", sampling=SHORT)
        assert reading.source.is_read


def test_an_index_that_find_made_is_used(library: Library, book: Path) -> None:
    assert library.find(book, words="truth")
    (index,) = indexes_folder().glob("*.passages")
    made = index.stat().st_mtime_ns
    with library.open(book) as reading:
        assert reading.ask(KNOWN, SHORT).made
    assert index.stat().st_mtime_ns == made
