"""Summarize from a document's state, section by section, or with one summary carried through the document."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import astuple, dataclass
from functools import partial

from gemma10m.answering.document_parts import DocumentPart, parts, room
from gemma10m.answering.map_reduce import Refined, Summary, Write, by_sections, combine, refine
from gemma10m.answering.sampling import Sampling
from gemma10m.answering.summaries import Requests, say, say_about, sentence_requests, summary_requests
from gemma10m.documents import Document
from gemma10m.errors import DocumentError, UsageError
from gemma10m.memory.state import State
from gemma10m.saved_states import Reader
from gemma10m.saved_summaries import kept

WAYS = ("state", "sections", "refine")


@dataclass(frozen=True)
class SummaryOptions:
    words: int = 200
    focus: str | None = None
    by: str | None = None
    outline: bool = False

    def __post_init__(self) -> None:
        """Refuse options that do not fit together. Raises UsageError."""
        if self.by not in (None, *WAYS):
            raise UsageError(f"--by must be one of {', '.join(WAYS)}, found {self.by!r}")
        if self.outline and self.by not in (None, "sections"):
            raise UsageError(f"--outline works by sections, found --by {self.by}", hint="leave out --by or --outline")
        summary_requests(self.words, self.focus)

    @property
    def needs_text(self) -> bool:
        return self.outline or self.by in ("sections", "refine")

    @property
    def requests(self) -> Requests:
        return summary_requests(self.words, self.focus)


def from_state(reader: Reader, state: State, wanted: SummaryOptions, sampling: Sampling) -> Generator[str, None, bool]:
    """Yield the model's summary of a document that it has read, in sentences; return True if it was cut off."""
    return (yield from say(reader.model, reader.tokenizer, state, wanted.requests.text, sampling, wanted.words))


class Summarizing:
    """Summarize a document part by part; keep what was written on disk, so that an interrupted run resumes."""

    def __init__(self, reader: Reader, document: Document, wanted: SummaryOptions, sampling: Sampling) -> None:
        self.reader, self.document, self.wanted, self.sampling = reader, document, wanted, sampling
        self.room = room(reader.model.reading, reader.model.config.context)

    def count(self, text: str) -> int:
        return len(self.reader.tokenizer.encode(text))

    @property
    def several(self) -> bool:
        return len(self.document.files) > 1

    def sections(self) -> Iterator[Summary]:
        """Yield a summary of each section: one sentence for an outline or if the document has several files."""
        sentence = self.several or self.wanted.outline
        requests = sentence_requests(self.wanted.focus) if sentence else self.wanted.requests
        yield from by_sections(self._parts(self.room), self._write(requests), requests, self.count, self.room)

    def whole(self, summaries: list[Summary]) -> str:
        """Return the summary of all sections' summaries. Raises DocumentError if no section has text."""
        written = [(summary.section, summary.text) for summary in summaries if summary.text is not None]
        texts = [f"{section.title or section.location}:\n{text}" for section, text in written]
        if texts[1:]:
            return combine(texts, self._write(self.wanted.requests), self.wanted.requests, self.count, self.room)
        return self.present(written[0][1] if written else None)

    def refined(self) -> Iterator[Refined]:
        """Yield a step for each part of the document."""
        requests = self.wanted.requests
        yield from refine(self._parts(max(1, self.room // 2)), self._write(requests), requests)

    def text(self, by: str) -> str:
        """Return the whole summary. by: "sections" or "refine"."""
        if by == "sections":
            return self.whole(list(self.sections()))
        summary = None
        for step in self.refined():
            summary = step.text
        return self.present(summary)

    def present(self, summary: str | None) -> str:
        """Return the summary. Raises DocumentError if it is None, because the document has no text."""
        if summary is None:
            name = self.document.name
            raise DocumentError(f"{name} contains only white space", hint="name a file that contains text")
        return summary

    def _write(self, requests: Requests) -> Write:
        """Return what asks the model, unless it was asked before."""
        ask = partial(say_about, self.reader.model, self.reader.tokenizer, sampling=self.sampling, words=requests.words)
        return kept(ask, self.reader.identity("summary in plain sentences", requests.words, astuple(self.sampling)))

    def _parts(self, room: int) -> Iterator[DocumentPart]:
        return parts(self.document, self.count, room)
