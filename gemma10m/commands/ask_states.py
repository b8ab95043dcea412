"""Run `ask` on a folder of states: the best documents answer, each with its name and places."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from gemma10m.answering.sampling import Sampling
from gemma10m.commands.answers import AnswerPrinter
from gemma10m.commands.ask import askable
from gemma10m.commands.records import facts
from gemma10m.errors import NoAnswer
from gemma10m.library.checking import NO_ANSWER, Answer
from gemma10m.library.library import Library
from gemma10m.library.model_choice import ModelOptions
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.library.states_library import StatesLibrary
from gemma10m.terminal import Terminal


def ask_states(
    terminal: Terminal,
    folder: Path,
    questions: list[str],
    options: ModelOptions,
    sampling: Sampling,
    retrieval: RetrievalOptions,
) -> None:
    """Answer each question from the best documents; without any, those on standard input, one a line.

    Raises NoAnswer, after all questions, if some have no answer from any document.
    """
    asked = askable(terminal, questions)
    without = number = 0
    retrieval = replace(retrieval, sources=True)
    with StatesLibrary(Library(**vars(options), listener=terminal), folder, retrieval) as states:
        for number, question in enumerate(asked, start=1):
            withheld: list[bool] = []
            for reading, stream in states.streams(question, sampling):
                terminal.write(f"{'' if number == 1 and not withheld else chr(10)}{reading.source.record.name}:\n")
                about = {"state": str(reading.source.path), **facts(reading)}
                withheld.append(AnswerPrinter(terminal, retrieval, about.copy).show(stream).withheld)
            if not withheld and terminal.json:  # no document has a word of the question
                terminal.json_line(Answer(question, "", NO_ANSWER, absent=True, withheld=True).record())
            without += all(withheld)
    if without:
        count = "the question has" if number == 1 else f"{without} of {number} questions have"
        raise NoAnswer(f"{count} no answer in the library", "ask with words of the documents")
