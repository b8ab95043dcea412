"""Run `summarize`: from the state, section by section, or with one summary carried through the document."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace

from gemma10m.answering.map_reduce import Refined, Summary
from gemma10m.answering.sampling import Sampling
from gemma10m.commands.answers import CUT_OFF
from gemma10m.commands.arguments import refuse_states
from gemma10m.commands.demo import refuse_demo
from gemma10m.commands.records import document_facts, facts, model_facts
from gemma10m.documents.counts import number_of
from gemma10m.documents.names import original
from gemma10m.library.library import Library
from gemma10m.library.model_choice import ModelOptions, named_model, remembers
from gemma10m.library.reading import Reading, no_text
from gemma10m.library.sources import ALL, Patterns, saved_state
from gemma10m.library.summarizing import Summarizing, SummaryOptions, from_state
from gemma10m.saved_states import document_record, whereabouts
from gemma10m.terminal import Terminal
from gemma10m.weights.adapting import NO_ADAPTER


def summarize(
    terminal: Terminal,
    sources: list[str],
    wanted: SummaryOptions,
    options: ModelOptions,
    sampling: Sampling,
    patterns: Patterns = ALL,
) -> None:
    """Print a summary. Raises UsageError for sections of a saved state, which holds no text.

    The packaged adapter answers questions, and is left out, but for a state that was read with it.
    """
    refuse_demo(named_model(options))
    path, printer = saved_state(sources), _Printer(terminal, wanted)
    adapter = options.adapter if path else options.adapter or NO_ADAPTER
    library = Library(**vars(replace(options, adapter=adapter)), listener=terminal)
    if path:
        if wanted.needs_text:
            raise no_text(path)
        reading = library.open(path, patterns=patterns)
        refuse_demo(reading.reader.model.name)
        printer.from_state(reading, sampling)
        return
    refuse_states(sources)
    document = library.document(sources, patterns)
    reader = library.reader(document.nbytes)
    by = wanted.by or ("state" if remembers(reader.model) and not wanted.outline else "sections")
    if by == "state":
        printer.from_state(library.read(document), sampling)
    else:
        printer.in_parts(Summarizing(reader, document, wanted, sampling), by)


@dataclass(frozen=True)
class _Printer:
    terminal: Terminal
    wanted: SummaryOptions

    def from_state(self, reading: Reading, sampling: Sampling) -> None:
        pieces, truncated = [], False

        def written() -> Iterator[str]:
            nonlocal truncated
            truncated = yield from from_state(reading.reader, reading.source.state, self.wanted, sampling)

        for piece in written():
            self.terminal.write(piece)
            pieces.append(piece)
        self.terminal.write("\n")
        if truncated:
            self.terminal.warn(CUT_OFF)
        self._json("".join(pieces).strip(), "state", {"truncated": truncated, **facts(reading)})

    def in_parts(self, work: Summarizing, by: str) -> None:
        """Print a line for each section of an outline or of several files, and then the whole summary."""
        found: Iterator[Summary | Refined] = work.refined() if by == "refine" else work.sections()
        steps, done, where = [], 0, whereabouts(work.document)
        with self.terminal.byte_progress("summarizing", work.document.nbytes, beside_data=True) as bar:
            for step in found:
                steps.append(step)
                done += step.nbytes
                bar.update(done)
                if isinstance(step, Summary):
                    shown = replace(step.section, path=where.path(step.section.path))
                    self._section(replace(step, section=shown), several=work.several)
        if self.wanted.outline:
            return
        sections = [step for step in steps if isinstance(step, Summary)]
        summary = work.whole(sections) if by == "sections" else work.present(steps[-1].text if steps else None)
        if work.several and sections:
            self.terminal.line("")
        self.terminal.write(summary + "\n")
        tokens = sum(step.tokens for step in steps)
        self.terminal.note(f"summarized {number_of(tokens, 'token')} by {by}")
        # Not `tokens_read`, which is of the text in one piece: what lies at a cut between parts is more tokens.
        about = document_facts(document_record(work.document, ()))
        self._json(summary, by, {**about, "tokens_in_parts": tokens, **model_facts(work.reader)})

    def _section(self, summary: Summary, several: bool) -> None:
        if self.terminal.json:
            self.terminal.json_line(_record(summary))
        elif several or self.wanted.outline:
            self.terminal.line(_line(summary))

    def _json(self, summary: str, by: str, about: Mapping[str, object]) -> None:
        if self.terminal.json:
            self.terminal.json_line({"summary": summary, "by": by, "focus": self.wanted.focus, **about})


def _line(summary: Summary) -> str:
    title = f"{summary.section.title}: " if summary.section.title else ""
    text = "(empty)" if summary.text is None else f'"{summary.text}"' if summary.extract else summary.text
    return f"{summary.section.location}  {title}{text}"


def _record(summary: Summary) -> dict[str, object]:
    section = asdict(summary.section)
    section |= {"path": original(summary.section.path), "location": original(summary.section.location)}
    return {"section": section, "summary": summary.text, "extract": summary.extract, "tokens": summary.tokens}
