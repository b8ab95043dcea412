"""`ask --questions`: a list of questions, one read, an answer a line; what an output file has is not asked again."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

from gemma10m.answering.answer import answer
from gemma10m.answering.sampling import Sampling
from gemma10m.commands.answers_file import Record, add_answer, answers_in, unanswered
from gemma10m.commands.ask import facts, prepare
from gemma10m.commands.models import ModelOptions
from gemma10m.commands.passages import Passages, RetrievalOptions, retrieved_from
from gemma10m.commands.question_file import read_questions
from gemma10m.commands.reading import ALL, Patterns, ReadSource
from gemma10m.errors import UsageError
from gemma10m.saved_states import Reader
from gemma10m.terminal import Terminal


def refuse_mixed(questions: list[str], file: str | None, output: Path | None) -> None:
    """Raises UsageError for options that do not go together."""
    if file is not None and questions:
        raise UsageError("questions were given twice, by --questions and on their own", hint="put them all in the file")
    if file is None and output is not None:
        raise UsageError("--output was given without --questions", hint="redirect standard output: > answers.txt")


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
    """Raises UsageError, before anything is read, for files that hold something else."""
    if file == "-" and "-" in sources:
        raise UsageError(
            "standard input cannot be the document and the questions at once", hint="put the questions into a file"
        )
    questions = [{"question": line} for line in terminal.prompt()] if file == "-" else read_questions(Path(file))
    if not questions:
        raise UsageError(f"{file} holds no question", hint="write one question a line")
    answered = answers_in(output) if output else []
    reader, source = prepare(terminal, sources, options, patterns)
    with retrieved_from(terminal, source, replace(retrieval, sources=True)) as passages:
        wanted = [question | _circumstances(reader, source, sampling, passages) for question in questions]
        left = unanswered(wanted, answered)
        if len(left) < len(wanted):
            terminal.note(f"{len(wanted) - len(left)} of {len(wanted)} questions were answered by an earlier run")
        with terminal.count_progress("answering", "questions", len(wanted)) as bar:
            for done, asked in enumerate(left, start=len(wanted) - len(left) + 1):
                record = asked | _answer(reader, source, asked["question"], sampling, passages) | facts(reader, source)
                add_answer(output, record) if output else terminal.json_line(record)
                bar.update(done)


def _circumstances(reader: Reader, source: ReadSource, sampling: Sampling, passages: Passages) -> Record:
    """What an answer depends on beside its question. checked: whether it is withheld where no passage says it."""
    read = reader.identity(source.record.fingerprint, source.state.position)
    recall = {"recall": passages.budget(reader), "checked": passages.withhold}
    return {"read": read, "sampling": asdict(sampling), **recall}


def _answer(reader: Reader, source: ReadSource, question: str, sampling: Sampling, passages: Passages) -> Record:
    retrieved = passages.retrieved(reader, question, source.state)
    said = answer(reader.model, reader.tokenizer, source.state, question, sampling, retrieved)
    return passages.check(question, "".join(said), passages.withhold).record()
