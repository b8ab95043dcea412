"""Run `ask` and `read`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from gemma10m.answering.answer import check_question
from gemma10m.answering.sampling import Sampling
from gemma10m.commands.answers import AnswerPrinter, refuse_without_answer
from gemma10m.commands.arguments import refuse_states
from gemma10m.commands.demo import demo_warnings
from gemma10m.commands.records import facts, manifest
from gemma10m.commands.talk import Talk
from gemma10m.errors import UsageError
from gemma10m.library.library import Library
from gemma10m.library.model_choice import ModelOptions, may_search, named_model
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.library.sources import ALL, Patterns
from gemma10m.ranks.group import joined
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
    talks = not questions and terminal.interactive
    asked = () if talks else askable(terminal, questions)
    retrieval = replace(retrieval, sources=retrieval.sources or terminal.json)
    model, wanted = named_model(options), None if talks else questions
    for warning in demo_warnings(model, wanted):
        terminal.warn(warning)
    library = Library(**vars(options), listener=terminal)
    with library.open(*sources, patterns=patterns, retrieval=retrieval) as reading:
        # a saved state may have brought the model
        for warning in demo_warnings(None if model else reading.reader.model.name, wanted):
            terminal.warn(warning)
        if talks:
            Talk(terminal, reading.chat(sampling), facts(reading)).run()
            return
        without, number, printer = 0, -1, AnswerPrinter(terminal, retrieval, lambda: facts(reading))
        for number, question in enumerate(asked):
            if number:
                terminal.write("\n")
            without += printer.show(reading.stream(question, sampling)).withheld
    refuse_without_answer(without, number + 1, retrieval.strict)


def read(
    terminal: Terminal,
    sources: list[str],
    output: Path | None,
    options: ModelOptions,
    patterns: Patterns = ALL,
) -> None:
    if output == Path("-"):
        raise UsageError("a state cannot be written to standard output", hint="name a file: -o book.state")
    refuse_states(sources)
    ranks = joined()
    library = Library(**vars(options), listener=terminal, ranks=ranks)
    document = library.document(sources, patterns)
    if library.chosen.searches(document.nbytes) and may_search(reader := library.reader(document.nbytes)):
        terminal.note(
            f"{reader.model.name} answers from passages: `gemma10m ask` searches the document for them, unread"
        )
    with library.read(document, output) as reading:
        source = reading.source
        if terminal.json:
            terminal.json_line({**facts(reading), **manifest(source.record), "state": str(source.path)})
        else:
            terminal.line(str(source.path))
    if ranks:
        ranks.leave()


def askable(terminal: Terminal, questions: list[str]) -> Iterable[str]:
    """Return the questions, or without any those on standard input, one a line.

    All that are known, and at least the first one, are checked before a read of hours begins. Raises UsageError.
    """
    typed = terminal.prompt() if not questions else iter(())
    known = questions or list(islice(typed, 1))
    if not known:
        hint = "give one on the command line, or one a line on standard input; to read only, use `gemma10m read`"
        raise UsageError("no question was asked", hint)
    for question in known:
        check_question(question)
    return chain(known, typed)
