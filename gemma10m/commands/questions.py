"""Run `ask --questions`: read once, write an answer a line, and skip questions that the output file answers."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from gemma10m.answering.sampling import Sampling
from gemma10m.commands.answers import refuse_without_answer
from gemma10m.commands.answers_file import Record, add_answer, answers_in, matched
from gemma10m.commands.records import facts
from gemma10m.documents.counts import number_of
from gemma10m.errors import UsageError
from gemma10m.library.checking import NO_ANSWER, VERIFIED
from gemma10m.library.library import Library
from gemma10m.library.model_choice import ModelOptions
from gemma10m.library.reading import Reading
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.library.sources import ALL, Patterns
from gemma10m.tasks.question_lines import question_lines, question_object, refuse_unaskable
from gemma10m.terminal import Terminal

LINES = "name a file of UTF-8 text with one question a line"
OBJECTS = 'write objects like {"question": "Who is Anne?", "id": 1}, or a .txt with one question a line'


def refuse_mixed(questions: list[str], file: str | None, output: Path | None) -> None:
    """Refuse options that exclude each other. Raises UsageError."""
    if file is not None and questions:
        raise UsageError(
            "questions were given both in --questions and on the command line", hint="put them all in the file"
        )
    if file is None and output is not None:
        raise UsageError(
            "--output was given without --questions",
            hint="give --questions FILE, or redirect standard output: > answers.txt",
        )


def ask_all(
    terminal: Terminal,
    sources: list[str],
    file: str,
    output: Path | None,
    options: ModelOptions,
    sampling: Sampling,
    retrieval: RetrievalOptions,
    patterns: Patterns = ALL,
) -> None:
    """Ask all questions of a file. Raises UsageError, before the read, for files with other content."""
    if file == "-" and "-" in sources:
        raise UsageError(
            "standard input cannot be the document and the questions at once", hint="put the questions into a file"
        )
    questions = _from_input(terminal) if file == "-" else read_questions(Path(file))
    if not questions:
        raise UsageError(f"{file} has no question", hint="write one question a line")
    answered = answers_in(output) if output else []
    library = Library(**vars(options), listener=terminal)
    with library.open(*sources, patterns=patterns, retrieval=replace(retrieval, sources=True)) as reading:
        circumstances = _circumstances(reading, sampling)
        wanted = [question | circumstances for question in questions]
        earlier, left = matched(wanted, answered)
        if earlier:
            were = "was" if len(earlier) == 1 else "were"
            terminal.note(f"{len(earlier)} of {number_of(len(wanted), 'question')} {were} answered by an earlier run")
        without = sum(_has_no_answer(record, retrieval.strict) for record in earlier)
        with terminal.count_progress("answering", "questions", len(wanted)) as bar:
            for done, asked in enumerate(left, start=len(earlier) + 1):
                answer = reading.ask(asked["question"], sampling)
                without += answer.withheld
                record = asked | answer.record() | facts(reading)
                add_answer(output, record) if output else terminal.json_line(record)
                bar.update(done)
    refuse_without_answer(without, len(wanted), retrieval.strict)


def read_questions(path: Path) -> list[Record]:
    """Read a file of questions: one a line, or in a `.jsonl` an object a line with `question` and an optional `id`.

    Returns records in the file's order, without blank lines. Raises UsageError.
    """
    lines = question_lines(path, LINES)
    if path.suffix.lower() != ".jsonl":
        return [_asked(line, place) for place, line in lines]
    values = [question_object(line, place, OBJECTS) for place, line in lines]
    return [{name: value[name] for name in ("question", "id") if name in value} for value in values]


def _from_input(terminal: Terminal) -> list[Record]:
    lines = enumerate(terminal.prompt(), start=1)
    return [_asked(line, f"question {number} of standard input") for number, line in lines]


def _asked(question: str, place: str) -> Record:
    refuse_unaskable(question, place)
    return {"question": question}


def _has_no_answer(record: Record, strict: bool) -> bool:
    """Tell if an answer of an earlier run counts as none."""
    verdict = record.get("verdict")
    return verdict == NO_ANSWER or (strict and verdict != VERIFIED)


def _circumstances(reading: Reading, sampling: Sampling) -> Record:
    """Return what an answer depends on beside its question. checked: tells if it was checked before it was shown."""
    reader, source, passages = reading.reader, reading.source, reading.passages
    read = reader.identity(source.record.fingerprint, source.state.position)
    recall = {"recall": passages.budget(reader), "checked": "strict" if passages.options.strict else passages.waits}
    return {"read": read, "sampling": asdict(sampling), **recall}
