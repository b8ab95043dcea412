"""`gemma10m eval qa`: a row a run, resumed where it was interrupted; bad input is one sentence."""

from __future__ import annotations

import json
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from planted_tale import ANSWER, DEMO, FACT, KNOWN, UNKNOWN
from typer.testing import CliRunner

from gemma10m import cli
from gemma10m.commands import qa_run as command
from gemma10m.commands.qa_run import QaOptions, measure_qa
from gemma10m.errors import DiskError, DocumentError, Gemma10MError, Interrupted, UsageError
from gemma10m.library.reading import Reading
from gemma10m.terminal import Terminal

pytestmark = pytest.mark.usefixtures("cache")
QUESTIONS: list[dict[str, Any]] = [
    {"question": KNOWN, "answers": ["40117", ANSWER], "sources": [FACT]},
    {"question": UNKNOWN, "answers": [], "sources": ["One of the special magic numbers for loud-mountain is: 1."]},
    {"question": "Where did they walk?", "answers": ["along the shore"]},
]


@pytest.fixture
def wanted(tale: Path) -> QaOptions:
    asked = tale.with_name("asked.jsonl")
    asked.write_text("".join(json.dumps(line) + "\n" for line in QUESTIONS))
    return QaOptions(asked, tale, recall="64", results=tale.with_name("rows") / "results.jsonl")


def run(wanted: QaOptions, json: bool = False, **options: Any) -> None:
    measure_qa(Terminal(json=json), replace(DEMO, **options), wanted, "gemma10m eval qa")


def lines_in(path: Path | None) -> list[dict[str, Any]]:
    assert path is not None
    return [json.loads(line) for line in path.read_text().splitlines()]


def details(wanted: QaOptions, name: str, **options: Any) -> list[dict[str, Any]]:
    assert wanted.data
    wanted = replace(wanted, details=wanted.data.with_name(name))
    run(wanted, **options)
    return lines_in(wanted.details)


def questions_asked(monkeypatch: pytest.MonkeyPatch, stop_after: int = 0) -> list[str]:
    """Return a list that gets the questions; raise a signal in one of them."""
    asked: list[str] = []
    ask = Reading.ask

    def spy(reading: Reading, question: str) -> Any:
        asked.append(question)
        if len(asked) == stop_after:
            signal.raise_signal(signal.SIGINT)
        return ask(reading, question)

    monkeypatch.setattr(Reading, "ask", spy)
    return asked


def test_a_run_is_a_row_and_a_table(wanted: QaOptions, capsys: pytest.CaptureFixture[str]) -> None:
    first, second, third = details(wanted, "details.jsonl")
    assert (first["question"], first["answers"], first["said"]) == (KNOWN, ["40117", ANSWER], ANSWER)
    assert (first["verdict"], first["exact"], first["f1"], first["source_found"]) == ("verified", 1.0, 1.0, True)
    assert (second["source_found"], third["source_found"], second["contains"]) == (False, None, None)
    (row,) = lines_in(wanted.results)
    assert (row["kind"], row["task"], row["model"], row["memory"], row["recall"]) == ("qa", "qa", "demo", "gated", 64)
    assert row["all"]["n"] == 3
    assert row["answerable"]["verified_right"] >= 1
    assert row["all"]["source_found"] == 1 / 2
    assert row["false_answers"] == float(second["answered"])
    assert row["seconds_per_question"] == pytest.approx(sum(one["seconds"] for one in (first, second, third)) / 3)
    assert row["tokens"] == row["tokens_read"] > 400
    assert {"commit", "machine", "versions", "when"} <= row.keys()
    captured = capsys.readouterr()
    assert [line.split("  ")[0] for line in captured.out.splitlines()[:4]] == [
        "questions", "all", "answerable", "unanswerable"
    ]  # fmt: skip
    assert "asking: 3 / 3 questions, 100%, 0s left" in captured.err


def test_the_document_is_read_once_and_each_run_asks_again(
    wanted: QaOptions, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = questions_asked(monkeypatch)
    run(wanted)
    assert "read " in capsys.readouterr().err
    run(replace(wanted, n=2), json=True)
    captured = capsys.readouterr()
    assert "tokens in" not in captured.err
    assert [line["question"] for line in QUESTIONS] + [KNOWN, UNKNOWN] == asked
    shown, (_, row) = json.loads(captured.out), lines_in(wanted.results)
    assert row.items() >= shown.items()
    assert row["all"]["n"] == 2


def test_passages_are_retrieved_given_or_left_out(wanted: QaOptions) -> None:
    retrieved = details(wanted, "retrieved.jsonl")[0]
    given = details(replace(wanted, given=True), "given.jsonl")
    off = details(replace(wanted, recall="off"), "off.jsonl")
    window = details(replace(wanted, recall="off"), "window.jsonl", memory="window")
    assert retrieved["passages"] >= 1
    assert [one["passages"] for one in given] == [1, 0, 0]
    assert given[0]["source_found"]
    assert [(one["passages"], one["source_found"]) for one in off] == [(0, False), (0, False), (0, None)]
    assert off[0]["verdict"] == "verified"  # the demo's memory has it, and the index says so
    assert window[0]["exact"] == 0.0
    rows = [(row["recall"], row["given"], row["memory"]) for row in lines_in(wanted.results)]
    assert rows == [(64, False, "gated"), (64, True, "gated"), (0, False, "gated"), (0, False, "window")]


def test_an_interrupted_run_resumes(wanted: QaOptions, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    wanted = replace(wanted, details=tmp_path / "details.jsonl")
    assert wanted.results
    with monkeypatch.context() as patch:
        questions_asked(patch, stop_after=2)
        with pytest.raises(Interrupted, match="stopped after 2 of 3 questions, which are kept") as stopped:
            run(wanted)
    assert (stopped.value.exit_code, stopped.value.hint) == (130, "run the same command again to resume")
    (partial,) = wanted.results.parent.glob("*.partial.jsonl")
    partial.write_text(partial.read_text() + '{"said": "cut o')
    with monkeypatch.context() as patch:
        asked = questions_asked(patch)
        run(wanted)
    assert asked == [QUESTIONS[2]["question"]]
    assert [line["question"] for line in lines_in(wanted.details)] == [line["question"] for line in QUESTIONS]
    assert lines_in(wanted.results)[0]["all"]["n"] == 3
    assert not partial.exists()


def test_a_signal_in_the_last_question_loses_nothing(wanted: QaOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    questions_asked(monkeypatch, stop_after=3)
    run(wanted)
    assert len(lines_in(wanted.results)) == 1


def test_what_an_interrupted_run_kept_is_checked(wanted: QaOptions, monkeypatch: pytest.MonkeyPatch) -> None:
    assert wanted.results
    with monkeypatch.context() as patch:
        questions_asked(patch, stop_after=1)
        with pytest.raises(Interrupted):
            run(wanted)
    (partial,) = wanted.results.parent.glob("*.partial.jsonl")
    line = partial.read_text()
    for damaged in (line.replace("verified", "sure"), line * 4):
        partial.write_text(damaged)
        with pytest.raises(UsageError, match="is not what an unfinished measurement leaves"):
            run(wanted)


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"questions": None}, UsageError, "qa asks questions about a document"),
        ({"data": None}, UsageError, "qa asks questions about a document"),
        ({"questions": Path("none.jsonl")}, UsageError, "none.jsonl cannot be read"),
        ({"data": Path("none.txt")}, DocumentError, "none.txt"),
        ({"n": 0}, UsageError, "-n must be 1 or more, found 0"),
        ({"recall": "some"}, UsageError, "--recall must be auto, off or a number of tokens, found 'some'"),
        ({"recall": "off", "given": True}, UsageError, "--given gives passages, and --recall off gives none"),
        ({"recall": "auto", "given": True}, UsageError, "demo reads no passages with --recall auto"),
        ({"results": Path("/dev/null/rows.jsonl")}, Gemma10MError, "/dev/null/rows.jsonl"),
        ({"details": Path("/dev/null/details.jsonl")}, DiskError, "/dev/null/details.jsonl cannot be written"),
    ],
)
def test_bad_input_is_one_sentence(
    wanted: QaOptions,
    monkeypatch: pytest.MonkeyPatch,
    change: dict[str, Any],
    error: type[Gemma10MError],
    sentence: str,
) -> None:
    asked = questions_asked(monkeypatch)
    with pytest.raises(error, match=sentence):
        run(replace(wanted, **change))
    assert asked == []


def test_a_file_with_something_in_it_is_not_overwritten(wanted: QaOptions) -> None:
    assert wanted.questions
    before = wanted.questions.read_bytes()
    with pytest.raises(UsageError, match="has something in it"):
        run(replace(wanted, details=wanted.questions))
    assert wanted.questions.read_bytes() == before


def test_the_command_line_reaches_the_task(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(
        command, "measure_qa", lambda _terminal, options, wanted, _words: seen.extend([options, wanted])
    )
    words = "eval qa --questions q.jsonl --data d.md -m x -n 7 --recall 300 --given --results r.jsonl --details d.jsonl"
    assert CliRunner().invoke(cli.app, words.split()).exit_code == 0
    assert seen[0].model == "x"
    assert seen[1] == QaOptions(
        Path("q.jsonl"), Path("d.md"), 7, "300", given=True, results=Path("r.jsonl"), details=Path("d.jsonl")
    )
    CliRunner().invoke(cli.app, "eval qa --questions q.jsonl --data d.md".split())
    assert seen[3] == QaOptions(Path("q.jsonl"), Path("d.md"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("qa --length 32K", "--length is not for qa"),
        ("qa --no-controls", "--no-controls is not for qa"),
        ("qa needle --length 32K", "qa is measured by itself"),
        ("needle --length 32K --given", "--given is not for another task than qa"),
        ("needle --data book.txt", "no length was given"),
        ("needle --length 32K --recall 64 --data book.txt", "--recall must be auto or off, found '64'"),
    ],
)
def test_options_of_other_tasks_are_refused(words: str, sentence: str, tale: Path) -> None:
    words = words.replace("book.txt", str(tale))
    result = CliRunner().invoke(cli.app, ["eval", *words.split()])
    assert result.exit_code == 2
    assert sentence in result.stderr
