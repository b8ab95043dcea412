"""Ask a library of states: all passages are searched together, and the states of the best documents answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gemma10m.answering.answer import check_question
from gemma10m.answering.sampling import Sampling
from gemma10m.errors import StateError
from gemma10m.library.chat import AnswerStream
from gemma10m.library.checking import Answer
from gemma10m.library.finding import find_in_states
from gemma10m.library.library import WITH_SOURCES, Library
from gemma10m.library.reading import Reading
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.library.states_index import states_index
from gemma10m.passages.merging import MergedIndex
from gemma10m.passages.quotes import Source
from gemma10m.passages.searching import find
from gemma10m.sanitise import sanitise_line
from gemma10m.state_file import read_header

BEST = 3  # documents that answer
LOOKED_AT = 32  # passages that documents are ranked by


def best_states(index: MergedIndex, question: str) -> list[str]:
    """Return the names of the states whose documents have the best passages for the question, the best first."""
    states = (index.state_of(passage.file)[0] for passage in find(index, question, LOOKED_AT))
    return list(dict.fromkeys(states))[:BEST]


@dataclass(frozen=True)
class DocumentAnswer:
    """Hold the answer of one of a library's documents."""

    document: str  # its name
    state: Path
    answer: Answer


class StatesLibrary:
    """Answer questions from a folder of states that `read_many` made. Close it, because it holds an index open.

        with StatesLibrary(Library(), "states") as states:
            for found in states.ask("Who is Anne?"):
                print(found.document, found.answer.text)

    A library that was given no model answers with the model of the first state that it opens.
    """

    def __init__(self, library: Library, folder: str | Path, retrieval: RetrievalOptions = WITH_SOURCES) -> None:
        """Open the index of all passages, or make it. Raises StateError for a folder without states, and DiskError."""
        self.library, self.folder, self.retrieval = library, Path(folder), retrieval
        self._opened = ExitStack()
        self.index = self._opened.enter_context(states_index(library.listener, self.folder))
        self._model: tuple[str, str] | None = None  # name and fingerprint

    def documents(self, question: str) -> list[Path]:
        """Return the states of the documents with the best passages for a question, the best first."""
        return [self.folder / name for name in best_states(self.index, question)]

    def ask(self, question: str, sampling: Sampling | None = None) -> list[DocumentAnswer]:
        """Return the answers of the best documents, the best first. Raises UsageError for an empty question."""
        return [
            DocumentAnswer(reading.source.record.name, reading.source.path, stream.wait())
            for reading, stream in self.streams(question, sampling)
        ]

    def streams(self, question: str, sampling: Sampling | None = None) -> Iterator[tuple[Reading, AnswerStream]]:
        """Yield each of the best documents, opened, and its answer, to be consumed before the next.

        A warning names a state of another model, or one that cannot be used. Raises StateError if none can answer.
        """
        check_question(question)
        passed_over, answered = list[StateError](), False
        for path in self.documents(question):
            try:
                reading = self._open(path)
            except StateError as error:
                passed_over.append(error)
                continue
            with reading:
                yield reading, reading.stream(question, sampling)
            answered = True
        if passed_over and not answered:
            raise passed_over[0]
        for one in passed_over:
            self.library.listener.warn_once(f"{one.message}; it does not answer")

    def find(self, words: str, limit: int = 10) -> list[Source]:
        """Return the sentences with any of the words in the passages with the most of them, the best passage first.

        Raises UsageError for words that are all too common.
        """
        return find_in_states(self.library.listener, self.folder, words, limit)

    def _open(self, path: Path) -> Reading:
        """Open a state; the first one says which model answers. Raises StateError for one of another model."""
        header = read_header(path)
        made_by = sanitise_line(header.model), header.model_fingerprint
        if self._model and self._model[1] != made_by[1]:
            raise StateError(
                f"{path} was read by the model {made_by[0]}, not by {self._model[0]}",
                hint="keep the states of each model in a folder of their own",
            )
        reading = self.library.open(path, retrieval=self.retrieval)
        self._model = made_by
        return reading

    def close(self) -> None:
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
