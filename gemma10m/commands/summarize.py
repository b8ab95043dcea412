"""Run `summarize`: from the state, section by section, or with one summary carried through the document."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict

from gemma10m.answering.map_reduce import Summary
from gemma10m.answering.sampling import Sampling
from gemma10m.commands.answers import warn_of_cut
from gemma10m.commands.demo import refuse_demo
from gemma10m.commands.records import document_facts, facts, model_facts
from gemma10m.library.library import Library
from gemma10m.library.model_choice import ModelOptions, named_model, remembers
from gemma10m.library.reading import Reading, no_text
from gemma10m.library.sources import ALL, Patterns, saved_state
from gemma10m.library.summarizing import Summarizing, SummaryOptions, from_state
from gemma10m.saved_states import document_record
from gemma10m.terminal import Terminal


def summarize(
    terminal: Terminal,
    sources: list[str],
    wanted: SummaryOptions,
    options: ModelOptions,
    sampling: Sampling,
    patterns: Patterns = ALL,
) -> None:
    """Print a summary. Raises UsageError for sections of a saved state, which holds no text."""
    refuse_demo(named_model(options))
    library = Library(**vars(options), listener=terminal)
    if path := saved_state(sources):
        if wanted.needs_text:
            raise no_text(path)
        reading = library.open(path, patterns=patterns)
        refuse_demo(reading.reader.model.name)
        _from_state(terminal, reading, wanted, sampling)
        return
    document = library.document(sources, patterns)
    reader = library.reader(document.nbytes)
    by = wanted.by or ("state" if remembers(reader.model) and not wanted.outline else "sections")
    if by == "state":
        _from_state(terminal, library.read(document), wanted, sampling)
        return
    work = Summarizing(reader, document, wanted, sampling)
    if wanted.outline:
        _sections(terminal, work, show=True)
    elif by == "sections":
        _whole(terminal, work)
    else:
        _refined(terminal, work)


def _whole(terminal: Terminal, work: Summarizing) -> None:
    """Return the whole summary; print one line for each of several files first."""
    summaries = _sections(terminal, work, show=work.several)
    whole = work.whole(summaries)
    if work.several:
        terminal.line("")
    _show_whole(terminal, work, "sections", whole, sum(summary.tokens for summary in summaries))


def _sections(terminal: Terminal, work: Summarizing, show: bool) -> list[Summary]:
    found, done = [], 0
    with terminal.byte_progress("summarizing", work.document.nbytes, beside_data=True) as bar:
        for summary in work.sections():
            done += summary.nbytes
            bar.update(done)
            found.append(summary)
            if terminal.json:
                terminal.json_line(_record(summary))
            elif show:
                terminal.line(_line(summary))
    return found


def _refined(terminal: Terminal, work: Summarizing) -> None:
    done, tokens, whole = 0, 0, None
    with terminal.byte_progress("summarizing", work.document.nbytes, beside_data=True) as bar:
        for step in work.refined():
            done, tokens, whole = done + step.part.nbytes, tokens + step.part.tokens, step.summary
            bar.update(done)
    _show_whole(terminal, work, "refine", work.present(whole), tokens)


def _line(summary: Summary) -> str:
    title = f"{summary.section.title}: " if summary.section.title else ""
    text = "(empty)" if summary.text is None else summary.text
    return f"{summary.section.location}  {title}{text}"


def _record(summary: Summary) -> dict[str, object]:
    section = asdict(summary.section) | {"location": summary.section.location}
    return {"section": section, "summary": summary.text, "tokens": summary.tokens}


def _show_whole(terminal: Terminal, work: Summarizing, by: str, summary: str, tokens: int) -> None:
    terminal.write(summary + "\n")
    terminal.note(f"summarized {tokens:,} tokens by {by}")
    if terminal.json:
        about = document_facts(document_record(work.document, ()))
        # Not `tokens_read`, which is of the text in one piece: what lies at a cut between parts is more tokens.
        counts = {**about, "tokens_in_parts": tokens, **model_facts(work.reader)}
        terminal.json_line({"summary": summary, "by": by, "focus": work.wanted.focus, **counts})


def _from_state(terminal: Terminal, reading: Reading, wanted: SummaryOptions, sampling: Sampling) -> None:
    pieces, truncated = [], False

    def written() -> Iterator[str]:
        nonlocal truncated
        truncated = yield from from_state(reading.reader, reading.source.state, wanted, sampling)

    for piece in written():
        terminal.write(piece)
        pieces.append(piece)
    terminal.write("\n")
    if truncated:
        warn_of_cut(terminal)
    if terminal.json:
        summary = "".join(pieces).strip()
        record = {"summary": summary, "by": "state", "focus": wanted.focus, "truncated": truncated}
        terminal.json_line({**record, **facts(reading)})
