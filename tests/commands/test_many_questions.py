"""`ask --questions`: one read, an answer a line, going on where an earlier run stopped, nobody's file overwritten."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from readers import TEXT, checkpoint, document_ids, fed_ids, reader
from terminal_runs import clean_environment

from gemma10m import Sampling
from gemma10m.commands import questions as command
from gemma10m.commands.answers_file import add_answer, answers_in
from gemma10m.commands.ask import ask
from gemma10m.commands.questions import ask_all, read_questions, refuse_mixed
from gemma10m.errors import DiskError, NoAnswer, UsageError
from gemma10m.library import chat
from gemma10m.library.library import Library
from gemma10m.library.model_choice import ModelOptions
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.terminal import Terminal

pytestmark = pytest.mark.usefixtures("cache")
UNCHECKED = RetrievalOptions("off")
OPTIONS = ModelOptions(model=str(checkpoint()), device="cpu")
QUESTIONS = ["Who is Anne?", "What is the number?", "汉字 é?", "Where \x1b[2J is it?"]


def question_file(folder: Path, *lines: str, name: str = "questions.txt") -> str:
    path = folder / name
    path.write_text("\n".join(lines))
    return str(path)


def run(
    book: Path, file: str, output: Path | None, sampling: Sampling | None = None, options: ModelOptions = OPTIONS
) -> None:
    ask_all(Terminal(), [str(book)], file, output, options, sampling or Sampling(max_new_tokens=9), UNCHECKED)


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the questions that a model was asked, in order."""
    asked: list[str] = []
    reply = chat.reply

    def spy(*arguments: Any) -> Any:
        asked.append(arguments[3])
        return reply(*arguments)

    monkeypatch.setattr(chat, "reply", spy)
    return asked


def test_a_question_that_is_too_long_is_refused_before_the_read(
    book: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = question_file(book.parent, QUESTIONS[0], "", "x" * 100_000)
    with pytest.raises(UsageError, match=r"questions\.txt, line 3, cannot be asked: the question has 100,000 char"):
        run(book, file, None)
    monkeypatch.setattr("sys.stdin", io.StringIO("x" * 100_000))
    with pytest.raises(UsageError, match="question 1 of standard input cannot be asked"):
        run(book, "-", None)
    for questions in (["x" * 100_000], []):
        monkeypatch.setattr("sys.stdin", io.StringIO("x" * 100_000))
        with pytest.raises(UsageError, match="the question has 100,000 char"):
            ask(Terminal(), [str(book)], questions, OPTIONS, Sampling(), UNCHECKED)
    assert not cache.exists()


def test_a_list_is_answered_with_one_read(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = question_file(book.parent, QUESTIONS[0], "", "  \t", f"  {QUESTIONS[1]}  ", *QUESTIONS[2:], "")
    tiny = reader()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Library, "reader", lambda *_, **__: tiny)
        with fed_ids(tiny.model) as fed:
            run(book, file, None)
    captured = capsys.readouterr()
    found = [json.loads(line) for line in captured.out.splitlines()]
    assert [record["question"] for record in found] == QUESTIONS
    ids = document_ids(tiny, TEXT)
    assert fed[: len(ids)] == ids
    assert sum(fed[i : i + 40] == ids[:40] for i in range(len(fed))) == 1
    assert {record["tokens_read"] for record in found} == {len(ids) - len(document_ids(tiny, ""))}
    assert {"model", "memory", "files_in_document", "complete", "state_bytes"} <= found[0].keys()
    assert "answering: 4 / 4 questions, 100%" in captured.err
    assert "\x1b" not in captured.out


def test_what_is_answered_is_not_asked_again(
    book: Path, answered: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    output = book.with_name("answers.jsonl")
    run(book, question_file(book.parent, *QUESTIONS[:2]), output)
    first = output.read_bytes()
    assert capsys.readouterr().out == ""
    run(book, question_file(book.parent, *QUESTIONS[:2]), output)
    assert output.read_bytes() == first
    assert answered == QUESTIONS[:2]
    run(book, question_file(book.parent, *QUESTIONS), output)
    assert answered == QUESTIONS
    assert [record["question"] for record in records(output)] == QUESTIONS
    assert "2 of 4 questions were answered by an earlier run" in capsys.readouterr().err


@pytest.mark.parametrize("killed_at", [1, 3])
def test_a_killed_run_goes_on(book: Path, killed_at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill while a line is written removes the half line; the rest is as an unbroken run would have it."""
    file, output, unbroken = (
        question_file(book.parent, *QUESTIONS),
        book.with_name("a.jsonl"),
        book.with_name("b.jsonl"),
    )
    run(book, file, unbroken)
    add, calls = command.add_answer, iter(range(1, 100))

    def torn(path: Path, record: dict[str, Any]) -> None:
        if next(calls) == killed_at:
            line = json.dumps(record, separators=(",", ":")).encode()
            with path.open("ab") as target:
                target.write(line[: len(line) // 2])
            raise KeyboardInterrupt
        add(path, record)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "add_answer", torn)
        with pytest.raises(KeyboardInterrupt):
            run(book, file, output)
    assert not output.read_bytes().endswith(b"\n")
    run(book, file, output)
    assert [(r["question"], r["answer"]) for r in records(output)] == [
        (r["question"], r["answer"]) for r in records(unbroken)
    ]


def test_sigkill_loses_no_answer(book: Path) -> None:
    questions = [f"Who is number {number}?" for number in range(60)]
    file, output = question_file(book.parent, *questions), book.with_name("answers.jsonl")
    words = [
        "ask",
        str(book),
        "--questions",
        file,
        "-o",
        str(output),
        "-m",
        str(checkpoint()),
        "--max-new-tokens",
        "40",
        "--recall",
        "off",
    ]
    cache = os.environ["XDG_CACHE_HOME"]
    with subprocess.Popen(
        [sys.executable, "-m", "gemma10m", *words], env=clean_environment(XDG_CACHE_HOME=cache, OMP_NUM_THREADS="1")
    ) as process:
        while process.poll() is None and not (output.exists() and output.read_bytes().count(b"\n") > 2):
            time.sleep(0.01)
        process.kill()
    there = output.read_bytes().rpartition(b"\n")[0]
    assert 2 <= there.count(b"\n") < 59
    run(book, file, output, Sampling(max_new_tokens=40))
    assert output.read_bytes().startswith(there)
    assert [record["question"] for record in records(output)] == questions


def test_another_document_model_or_sampling_has_answers_of_its_own(book: Path, answered: list[str]) -> None:
    file, output = question_file(book.parent, QUESTIONS[0]), book.with_name("answers.jsonl")
    other = book.with_name("other.txt")
    other.write_text(TEXT + "More.\n")
    run(book, file, output)
    run(other, file, output)
    run(book, file, output, Sampling(max_new_tokens=3))
    run(book, file, output, options=replace(OPTIONS, memory="window"))
    assert len(records(output)) == len(answered) == 4
    for source in (book, other):
        run(source, file, output)
    assert len(records(output)) == 4


def test_a_resumed_run_counts_what_had_no_answer_before(book: Path) -> None:
    output, strict = book.with_name("answers.jsonl"), RetrievalOptions(strict=True)
    file = question_file(book.parent, *QUESTIONS[:2])
    for _ in range(2):
        with pytest.raises(NoAnswer, match="2 of 2 questions have no verified answer"):
            ask_all(Terminal(), [str(book)], file, output, OPTIONS, Sampling(max_new_tokens=9), strict)


def test_a_question_that_stands_there_twice_is_answered_twice(book: Path, answered: list[str]) -> None:
    output = book.with_name("answers.jsonl")
    for _ in range(2):
        run(book, question_file(book.parent, "Who?", "Who?"), output)
    assert len(records(output)) == len(answered) == 2


def test_ids_come_back_with_the_answers(book: Path, answered: list[str]) -> None:
    lines = ['{"id": 7, "question": "Who?", "answer": "Nobody"}', "", '{"question": "Who?", "id": "b"}']
    output = book.with_name("answers.jsonl")
    for _ in range(2):
        run(book, question_file(book.parent, *lines, name="q.jsonl"), output)
    assert [record["id"] for record in records(output)] == [7, "b"]
    assert answered == ["Who?", "Who?"]
    assert records(output)[0]["answer"] != "Nobody"


def test_a_line_cut_short_after_any_of_its_bytes_is_written_anew(tmp_path: Path) -> None:
    record = {"question": "Who?", "answer": "A", "read": "r", "sampling": {"seed": 0}, "recall": 0, "sources": [{}]}
    path = tmp_path / "answers.jsonl"
    add_answer(path, record)
    line = path.read_bytes()
    for length in range(len(line)):
        path.write_bytes(line + line[:length])
        assert answers_in(path) == [record]
        assert path.read_bytes() == line


@pytest.mark.parametrize(
    "content",
    [
        b"It is a truth\n",
        b"It is a truth",
        b'{"question": "Who?"}\n',
        b'{"question":"Who?"}',
        b"\n",
        b"[1]\n",
        b"\xff\xfe\n",
        b'{"question":"Who?","answer":"A"}\n',
    ],
)
def test_a_file_that_is_not_ours_stays_as_it_is(book: Path, content: bytes, answered: list[str]) -> None:
    output = book.with_name("mine.jsonl")
    output.write_bytes(content)
    with pytest.raises(UsageError, match="is not a file of answers"):
        run(book, question_file(book.parent, "Who?"), output)
    assert output.read_bytes() == content
    assert answered == []


def test_output_that_is_no_file_is_refused(book: Path) -> None:
    fifo = book.with_name("pipe")
    os.mkfifo(fifo)
    for path in (fifo, book.parent):
        with pytest.raises(UsageError, match="not a regular file"):
            run(book, question_file(book.parent, "Who?"), path)
    with pytest.raises(DiskError, match="cannot be written"):
        run(book, question_file(book.parent, "Who?"), book.parent / "none" / "answers.jsonl")


def test_answers_of_a_version_that_listed_every_file_are_not_asked_again(book: Path, answered: list[str]) -> None:
    file, output = question_file(book.parent, QUESTIONS[0]), book.with_name("answers.jsonl")
    run(book, file, output)
    (record,) = records(output)
    listed = record | {"files": [{"path": str(book), "sha256": "0" * 64, "tokens": 9}], "skipped": []}
    output.write_text(json.dumps(listed, separators=(",", ":")) + "\n")
    run(book, file, output)
    assert records(output) == [listed]
    assert answered == QUESTIONS[:1]


@pytest.mark.parametrize("lines", [[], ["", " \t ", "\r"]])
def test_a_file_without_questions_is_refused(book: Path, lines: list[str]) -> None:
    with pytest.raises(UsageError, match="has no question"):
        run(book, question_file(book.parent, *lines), None)


def test_odd_question_files(tmp_path: Path) -> None:
    path = tmp_path / "q.txt"
    long = "word " * 6_000
    path.write_bytes(f"\ufeffA\x0bB\x85C\u2028D\r\n{long}\n{{}}".encode())
    assert [each["question"] for each in read_questions(path)] == ["A\x0bB\x85C\u2028D", long.strip(), "{}"]
    path.write_bytes(b"caf\xe9")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_questions(path)
    with pytest.raises(UsageError, match="cannot be read"):
        read_questions(tmp_path)
    for number, line in enumerate(['{"question": 3}', '{"question": " "}', "[]", "{", '{"q": "Who?"}']):
        objects = tmp_path / f"{number}.jsonl"
        objects.write_text('{"question": "Who?"}\n' + line)
        with pytest.raises(UsageError, match="line 2"):
            read_questions(objects)


def test_a_suffix_in_capitals_means_the_same(tmp_path: Path) -> None:
    path = tmp_path / "Q.JSONL"
    path.write_text('{"question": "Who?"}')
    assert read_questions(path) == [{"question": "Who?"}]


def test_a_very_long_question_is_answered(book: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(book, question_file(book.parent, "word " * 3000), None, Sampling(max_new_tokens=1))
    assert len(json.loads(capsys.readouterr().out)["question"]) == 3000 * 5 - 1


def test_questions_come_from_standard_input(
    book: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("Who?\n\nWhere?"))
    run(book, "-", None)
    assert [json.loads(line)["question"] for line in capsys.readouterr().out.splitlines()] == ["Who?", "Where?"]
    with pytest.raises(UsageError, match="standard input"):
        ask_all(Terminal(), ["-"], "-", None, OPTIONS, Sampling(), UNCHECKED)


def test_options_that_do_not_go_together() -> None:
    with pytest.raises(UsageError, match="both in --questions and"):
        refuse_mixed(["Who?"], "q.txt", None)
    with pytest.raises(UsageError, match="without --questions"):
        refuse_mixed([], None, Path("answers.jsonl"))
    refuse_mixed([], "q.txt", Path("answers.jsonl"))
