"""`ask` and `read`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path

import torch

from gemma10m.answering.answer import answer
from gemma10m.answering.sampling import Sampling
from gemma10m.commands.answers import show_answer
from gemma10m.commands.models import ModelOptions, load_reader
from gemma10m.commands.passages import Passages, RetrievalOptions, retrieved_from
from gemma10m.commands.reading import (
    ALL,
    Patterns,
    ReadSource,
    open_document,
    open_state,
    read_document,
    refuse_patterns,
    saved_state,
)
from gemma10m.commands.talk import talk
from gemma10m.config import ReadingConfig
from gemma10m.errors import UsageError
from gemma10m.reading.stretch import peak_memory
from gemma10m.saved_states import Reader, whereabouts_of
from gemma10m.state_file import DocumentRecord, read_header
from gemma10m.terminal import Terminal


def ask(
    terminal: Terminal,
    sources: list[str],
    questions: list[str],
    options: ModelOptions,
    sampling: Sampling,
    retrieval: RetrievalOptions,
    patterns: Patterns = ALL,
) -> None:
    if not questions and "-" in sources:
        raise UsageError(
            "standard input cannot be the document and the questions at once",
            hint="give the question on the command line: gemma10m ask - 'What happened?'",
        )
    if not all(question.strip() for question in questions):
        raise UsageError("a question is empty", hint="say what you want to know")
    talks = not questions and terminal.interactive
    asked = () if talks else questions or _questions_from(terminal)
    reader, source = prepare(terminal, sources, options, patterns)
    retrieval = replace(retrieval, sources=retrieval.sources or terminal.json)
    with retrieved_from(terminal, source, retrieval) as passages:
        if talks:
            talk(terminal, reader, source.state, sampling, partial(facts, reader, source), passages)
            return
        for number, question in enumerate(asked):
            if number:
                terminal.write("\n")
            _answer_question(terminal, reader, source, question, sampling, passages)


def read(
    terminal: Terminal,
    sources: list[str],
    output: Path | None,
    options: ModelOptions,
    patterns: Patterns = ALL,
) -> None:
    document = open_document(terminal, sources, patterns)
    reader = load_reader(terminal, options, document.nbytes)
    source = read_document(terminal, reader, document, output)
    path = output or reader.state_path(document)
    if terminal.json:
        terminal.json_line({**facts(reader, source), **_manifest(source), "state": str(path)})
    else:
        terminal.line(str(path))


def prepare(
    terminal: Terminal,
    sources: list[str],
    options: ModelOptions,
    patterns: Patterns = ALL,
) -> tuple[Reader, ReadSource]:
    """The model, and the source's state: saved, or read now."""
    path = saved_state(sources)
    if path:
        refuse_patterns(f"{path} is a saved state", patterns)
        reader = load_reader(terminal, read_as(options, read_header(path).reading))
        return reader, open_state(terminal, reader, path)
    document = open_document(terminal, sources, patterns)
    reader = load_reader(terminal, options, document.nbytes)
    return reader, read_document(terminal, reader, document, None)


def read_as(options: ModelOptions, reading: ReadingConfig) -> ModelOptions:
    """The options with how a saved state was read, where the user says nothing of it."""
    if (options.memory, options.carry, options.sinks) != (None, None, None):
        return options
    return replace(options, memory=reading.memory, carry=reading.carry, sinks=reading.sinks)


def _questions_from(terminal: Terminal) -> Iterable[str]:
    """The first is waited for: a read of hours that nobody asks anything about is refused before it begins."""
    asked: Iterator[str] = terminal.prompt()
    first = next(asked, None)
    if first is None:
        hint = "give one on the command line, or one a line on standard input; `gemma10m read` only reads"
        raise UsageError("no question was asked", hint)
    return chain([first], asked)


def _answer_question(
    terminal: Terminal, reader: Reader, source: ReadSource, question: str, sampling: Sampling, passages: Passages
) -> None:
    retrieved = passages.retrieved(reader, question, source.state)
    pieces = answer(reader.model, reader.tokenizer, source.state, question, sampling, retrieved)
    found = show_answer(terminal, passages, question, pieces, passages.withhold)
    if terminal.json:
        terminal.json_line({"question": question, **found.record(), **facts(reader, source)})


def facts(reader: Reader, source: ReadSource) -> dict[str, object]:
    """What `--json` says of a read; tokens of the document, seconds and bytes.

    Of the files their number alone: this stands beside every answer.
    """
    rate = source.tokens_now / source.seconds if source.seconds > 0 else None
    device = reader.model.device
    return {
        **document_facts(source.record),
        "tokens_read": source.tokens_read,
        "tokens_searched_only": source.skipped,
        "tokens_in_document": source.tokens_in_document,
        "tokens_read_now": source.tokens_now,
        "complete": source.complete,
        "seconds": source.seconds,
        "seconds_ever": source.seconds_ever,
        "tokens_per_second": rate,
        "peak_memory_bytes": peak_memory(),
        "peak_device_memory_bytes": torch.cuda.max_memory_allocated(device) if device.type == "cuda" else None,
        "state_bytes": source.state.nbytes,
        **model_facts(reader),
    }


def document_facts(record: DocumentRecord) -> dict[str, object]:
    return {
        "document": record.name,
        "fingerprint": record.fingerprint,
        "files_in_document": len(record.sources),
        "files_skipped": len(record.skipped),
        "bytes_in_document": record.nbytes,
    }


def model_facts(reader: Reader) -> dict[str, object]:
    return {"model": reader.model.name, "memory": reader.model.reading.memory}


def _manifest(source: ReadSource) -> dict[str, object]:
    """Every file by name: said once, where the document was read."""
    where = whereabouts_of(source.record)
    return {
        "files": [entry._asdict() | {"path": where.path(entry.path)} for entry in source.record.sources],
        "skipped": [entry._asdict() | {"path": where.path(entry.path)} for entry in source.record.skipped],
    }
