"""Reading holds a document that was read: ask questions about it, summarize it, search it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Self

from gemma10m.answering.sampling import Sampling
from gemma10m.errors import UsageError
from gemma10m.library.chat import AnswerStream, Chat
from gemma10m.library.checking import Answer
from gemma10m.library.listening import Listener
from gemma10m.library.read_source import ReadSource, read_document, refuse_other_document
from gemma10m.library.retrieval import Passages, RetrievalOptions, retrieved_from
from gemma10m.library.summarizing import Summarizing, SummaryOptions, from_state
from gemma10m.passages.quotes import Source
from gemma10m.saved_states import Reader


class Reading:
    """Answer questions about a document. `Library.open` makes it; close it, because it holds an index open."""

    def __init__(self, listener: Listener, reader: Reader, source: ReadSource, options: RetrievalOptions) -> None:
        self.listener, self.reader, self.source, self.options = listener, reader, source, options
        self._passages: Passages | None = None
        self._opened = ExitStack()

    @property
    def passages(self) -> Passages:
        """Return the document's passages; the first call opens the index, or builds one if it is missing."""
        if self._passages is None:
            self._passages = self._opened.enter_context(retrieved_from(self.listener, self.source, self.options))
        return self._passages

    def ask(self, question: str, sampling: Sampling | None = None) -> Answer:
        """Answer a question on a copy of the document's state. Raises UsageError for an empty one."""
        return self.stream(question, sampling).wait()

    def stream(self, question: str, sampling: Sampling | None = None) -> AnswerStream:
        """Return the answer in pieces as they are generated, or in one piece if it is checked before it is shown."""
        return self._chat(sampling, self.passages.waits).stream(question)

    def chat(self, sampling: Sampling | None = None) -> Chat:
        """Begin a conversation. Its answers come as they are generated, or in strict mode once they are checked."""
        return self._chat(sampling, self.options.strict)

    def _chat(self, sampling: Sampling | None, waits: bool) -> Chat:
        return Chat(self.reader, self.passages, self.source.state, sampling or Sampling(), waits)

    def summarize(
        self,
        words: int = 200,
        focus: str | None = None,
        by: str = "state",
        sampling: Sampling | None = None,
    ) -> str:
        """Summarize the document. by: "state" asks its state; "sections" and "refine" read the text again.

        Raises UsageError for "sections" and "refine" of a saved state, which holds no text.
        """
        wanted, sampling = SummaryOptions(words, focus, by), sampling or Sampling(max_new_tokens=1024)
        if by == "state":
            if not self.source.is_read and self.source.document:
                self.source = read_document(self.listener, self.reader, self.source.document, None)
            return "".join(from_state(self.reader, self.source.state, wanted, sampling)).strip()
        if self.source.document is None:
            raise no_text(self.source.path)
        return Summarizing(self.reader, self.source.document, wanted, sampling).text(by)

    def find(self, words: str, limit: int = 10) -> list[Source]:
        """Return the passages with the most of the words, best first."""
        return self.passages.find(words, limit)

    def save(self, path: str | Path) -> None:
        """Save the state to `path`, which `open` takes, and the index beside it.

        Raises UsageError rather than overwrite another document's state or a file that is not one, and if only a state
        was opened.
        """
        if self.source.document is None:
            raise UsageError(f"{self.source.path} is a saved state already", hint="copy it and the index beside it")
        refuse_other_document(Path(path), self.source.document)
        read_document(self.listener, self.reader, self.source.document, Path(path))

    def close(self) -> None:
        self._opened.close()
        self._passages = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def no_text(path: Path) -> UsageError:
    return UsageError(f"{path} is a saved state, which holds no text to read again", hint="name the document itself")
