"""`summarize`: from the state, section by section, or with one summary carried through the document."""

from __future__ import annotations

from dataclasses import asdict, astuple, dataclass
from functools import partial

from gemma10m.answering.answer import answer
from gemma10m.answering.document_parts import parts, room
from gemma10m.answering.map_reduce import Summary, Write, by_sections, combine, refine
from gemma10m.answering.sampling import Sampling
from gemma10m.answering.summaries import Requests, say_about, sentence_requests, summary_requests
from gemma10m.commands.ask import document_facts, facts, model_facts, prepare
from gemma10m.commands.models import ModelOptions, load_reader, remembers
from gemma10m.commands.reading import ALL, Patterns, ReadSource, open_document, read_document, saved_state
from gemma10m.documents import Document
from gemma10m.errors import DocumentError, UsageError
from gemma10m.saved_states import Reader, document_record
from gemma10m.saved_summaries import kept
from gemma10m.terminal import Terminal

WAYS = ("state", "sections", "refine")


@dataclass(frozen=True)
class SummaryOptions:
    words: int = 200
    focus: str | None = None
    by: str | None = None
    outline: bool = False

    def __post_init__(self) -> None:
        if self.by not in (None, *WAYS):
            raise UsageError(f"--by must be one of {', '.join(WAYS)}, found {self.by!r}")
        if self.outline and self.by not in (None, "sections"):
            raise UsageError(f"an outline goes by sections, not by {self.by}", hint="leave --by or --outline out")

    @property
    def needs_text(self) -> bool:
        return self.outline or self.by in ("sections", "refine")


@dataclass(frozen=True)
class Work:
    """A document that is gone over in parts, and what does it."""

    terminal: Terminal
    reader: Reader
    document: Document
    write: Write
    requests: Requests
    focus: str | None

    def count(self, text: str) -> int:
        return len(self.reader.tokenizer.encode(text))

    @property
    def room(self) -> int:
        return room(self.reader.model.reading, self.reader.model.config.context)


def summarize(
    terminal: Terminal,
    sources: list[str],
    wanted: SummaryOptions,
    options: ModelOptions,
    sampling: Sampling,
    patterns: Patterns = ALL,
) -> None:
    """Raises UsageError where a saved state is to be gone over: it holds no text."""
    requests = summary_requests(wanted.words, wanted.focus)
    if path := saved_state(sources):
        if wanted.needs_text:
            raise UsageError(f"{path} is a saved state and holds no text to go over", hint="name the document itself")
        _from_state(terminal, *prepare(terminal, sources, options, patterns), requests.text, wanted.focus, sampling)
        return
    document = open_document(terminal, sources, patterns)
    reader = load_reader(terminal, options, document.nbytes)
    by = wanted.by or ("state" if remembers(reader.model) and not wanted.outline else "sections")
    if by == "state":
        source = read_document(terminal, reader, document, None)
        _from_state(terminal, reader, source, requests.text, wanted.focus, sampling)
        return
    ask = partial(say_about, reader.model, reader.tokenizer, sampling=sampling)
    write = kept(ask, reader.identity("summary", astuple(sampling)))
    work = Work(terminal, reader, document, write, requests, wanted.focus)
    if wanted.outline:
        _summaries(work, sentence_requests(wanted.focus), show=True)
    elif by == "sections":
        _whole(work)
    else:
        _refined(work)


def _whole(work: Work) -> None:
    """Of several files, a line each first."""
    several = len(work.document.files) > 1
    requests = sentence_requests(work.focus) if several else work.requests
    summaries = _summaries(work, requests, show=several)
    written = [(summary.section, summary.text) for summary in summaries if summary.text is not None]
    if not written:
        raise _nothing_to_sum_up(work.document)
    texts = [f"{section.title or section.location}:\n{text}" for section, text in written]
    whole = combine(texts, work.write, work.requests, work.count, work.room) if texts[1:] else written[0][1]
    if several:
        work.terminal.line("")
    _show_whole(work, "sections", whole, sum(summary.tokens for summary in summaries))


def _summaries(work: Work, requests: Requests, show: bool) -> list[Summary]:
    found, done = [], 0
    pieces = parts(work.document, work.count, work.room)
    with work.terminal.byte_progress("summarizing", work.document.nbytes, beside_data=True) as bar:
        for summary in by_sections(pieces, work.write, requests, work.count, work.room):
            done += summary.nbytes
            bar.update(done)
            found.append(summary)
            if work.terminal.json:
                work.terminal.json_line(_record(summary))
            elif show:
                work.terminal.line(_line(summary))
    return found


def _refined(work: Work) -> None:
    done, tokens = 0, 0
    pieces = parts(work.document, work.count, max(1, work.room // 2))
    with work.terminal.byte_progress("summarizing", work.document.nbytes, beside_data=True) as bar:
        for step in refine(pieces, work.write, work.requests):
            done, tokens = done + step.part.nbytes, tokens + step.part.tokens
            bar.update(done)
    if step.summary is None:
        raise _nothing_to_sum_up(work.document)
    _show_whole(work, "refine", step.summary, tokens)


def _line(summary: Summary) -> str:
    title = f"{summary.section.title}: " if summary.section.title else ""
    text = "(empty)" if summary.text is None else summary.text
    return f"{summary.section.location}  {title}{text}"


def _record(summary: Summary) -> dict[str, object]:
    section = asdict(summary.section) | {"location": summary.section.location}
    return {"section": section, "summary": summary.text, "tokens": summary.tokens}


def _show_whole(work: Work, by: str, summary: str, tokens: int) -> None:
    work.terminal.write(summary + "\n")
    work.terminal.note(f"summed up {tokens:,} tokens by {by}")
    if work.terminal.json:
        about = document_facts(document_record(work.document, ()))
        # Not `tokens_read`, which is of the text in one piece: what lies at a cut between parts is more tokens.
        counts = {**about, "tokens_in_parts": tokens, **model_facts(work.reader)}
        work.terminal.json_line({"summary": summary, "by": by, "focus": work.focus, **counts})


def _nothing_to_sum_up(document: Document) -> DocumentError:
    return DocumentError(f"{document.name} holds nothing but white space", hint="name a file that holds text")


def _from_state(
    terminal: Terminal, reader: Reader, source: ReadSource, request: str, focus: str | None, sampling: Sampling
) -> None:
    pieces = []
    for piece in answer(reader.model, reader.tokenizer, source.state, request, sampling, several_lines=True):
        terminal.write(piece)
        pieces.append(piece)
    terminal.write("\n")
    if terminal.json:
        about = facts(reader, source)
        terminal.json_line({"summary": "".join(pieces).strip(), "by": "state", "focus": focus, **about})
