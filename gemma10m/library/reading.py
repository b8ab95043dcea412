"""A document that was read: ask it, talk about it, sum it up, search it."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from gemma10m.answering.sampling import Sampling
from gemma10m.errors import UsageError
from gemma10m.library.chat import AnswerStream, Chat
from gemma10m.library.checking import Answer, Source
from gemma10m.library.listening import Listener
from gemma10m.library.read_source import ReadSource, read_document
from gemma10m.library.retrieval import Passages, RetrievalOptions, retrieved_from
from gemma10m.library.summarizing import Summarizing, SummaryOptions, from_state
from gemma10m.saved_states import Reader


class Reading:
    """Made by `Library.open`. Close it, or use it in a `with` block: it holds its document's index open."""

    def __init__(self, listener: Listener, reader: Reader, source: ReadSource, options: RetrievalOptions) -> None:
        self.listener, self.reader, self.source, self.options = listener, reader, source, options
        self._passages: Passages | None = None
        self._opened = ExitStack()

    @property
    def passages(self) -> Passages:
        """The document's passages; the index is opened, and made if it is missing, when they are first asked for."""
        if self._passages is None:
            self._passages = self._opened.enter_context(retrieved_from(self.listener, self.source, self.options))
        return self._passages

    def ask(self, question: str, sampling: Sampling | None = None) -> Answer:
        """Answer a question on a copy of the document's state. Raises UsageError for an empty one."""
        return self.stream(question, sampling).wait()

    def stream(self, question: str, sampling: Sampling | None = None) -> AnswerStream:
        """Return the answer in pieces as they are made; in one piece where it is checked before it is shown."""
        return self._chat(sampling, self.passages.waits).stream(question)

    def chat(self, sampling: Sampling | None = None) -> Chat:
        """Begin a conversation, whose answers come as they are made unless they are checked strictly."""
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
        """Sum the document up. by: "state", what the read left; or "sections" or "refine", going over the text again.

        Raises UsageError where a saved state is to be gone over: it holds no text.
        """
        wanted, sampling = SummaryOptions(words, focus, by), sampling or Sampling(max_new_tokens=1024)
        if by == "state":
            return "".join(from_state(self.reader, self.source.state, wanted, sampling)).strip()
        if self.source.document is None:
            raise no_text(self.source.path)
        return Summarizing(self.reader, self.source.document, wanted, sampling).text(by)

    def find(self, words: str, limit: int = 10) -> list[Source]:
        """Return where the passages with the most of the words stand, the best first."""
        return self.passages.find(words, limit)

    def save(self, path: str | Path) -> None:
        """Save the state, and the index beside it, where `open` finds them by their name.

        Raises UsageError rather than overwrite a file that is not a state, and where only a state was opened.
        """
        if self.source.document is None:
            raise UsageError(f"{self.source.path} is a saved state already", hint="copy it and the index beside it")
        read_document(self.listener, self.reader, self.source.document, Path(path))

    def close(self) -> None:
        self._opened.close()
        self._passages = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def no_text(path: Path) -> UsageError:
    return UsageError(f"{path} is a saved state and holds no text to go over", hint="name the document itself")
