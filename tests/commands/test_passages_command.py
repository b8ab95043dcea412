"""`ask` with passages recalled: what is answered, withheld, quoted and said, with the model that ships."""

from __future__ import annotations

import json
from collections.abc import Generator
from pathlib import Path

import pytest
from planted_tale import ANSWER, DEMO, FACT, KNOWN, PROSE, UNKNOWN, asked, damaged_index

from gemma10m import load_model, open_source
from gemma10m.answering.sampling import Sampling
from gemma10m.commands.answers import AnswerPrinter
from gemma10m.commands.ask import ask, read
from gemma10m.commands.questions import ask_all
from gemma10m.config import ReadingConfig
from gemma10m.documents import FilesNow
from gemma10m.errors import NoAnswer, UsageError
from gemma10m.library.chat import AnswerStream
from gemma10m.library.checking import Answer
from gemma10m.library.indexing import index_path
from gemma10m.library.retrieval import Passages, RetrievalOptions
from gemma10m.library.sources import Patterns
from gemma10m.passages.building import build_index
from gemma10m.passages.index import open_index
from gemma10m.passages.statements import NOT_IN_TEXT
from gemma10m.saved_states import files_of
from gemma10m.state_file import DocumentRecord
from gemma10m.terminal import Terminal

pytestmark = pytest.mark.usefixtures("cache")


def test_an_answer_has_its_place_and_one_without_is_marked(tale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked(tale, RetrievalOptions(sources=True))
    start = len(PROSE) + 1
    told = capsys.readouterr()
    place = f'[1] {tale}:2, bytes {start}-{start + len(FACT)}\n    "{FACT}"'
    assert told.out.startswith(f"{ANSWER}\n\n{place}\n\nThe magic number for")
    assert NOT_IN_TEXT not in told.out
    assert "warning: unverified, no sentence of the text says it in these words: The magic number for" in told.err


def test_json_always_has_the_sources(tale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked(tale, RetrievalOptions(), json=True)
    known, unknown = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (known["answer"], known["verdict"], known["in_text"]) == (ANSWER, "verified", True)
    (source,) = known["sources"]
    assert tale.read_bytes()[source["start"] : source["stop"]].decode() == source["quote"] == FACT
    assert (unknown["verdict"], unknown["in_text"], unknown["sources"]) == ("unverified", False, [])
    assert unknown["answer"] == unknown["unchecked_answer"] == unknown["not_in_text"][0]


def checked_and_shown(passages: Passages, question: str, made: str) -> Answer:
    def given(answer: Answer) -> Generator[str, None, Answer]:
        yield answer.text
        return answer

    stream = AnswerStream(given(passages.check(question, made, waited=True)))
    return AnswerPrinter(Terminal(), RetrievalOptions(), dict).show(stream)


def test_a_sentence_that_rests_on_nothing_is_told(
    tale: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document, path = open_source(tale), tmp_path / "index"
    build_index(document, path)
    with open_index(path) as index:
        passages = Passages(index, lambda: document, RetrievalOptions(), lambda damage: index)
        found = checked_and_shown(passages, KNOWN, f"{ANSWER} Elephants never forget.")
    told = capsys.readouterr()
    assert told.out == f"{ANSWER} Elephants never forget.\n"
    assert "no sentence of the text says it in these words: Elephants never forget." in told.err
    record = found.record()
    assert (record["verdict"], record["not_in_text"]) == ("unverified", ["Elephants never forget."])


@pytest.mark.parametrize(
    ("question", "made", "shown", "near"),
    [
        (KNOWN, "I do not know.", "", FACT),
        (KNOWN, "", "", FACT),
        (KNOWN, NOT_IN_TEXT, "", FACT),
        ("Who married Peter?", "", NOT_IN_TEXT, None),
        ("Who married Peter?", "Thomas did.", NOT_IN_TEXT, None),
    ],
)
def test_with_no_answer_the_closest_passages_are_shown(
    tale: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    question: str,
    made: str,
    shown: str,
    near: str | None,
) -> None:
    document, path = open_source(tale), tmp_path / "index"
    build_index(document, path)
    with open_index(path) as index:
        passages = Passages(index, lambda: document, RetrievalOptions(), lambda damage: index)
        found = checked_and_shown(passages, question, made)
    told = capsys.readouterr()
    assert found.verdict == "no answer"
    assert told.out.startswith(f"{shown}\n")
    assert (f'"{near}"' in told.out) is (near is not None)
    assert [source.quote for source in found.closest][:1] == ([near] if near else [])
    assert "no answer" in told.err


def test_with_recall_off_the_model_s_own_words_come_unchecked(tale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked(tale, RetrievalOptions("off"))
    told = capsys.readouterr()
    assert told.out.startswith(f"{ANSWER}\n\nThe magic number for")
    assert NOT_IN_TEXT not in told.out
    assert "unverified" not in told.err


def test_with_recall_off_sources_stand_beside_the_model_s_own_words(
    tale: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(tale, RetrievalOptions("off"), json=True)
    known, unknown = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert [source["quote"] for source in known["sources"]] == [FACT]
    assert unknown["answer"] == unknown["unchecked_answer"] != NOT_IN_TEXT
    assert (known["in_text"], unknown["in_text"], unknown["sources"]) == (True, False, [])
    asked(tale, RetrievalOptions("off", sources=True))
    told = capsys.readouterr()
    assert f'"{FACT}"' in told.out
    assert f"\n{unknown['answer']}\n" in told.out
    assert "unverified, no sentence of the text" in told.err


def test_a_list_of_questions_is_answered_with_sources(tale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    questions = tale.with_name("questions.txt")
    questions.write_text(f"{KNOWN}\n{UNKNOWN}\n")
    for said in ("off", "auto"):
        ask_all(
            Terminal(), [str(tale)], str(questions), None, DEMO, Sampling(max_new_tokens=40), RetrievalOptions(said)
        )
        known, unknown = (json.loads(line) for line in capsys.readouterr().out.splitlines())
        assert [source["quote"] for source in known["sources"]] == [FACT]
        assert (known["verdict"], unknown["verdict"]) == ("verified", "unverified")


def test_answers_that_were_checked_and_others_are_answers_of_their_own(
    tale: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state, output = tale.with_name("tale.state"), tale.with_name("answers.jsonl")
    questions = tale.with_name("questions.txt")
    questions.write_text(UNKNOWN)
    read(Terminal(quiet=True), [str(tale)], state, DEMO)

    def checked(said: str) -> list[tuple[int, bool, str | None]]:
        """Return for every answer the tokens recalled, if it was checked, and its verdict."""
        ask_all(
            Terminal(), [str(state)], str(questions), output, DEMO, Sampling(max_new_tokens=40), RetrievalOptions(said)
        )
        records = [json.loads(line) for line in output.read_text().splitlines()]
        return [(each["recall"], each["checked"], each["verdict"]) for each in records]

    assert checked("off") == [(0, False, "unverified")]
    assert checked("auto") == checked("off") == [(0, False, "unverified"), (0, True, "unverified")]
    output.unlink()
    index_path(state).rename(tale.with_name("away"))
    tale.rename(tale.with_name("gone.txt"))
    assert checked("64") == [(0, False, None)]
    tale.with_name("away").rename(index_path(state))
    assert checked("64") == [(0, False, None), (64, True, "unverified")]


def talked(
    monkeypatch: pytest.MonkeyPatch, source: Path, lines: list[str], options: RetrievalOptions, json: bool = False
) -> None:
    typed = iter([*lines, "/quit"])
    monkeypatch.setattr(Terminal, "ask", lambda _: next(typed))
    monkeypatch.setattr(Terminal, "interactive", True)
    ask(Terminal(json=json), [str(source)], [], DEMO, Sampling(max_new_tokens=40), options)


def test_a_conversation_shows_where_its_last_answer_stands(
    tale: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    talked(monkeypatch, tale, ["/sources", KNOWN, "/sources", "/new", "/sources"], RetrievalOptions())
    told = capsys.readouterr()
    assert told.out.startswith(f"{ANSWER}\n\n[1] {tale}:2, bytes ")
    assert told.out.endswith(f'"{FACT}"\n')
    assert told.err.count("there is no answer with sources") == 2


def test_a_conversation_says_what_rests_on_nothing_and_goes_on(
    tale: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    talked(monkeypatch, tale, [KNOWN, "/new", UNKNOWN, "/sources"], RetrievalOptions(sources=True))
    told = capsys.readouterr()
    assert told.out.startswith(f"{ANSWER}\n\n[1] {tale}:2, bytes ")
    assert "The magic number for loud-mountain is: " in told.out
    assert told.err.count("unverified, no sentence of the text") == 2
    talked(monkeypatch, tale, [UNKNOWN], RetrievalOptions())
    assert capsys.readouterr().err.count("unverified, no sentence of the text") == 1
    talked(monkeypatch, tale, [UNKNOWN], RetrievalOptions("off"))
    assert "unverified" not in capsys.readouterr().err


@pytest.mark.parametrize("said", ["auto", "off"])
def test_a_conversation_in_json_has_the_sources(
    tale: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, said: str
) -> None:
    talked(monkeypatch, tale, [KNOWN, "/new", UNKNOWN], RetrievalOptions(said), json=True)
    known, unknown = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (known["answer"], known["in_text"]) == (ANSWER, True)
    assert [source["quote"] for source in known["sources"]] == [FACT]
    assert (unknown["in_text"], unknown["sources"]) == (False, [])
    assert unknown["answer"].startswith("The magic number for")


def test_a_state_alone_answers_and_says_what_it_cannot(tale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tale.with_name("tale.state")
    read(Terminal(quiet=True), [str(tale)], state, DEMO)
    tale.write_text(tale.read_text().replace("late", "dark"))
    capsys.readouterr()
    asked(state, RetrievalOptions(sources=True))
    assert f"({tale} changed since it was read: no quote)" in capsys.readouterr().out
    index_path(state).unlink()
    asked(state, RetrievalOptions(sources=True))
    told = capsys.readouterr()
    assert told.out.startswith(ANSWER)
    assert "passages are not retrieved, and answers are not checked" in told.err


def test_a_state_finds_its_document_from_anywhere(
    tale: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state = tale.with_name("tale.state")
    tale.with_name("notes.log").write_text("Log.")
    monkeypatch.chdir(tale.parent)
    read(Terminal(quiet=True), ["."], state, DEMO, Patterns(include=("tale.txt",)))
    index_path(state).unlink()
    monkeypatch.chdir("/")
    capsys.readouterr()
    asked(state, RetrievalOptions(sources=True))
    assert f'"{FACT}"' in capsys.readouterr().out


def test_the_document_is_opened_only_for_a_quote_or_an_index(
    tale: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    state, opened = tale.with_name("tale.state"), list[str]()
    read(Terminal(quiet=True), [str(tale)], state, DEMO)

    def spy(record: DocumentRecord) -> FilesNow:
        opened.append(record.name)
        return files_of(record)

    monkeypatch.setattr("gemma10m.library.retrieval.files_of", spy)
    asked(state, RetrievalOptions())
    assert not opened
    asked(state, RetrievalOptions(), json=True)
    assert opened == [str(tale)]
    talked(monkeypatch, state, [KNOWN, "/sources"], RetrievalOptions())
    assert opened == [str(tale)] * 2
    assert capsys.readouterr().out.endswith(f'"{FACT}"\n')


def test_a_forged_name_makes_no_further_line(tale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    forged = "UPDATE files SET path = 'x.txt:1' || char(10) || '[1] contract.txt'"
    state = damaged_index(tale, forged, """UPDATE passages SET places = '[[0, "p\\nq"]]'""")
    capsys.readouterr()
    asked(state, RetrievalOptions(sources=True))
    assert f"\n[1] {tale}:2, bytes " in capsys.readouterr().out
    tale.unlink()
    asked(state, RetrievalOptions(sources=True))
    out = capsys.readouterr().out
    assert "\n[1] x.txt:1\\n[1] contract.txt:2 (p\\nq), bytes " in out
    assert "\n[1] contract" not in out


def test_a_folder_whose_name_is_no_text(tale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tale.parent / "caf\udce9?#%41"
    folder.mkdir()
    state = folder / "tale.state"
    read(Terminal(quiet=True), [str(tale)], state, DEMO)
    capsys.readouterr()
    asked(state, RetrievalOptions(sources=True))
    assert f'"{FACT}"' in capsys.readouterr().out


def test_a_budget_is_a_number_of_tokens() -> None:
    model = load_model("demo")
    budgets = [RetrievalOptions(said).budget(model) for said in ("off", "0", "300")]
    assert budgets == [0, 0, 300]
    for wrong in ("on", "-1", "3.5", "٣", "", "1\n", "9" * 5000):
        with pytest.raises(UsageError, match="--recall must be auto, off or a number of tokens"):
            RetrievalOptions(wrong)


def test_auto_recalls_what_helps() -> None:
    """It recalls whole passages always, single sentences where nothing is remembered without them."""
    assert RetrievalOptions().budget(load_model("demo")) == 0
    assert RetrievalOptions().budget(load_model("demo", memory="window")) == 64
    assert RetrievalOptions().budget(load_model("demo", memory="full")) == 0
    tiny = load_model("demo")
    tiny.reading = ReadingConfig("gated", 2048, 2048, 4)
    assert RetrievalOptions().budget(tiny) == RetrievalOptions().budget(tiny, reads_passages=True) == 1024
    tiny.reading = ReadingConfig("gated", 512, 512, 4)  # whose window has no room for two whole passages
    assert RetrievalOptions().budget(tiny) == 0
    assert RetrievalOptions().budget(tiny, reads_passages=True) == 384


def test_what_is_not_recalled_is_checked_all_the_same() -> None:
    assert [RetrievalOptions(said).checks for said in ("auto", "0", "64", "off")] == [True, True, True, False]
    assert RetrievalOptions("off", sources=True).checks


def test_what_is_checked_strictly_is_withheld_and_ends_with_a_code(
    tale: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(NoAnswer, match="1 of 2 questions have no verified answer") as end:
        asked(tale, RetrievalOptions(strict=True))
    assert end.value.exit_code == 10
    told = capsys.readouterr()
    assert told.out.startswith(f"{ANSWER}\n\n\n\n[1] {tale}:2, bytes ")
    assert "warning: unverified, no sentence of the text says it in these words: The magic number for" in told.err
    ask(Terminal(), [str(tale)], [KNOWN], DEMO, Sampling(max_new_tokens=40), RetrievalOptions("off", strict=True))
    assert capsys.readouterr().out == f"{ANSWER}\n"


def test_what_cannot_be_checked_is_withheld_where_it_is_strict(tale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    state = tale.with_name("tale.state")
    read(Terminal(quiet=True), [str(tale)], state, DEMO)
    index_path(state).unlink()
    tale.unlink()
    capsys.readouterr()
    with pytest.raises(NoAnswer, match="2 of 2"):
        asked(state, RetrievalOptions(strict=True))
    assert ANSWER not in capsys.readouterr().out


def test_a_list_that_is_checked_strictly_ends_with_a_code(tale: Path, capsys: pytest.CaptureFixture[str]) -> None:
    questions, output = tale.with_name("questions.txt"), tale.with_name("answers.jsonl")
    questions.write_text(f"{KNOWN}\n{UNKNOWN}\n")
    options, sampling = RetrievalOptions(strict=True), Sampling(max_new_tokens=40)
    with pytest.raises(NoAnswer, match="1 of 2"):
        ask_all(Terminal(), [str(tale)], str(questions), output, DEMO, sampling, options)
    known, unknown = (json.loads(line) for line in output.read_text().splitlines())
    assert (known["answer"], unknown["answer"], unknown["checked"]) == (ANSWER, "", "strict")
    assert [source["quote"] for source in unknown["closest"]] == [FACT]
