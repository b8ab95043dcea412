"""Retrieve passages that are read again before a question, and look up an answer's sources in the same index."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from reprlib import repr as shortened
from typing import TypeVar

from gemma10m.answering.comparing import AnswerPart
from gemma10m.documents import Document, Whereabouts
from gemma10m.errors import StateError, UsageError
from gemma10m.library.checking import (
    NO_ANSWER,
    UNVERIFIED,
    VERIFIED,
    Answer,
    Files,
    look_up,
    look_up_parts,
    matching,
    without_index,
)
from gemma10m.library.indexing import ensure_index, has_index, index_path, warn_without_index
from gemma10m.library.listening import Listener
from gemma10m.library.model_choice import remembers
from gemma10m.library.read_source import ReadSource
from gemma10m.memory import KINDS
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.passages.building import build_index
from gemma10m.passages.index import PassageIndex, open_index
from gemma10m.passages.quotes import Source
from gemma10m.passages.retrieve import SEARCHED, Excerpt, default_budget, has_room_for_passages, retrieve, shown
from gemma10m.saved_states import Reader, document_of, files_of, whereabouts
from gemma10m.tokens import Tokenizer
from gemma10m.tokens.prompt import Prompt

Choose = Callable[[PassageIndex, Tokenizer, str, int, int], list[Excerpt]]  # for a question; most tokens, passages
T = TypeVar("T")
NUMBER = re.compile(r"[0-9]{1,9}")
SHORT_ANSWER = 64  # tokens
BESIDE_MEMORY = 0.75  # of a segment, for passages; more of them leave the window before the answer begins


@dataclass(frozen=True)
class RetrievalOptions:
    recall: str = "auto"  # "auto", "off", or tokens
    sources: bool = False  # quotes are given, as JSON always does
    strict: bool = False  # what is not verified is withheld

    def __post_init__(self) -> None:
        """Refuse an unknown value of `recall`; a number may be an int. Raises UsageError."""
        object.__setattr__(self, "recall", str(self.recall))
        if self.recall not in ("auto", "off") and not NUMBER.fullmatch(self.recall):
            raise UsageError(f"--recall must be auto, off or a number of tokens, found {shortened(self.recall)}")

    @property
    def retrieves(self) -> bool:
        """Tell if passages may be read again before a question."""
        return self.recall == "auto" or (self.recall != "off" and int(self.recall) > 0)

    @property
    def checks(self) -> bool:
        """Tell if an answer is compared with the document."""
        return self.tells or self.sources

    @property
    def tells(self) -> bool:
        """Tell if the verdict on an answer is reported to the user."""
        return self.recall != "off" or self.strict

    def budget(self, model: Decoder, reads_passages: bool = False) -> int:
        """Return how many tokens of passages to read before a question.

        auto: some if whole passages fit; single sentences only for a model that remembers nothing by itself, and parts
        of passages for one that was trained to answer from them (reads_passages) and remembers.
        """
        if self.recall == "off":
            return 0
        if self.recall != "auto":
            return int(self.recall)
        budget = default_budget(model.reading)
        if has_room_for_passages(budget) or not remembers(model):
            return budget
        return int(BESIDE_MEMORY * model.reading.segment) if reads_passages else 0


@dataclass
class Passages:
    """Hold a document's index, if it has one, and the document's files."""

    index: PassageIndex | None
    document: Files
    options: RetrievalOptions
    mend: Callable[[StateError], PassageIndex]  # a new index for one that turned out to be damaged; raises StateError
    warn: Callable[[str], None] = lambda text: None
    where: Whereabouts = field(default_factory=Whereabouts)
    choose: Choose = retrieve
    _capped: bool = False

    @property
    def waits(self) -> bool:
        """Tell if an answer is shown only once it is checked, because it may be withheld."""
        return self.options.strict or (self.index is not None and self.options.tells)

    def retrieved(self, reader: Reader, question: str, state: State, share: int = 1) -> str:
        """Return the text that is read again between the state and the question, in 1 / `share` of the room for it."""
        budget = self._fitting(self.budget(reader), reader, question, state) // share
        if not budget:
            return ""
        most = -(-(reader.about.passages or SEARCHED) // share)
        return shown(self._look(lambda index: self.choose(index, reader.tokenizer, question, budget, most), nothing=[]))

    def budget(self, reader: Reader) -> int:
        """Return how many tokens of passages to read again before a question."""
        return self.options.budget(reader.model, reader.about.reads_passages) if self.index else 0

    def _fitting(self, wanted: int, reader: Reader, question: str, state: State) -> int:
        """Cap the number of tokens that the user gave, so that its first passages stay in the window."""
        room = room_for_passages(reader, question, state) if self.options.recall != "auto" else None
        if room is None or wanted <= room:
            return wanted
        if not self._capped:
            self.warn(
                f"--recall {wanted} is more than fits the window with the question and its answer: "
                f"{room} tokens are used"
            )
        self._capped = True
        return room

    def check(
        self, question: str, made: str, waited: bool = False, quoted: bool = False, parts: Sequence[AnswerPart] = ()
    ) -> Answer:
        """Return the answer with its verdict and sources, and with quotes if the options or `quoted` ask for them.

        waited: nothing of the answer was shown yet, so that it can be withheld. What was shown is at worst unverified.
        parts: what the answer was made from, which is compared with the text in its place.
        """
        strict, quoted = self.options.strict, quoted or self.options.sources

        def compared(index: PassageIndex) -> Answer:
            if parts:
                return look_up_parts(index, question, made, parts, self.document, quoted, strict)
            return look_up(index, question, made, self.document, quoted, strict)

        found = self._look(compared, without_index(question, made))
        shown_anyway = found.verdict == NO_ANSWER and not waited
        verdict = UNVERIFIED if shown_anyway else found.verdict
        return replace(
            found,
            verdict=verdict,
            sources=self._shown(found.sources),
            unsupported=found.unsupported or ((made.strip(),) if shown_anyway else ()),
            closest=self._shown(found.closest),
            parts=tuple(parts),
            withheld=waited and (verdict == NO_ANSWER or (strict and verdict != VERIFIED)),
        )

    def find(self, words: str, limit: int) -> list[Source]:
        """Return the sentences with any of the words in the best passages, as `find_passages` does.

        Returns an empty list without an index.
        """
        return list(self._shown(self._look(lambda index: matching(index, words, limit, self.document), [])))

    def _shown(self, sources: Sequence[Source]) -> tuple[Source, ...]:
        """Name each file by a path that opens from the working folder."""
        return tuple(replace(source, file=self.where.path(source.file)) for source in sources)

    def _look(self, look: Callable[[PassageIndex], T], nothing: T) -> T:
        if self.index is None:
            return nothing
        try:
            return look(self.index)
        except StateError as error:
            self.index = self.mend(error)
        return look(self.index)


def room_for_passages(reader: Reader, question: str, state: State) -> int | None:
    """Return how many tokens fit the window with the question and a short answer; None if nothing leaves the window.

    The window ends with the open segment, of which the state fills a part. If that leaves less than `auto` takes,
    `auto` wins: more sentences are worth more than keeping the first one visible to the end.
    """
    reading = reader.model.reading
    if not KINDS[reading.memory].closes:
        return None
    window = reading.carry + reading.segment
    asked = len(Prompt(reader.tokenizer).next_question(question.strip()))
    room = max(0, window - asked - min(SHORT_ANSWER, window // 4))
    return max(room - state.position % reading.segment, min(room, default_budget(reading)))


@contextmanager
def retrieved_from(listener: Listener, source: ReadSource, options: RetrievalOptions) -> Iterator[Passages]:
    """Open the index beside the source's state; build it if it is missing, damaged or of another document.

    There is no index if nothing is to be checked, or if it cannot be built: then a warning says why.
    """
    document = cache(lambda: source.document or document_of(source.record))
    files = cache(lambda: source.document or files_of(source.record))
    path = index_path(source.path)

    with ExitStack() as opened:

        def mend(damage: StateError) -> PassageIndex:
            found = document()
            if found is None:
                raise StateError(f"{path}: {damage.message}", damage.hint) from damage
            listener.warn(f"{path}: {damage.message}; it is built again")
            build_index(found, path)
            return opened.enter_context(open_index(path))

        there = options.checks and _is_indexed(listener, source, document)
        index = opened.enter_context(open_index(path)) if there else None
        yield Passages(index, files, options, mend, listener.warn, whereabouts(source.record))


def _is_indexed(listener: Listener, source: ReadSource, document: Callable[[], Document | None]) -> bool:
    if has_index(source.path, source.record.fingerprint):
        return True
    if (found := document()) is not None:
        return ensure_index(listener, found, source.path)
    warn_without_index(listener, source.path, source.record.fingerprint)
    return False
