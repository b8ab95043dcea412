"""Run the task qa of `eval`: ask a set of questions about a document, as `ask` does, and count what is right."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gemma10m.bench.rows import append_lines, circumstances
from gemma10m.errors import DiskError, Interrupted, UsageError
from gemma10m.evaluation.given_passages import KeepsChosen, passages_with
from gemma10m.evaluation.journal import Journal
from gemma10m.evaluation.qa import Outcome, counted, kept_outcome, qa_lines
from gemma10m.evaluation.report import model_key
from gemma10m.evaluation.task import QA
from gemma10m.folders import measurements_file
from gemma10m.library.library import Library
from gemma10m.library.model_choice import ModelOptions
from gemma10m.library.reading import Reading
from gemma10m.library.retrieval import RetrievalOptions
from gemma10m.library.signals import StopRequest, stop_on_signals
from gemma10m.regular_file import refuse_irregular
from gemma10m.strict_json import canonical_json
from gemma10m.tasks.question_set import AskedQuestion, read_question_set
from gemma10m.terminal import Terminal


@dataclass(frozen=True)
class QaOptions:
    """Hold the options as they were typed; None means the default."""

    questions: Path | None
    data: Path | None
    n: int | None = None
    recall: str = "auto"
    given: bool = False
    results: Path | None = None
    details: Path | None = None


def measure_qa(terminal: Terminal, options: ModelOptions, wanted: QaOptions, command: str) -> None:
    """Ask the questions, keep a row and show it. Raises UsageError before the read, and Interrupted after a signal."""
    if wanted.questions is None or wanted.data is None:
        raise UsageError("qa asks questions about a document", hint="give --questions FILE.jsonl and --data DOCUMENT")
    if wanted.given and wanted.recall == "off":
        raise UsageError("--given gives passages, and --recall off gives none", hint="leave one of them out")
    if wanted.n is not None and wanted.n < 1:
        raise UsageError(f"-n must be 1 or more, found {wanted.n:,}")
    retrieval = RetrievalOptions(wanted.recall, sources=True)  # a verdict is wanted without passages, too
    asked = read_question_set(wanted.questions)[: wanted.n]
    if wanted.details:
        _refuse_other_details(wanted.details)
    results = wanted.results or measurements_file()
    journal = Journal(results, command)
    terminal.note(f"the row is kept in {results}")
    library = Library(**vars(options), listener=terminal)
    with library.open(str(wanted.data), retrieval=retrieval) as reading:
        QaRun(terminal, reading, asked, wanted, journal).measure()


class QaRun:
    def __init__(
        self,
        terminal: Terminal,
        reading: Reading,
        asked: Sequence[AskedQuestion],
        wanted: QaOptions,
        journal: Journal,
    ) -> None:
        """Prepare to ask. Raises UsageError for given passages if the model reads none."""
        self.terminal, self.reading, self.asked, self.wanted, self.journal = terminal, reading, asked, wanted, journal
        reader, record = reading.reader, reading.source.record
        self.budget = reading.passages.budget(reader)
        if wanted.given and not self.budget:
            raise UsageError(
                f"{reader.model.name} reads no passages with --recall {wanted.recall}",
                hint="give --recall a number of tokens, such as 512",
            )
        self.key = {
            **model_key(reader.model, reader.tokenizer),
            "task": QA,
            "questions_sha256": hashlib.sha256(canonical_json(asked).encode()).hexdigest(),
            "document": record.fingerprint,
            "position": reading.source.state.position,
            "recall": self.budget,
            "given": wanted.given,
            "commit": circumstances()["commit"],  # code decides what a question becomes, so that parts of two never mix
        }

    def measure(self) -> None:
        outcomes = self._outcomes()
        row = {
            **self.key,
            "model": self.reading.reader.model.name,
            "questions": str(self.wanted.questions),
            "document_name": self.reading.source.record.name,
            "bytes": self.reading.source.record.nbytes,
            "tokens": self.reading.source.tokens_in_document if self.reading.source.is_read else None,
            "tokens_read": self.reading.source.tokens_read,
            **counted(outcomes),
        }
        if self.wanted.details:
            append_lines(self.wanted.details, [one.record() for one in outcomes])
        self.journal.finish(QA, self.key, [row])
        for line in qa_lines(row):
            self.terminal.line(line)
        if self.terminal.json:
            self.terminal.json_line(row)

    def _outcomes(self) -> list[Outcome]:
        """Ask what an interrupted run has left, and keep each outcome."""
        left = iter(self.asked)
        total = len(self.asked)
        outcomes = self.journal.parts(self.key, lambda line: kept_outcome(next(left, None), line))
        if outcomes:
            self.terminal.note(f"{len(outcomes)} of {total} questions were answered by an earlier run")
        with stop_on_signals() as stop, self.terminal.count_progress("asking", "questions", total) as progress:
            for question in left:
                outcomes.append(self._outcome(question))
                self.journal.keep(self.key, outcomes[-1].kept())
                seconds = sum(one.seconds for one in outcomes) / len(outcomes)
                progress.update(len(outcomes), seconds_left=seconds * (total - len(outcomes)))
                self._stop(stop, len(outcomes))
        return outcomes

    def _outcome(self, asked: AskedQuestion) -> Outcome:
        started = time.monotonic()
        keeps = KeepsChosen(passages_with(asked.sources)) if self.wanted.given else KeepsChosen()
        self.reading.passages.choose = keeps
        answer = self.reading.ask(asked.question)
        found = keeps.has_all(asked.sources) if asked.sources else None
        return Outcome(asked, answer.made.strip(), answer.verdict, found, len(keeps.chosen), time.monotonic() - started)

    def _stop(self, stop: StopRequest, done: int) -> None:
        if stop() and done < len(self.asked):
            raise Interrupted(
                f"stopped after {done} of {len(self.asked)} questions, which are kept",
                "run the same command again to resume",
                stop.signal_number,
            )


def _refuse_other_details(path: Path) -> None:
    """Refuse a file that would lose or mix what it has, and one that cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            refuse_irregular(path)
        with path.open("a", encoding="utf-8") as file:
            if file.tell():
                raise UsageError(f"{path} has something in it", hint="give --details the name of a new file")
    except OSError as error:
        raise DiskError(f"{path} cannot be written: {error.strerror}", "give --details another name") from error
