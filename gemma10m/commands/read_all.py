"""Run `read-all`: read the documents of a list or a folder into a folder of states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from gemma10m.documents.counts import number_of
from gemma10m.library.library import Library
from gemma10m.library.model_choice import ModelOptions
from gemma10m.library.read_many import RunView, failures, read_many
from gemma10m.library.read_one import DocumentOutcome
from gemma10m.library.sources import ALL, Patterns
from gemma10m.progress import format_count, format_duration, run_status
from gemma10m.terminal import Terminal


def read_all(
    terminal: Terminal,
    named: str,
    states: Path,
    ray: str | None,
    options: ModelOptions,
    patterns: Patterns = ALL,
) -> None:
    """Print each document's state as it is there. Raises DocumentError, after all others, if documents failed."""
    library, views = Library(**vars(options), listener=terminal), list[RunView]()
    if library.chosen.about.reads_passages and not (options.memory or options.read_all):
        terminal.note(
            f"{library.chosen.name} answers from passages: `gemma10m ask` searches a folder's files for them, unread"
        )
    with terminal.status_progress("reading") as show:

        def tell(view: RunView) -> None:
            show(run_status(view.documents, view.total, view.tokens, view.seconds, view.failed))
            views[:] = [view]
            if view.last:
                _tell(terminal, view.last, states)

        outcomes = read_many(library, named, states, ray=ray, patterns=patterns, progress=tell)
    terminal.note(_summary(outcomes, views[-1].seconds))
    for outcome in outcomes:
        if outcome.ended == "failed":
            reason = outcome.reason.removeprefix(f"{outcome.document.shown} ")
            terminal.warn(f"{outcome.document.shown}: {reason} (exit code {outcome.exit_code}); {outcome.hint}")
    if error := failures(outcomes):
        raise error


def _tell(terminal: Terminal, outcome: DocumentOutcome, states: Path) -> None:
    for warning in outcome.warnings:
        terminal.warn(f"{outcome.document.shown}: {warning.removeprefix(f'{outcome.document.shown}: ')}")
    state = str(states / outcome.document.state) if outcome.ended in ("read", "there") else None
    if terminal.json:
        terminal.json_line(
            {
                "document": outcome.document.source,
                "state": state,
                "ended": outcome.ended,
                "tokens_read_now": outcome.tokens,
                "seconds": outcome.seconds,
                "reason": outcome.reason or None,
                "exit_code": outcome.exit_code,
            }
        )
    elif state:
        terminal.line(state)


def _summary(outcomes: Sequence[DocumentOutcome], seconds: float) -> str:
    counts = Counter(outcome.ended for outcome in outcomes)
    tokens = sum(outcome.tokens for outcome in outcomes)
    said = [f"read {counts['read']:,} of {number_of(len(outcomes), 'document')}"]
    said += [f"{counts['there']:,} {'was' if counts['there'] == 1 else 'were'} there"] * (counts["there"] > 0)
    said += [f"{counts['skipped']:,} without text skipped"] * (counts["skipped"] > 0)
    said += [f"{counts['failed']:,} failed"] * (counts["failed"] > 0)
    rate = format_count(tokens / seconds if seconds > 0 else 0.0)
    return f"{', '.join(said)}: {number_of(tokens, 'token')} in {format_duration(seconds)} ({rate} tok/s)"
