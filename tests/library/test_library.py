"""`Library` in a script: the same states, indexes and answers as the commands', and nothing is printed."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest
from readers import SENTENCE, TEXT, read_partly, reader

from gemma10m import Library, load_model, load_tokenizer
from gemma10m.answering.sampling import Sampling
from gemma10m.commands.ask import ask
from gemma10m.documents import open_source
from gemma10m.errors import Interrupted, UsageError
from gemma10m.library import Notices
from gemma10m.library.indexing import index_path
from gemma10m.library.model_choice import ModelOptions
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.progress import ProgressView
from gemma10m.saved_states import Reader
from gemma10m.terminal import Terminal

pytestmark = pytest.mark.usefixtures("cache")
PROSE = "They walked on along the shore, and it was late before they came home. " * 12
FACT = "One of the special magic numbers for quiet-harbor is: 30518."
KNOWN, UNKNOWN = (f"What is the special magic number for {name}?" for name in ("quiet-harbor", "loud-mountain"))
ANSWER = "The magic number for quiet-harbor is: 30518."
SHORT = Sampling(max_new_tokens=40)


@pytest.fixture
def tale(tmp_path: Path) -> Path:
    path = tmp_path / "tale.txt"
    path.write_text(f"{PROSE}\n{FACT} {PROSE}\n")
    return path


@pytest.fixture(scope="module")
def demo() -> Library:
    return Library("demo", device="cpu")


def test_a_question_has_an_answer_with_its_place(tale: Path, demo: Library) -> None:
    with demo.open(tale) as reading:
        answer = reading.ask(KNOWN, SHORT)
    assert (answer.text, answer.verdict, answer.truncated) == (ANSWER, "verified", False)
    (source,) = answer.sources
    assert (source.file, source.line, source.quote) == (str(tale), 2, FACT)


def test_what_no_passage_says_is_unverified_and_withheld_where_it_is_strict(tale: Path, demo: Library) -> None:
    with demo.open(tale) as reading:
        answer = reading.ask(UNKNOWN, SHORT)
    assert (answer.verdict, answer.withheld, answer.sources) == ("unverified", False, ())
    assert answer.text == answer.made == answer.unsupported[0]
    with demo.open(tale, retrieval=RetrievalOptions(sources=True, strict=True)) as reading:
        withheld, known = reading.ask(UNKNOWN, SHORT), reading.ask(KNOWN, SHORT)
        assert reading.chat(SHORT).ask(UNKNOWN).withheld
    assert (withheld.verdict, withheld.withheld, withheld.made) == ("unverified", True, answer.made)
    assert (withheld.text, withheld.closest[0].quote) == ("", FACT)
    assert (known.verdict, known.text, known.closest) == ("verified", ANSWER, ())


def test_the_command_and_the_script_share_their_state_and_their_answer(
    tale: Path, cache: Path, demo: Library, capsys: pytest.CaptureFixture[str]
) -> None:
    with demo.open(tale) as reading:
        mine = reading.ask(KNOWN, SHORT).record()
    files = {path.name: path.read_bytes() for path in cache.iterdir()}
    assert capsys.readouterr() == ("", "")
    ask(Terminal(json=True), [str(tale)], [KNOWN], ModelOptions("demo", "cpu"), SHORT, RetrievalOptions())
    theirs = json.loads(capsys.readouterr().out)
    assert theirs["tokens_read_now"] == 0
    assert {name: theirs[name] for name in mine} == mine
    assert {path.name: path.read_bytes() for path in cache.iterdir()} == files


def test_an_answer_streams_in_pieces(tale: Path, demo: Library) -> None:
    with demo.open(tale, retrieval=RetrievalOptions("off")) as reading:
        stream = reading.stream(KNOWN, SHORT)
        pieces = list(stream)
        assert "".join(pieces) == stream.whole.text == ANSWER
        assert len(pieces) > 3
        assert stream.wait() == stream.whole


def test_a_conversation_remembers_and_restarts(tale: Path, demo: Library) -> None:
    with demo.open(tale) as reading:
        chat = reading.chat(SHORT)
        first = chat.ask(KNOWN)
        assert first.text == ANSWER
        assert [source.quote for source in chat.sources()] == [FACT]
        chat.ask(UNKNOWN)
        assert [answer.question for answer in chat.answers] == [KNOWN, UNKNOWN]
        chat.restart()
        assert chat.ask(KNOWN) == first


def test_an_answer_that_is_cut_short_says_so(tale: Path, demo: Library) -> None:
    with demo.open(tale) as reading:
        assert reading.ask(KNOWN, Sampling(max_new_tokens=3)).truncated


def test_words_find_their_passages_with_places(tale: Path, demo: Library) -> None:
    with demo.open(tale) as reading:
        found = reading.find("quiet-harbor", limit=2)
        assert [(each.line, each.quote) for each in found] == [(2, FACT)]
        best = reading.find("walked home", limit=1)  # sentences of one passage
        assert best
        assert all("walked" in each.quote or "home" in each.quote for each in best)
        assert [each.quote for each in best] == [each.quote for each in demo.find(tale, words="walked home", limit=1)]
        assert reading.find("zebra") == []


def test_progress_goes_to_the_function_and_notices_to_the_lists(tale: Path) -> None:
    library, seen = Library("demo", device="cpu"), list[ProgressView]()
    library.open(tale, progress=seen.append).close()
    assert seen[-1].tokens_read == seen[-1].tokens_total > 0
    assert isinstance(library.listener, Notices)
    assert any(note.startswith("read ") for note in library.listener.notes)
    assert library.listener.warnings == []


def test_a_state_is_saved_and_opened_by_its_name(tale: Path, demo: Library) -> None:
    state = tale.with_name("tale.state")
    with demo.open(tale) as reading:
        reading.save(state)
        answer = reading.ask(KNOWN, SHORT)
    assert index_path(state).exists()
    with demo.open(state) as again:
        assert again.source.tokens_now == 0
        assert again.ask(KNOWN, SHORT) == answer
        with pytest.raises(UsageError, match="saved state already"):
            again.save(tale.with_name("other.state"))
        with pytest.raises(UsageError, match="holds no text"):
            again.summarize(by="sections")
    assert again.source.record == reading.source.record


def test_a_reading_sums_up_by_its_state_and_by_its_text(book: Path) -> None:
    tiny, short = reader(), Sampling(max_new_tokens=5)
    with Library(tiny.model, tiny.tokenizer).open(book) as reading:
        whole = {by: reading.summarize(20, by=by, sampling=short) for by in ("state", "sections", "refine")}
        assert all(whole.values())
        assert whole["state"] == reading.summarize(20, sampling=short)


def test_a_loaded_model_reads_on_where_a_read_stopped(book: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = reader("delta")
    path = tiny.state_path(open_source(book))
    read_partly(tiny, book, path)
    library = Library(tiny.model, tiny.tokenizer)
    with library.open(book) as reading:
        assert 0 < reading.source.tokens_now < reading.source.tokens_read
    assert isinstance(library.listener, Notices)
    assert any("resuming after 48 tokens" in note for note in library.listener.notes)
    book.write_text(TEXT + SENTENCE)
    monkeypatch.setattr(Reader, "save", stopping(Reader.save))
    with pytest.raises(Interrupted, match="the state is saved"):
        library.open(book)


def stopping(save: object) -> object:
    def save_and_signal(*arguments: object) -> None:
        assert callable(save)
        save(*arguments)
        signal.raise_signal(signal.SIGINT)

    return save_and_signal


def test_a_model_is_loaded_once_for_many_documents(tale: Path) -> None:
    library = Library("demo", device="cpu")
    other = tale.with_name("other.txt")
    other.write_text(PROSE)
    with library.open(tale) as first, library.open(other) as second:
        assert first.reader is second.reader


def test_a_model_and_its_tokenizer_go_together() -> None:
    model, tokenizer = load_model("demo"), load_tokenizer("demo")
    with pytest.raises(UsageError, match="needs its tokenizer"):
        Library(model)
    with pytest.raises(UsageError, match="needs its tokenizer"):
        Library("demo", tokenizer)


def test_what_is_no_source_or_setting_is_an_error_of_ours(tale: Path, demo: Library) -> None:
    for sources in ((), ([str(tale)],), (None,)):
        with pytest.raises(UsageError):
            demo.open(*sources)
        with pytest.raises(UsageError):
            demo.find(*sources, words="shore")
    with pytest.raises(UsageError, match="dtype must be"):
        Library("demo", dtype="float8")
    with pytest.raises(UsageError, match="--recall must be"):
        RetrievalOptions(recall="-5")
    with demo.open(tale) as reading:
        assert reading.chat().sources() == ()
        with pytest.raises(UsageError, match="not whole yet"):
            _ = reading.stream(KNOWN).whole


def test_the_state_of_another_document_is_not_overwritten(tale: Path, demo: Library) -> None:
    state, other = tale.with_name("a.state"), tale.with_name("other.txt")
    other.write_text("Another text.")
    with demo.read(demo.document([str(tale)]), state):
        pass
    with pytest.raises(UsageError, match=r"is the state of .*tale\.txt and would be overwritten"):
        demo.read(demo.document([str(other)]), state)
    tale.write_text("Its text has changed.")
    with demo.read(demo.document([str(tale)]), state) as reading:
        assert reading.source.tokens_now == reading.source.tokens_in_document
