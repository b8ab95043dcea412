"""`--recall` and `--sources`: passages read again before a question, and what an answer rests on."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from reprlib import repr as shortened
from typing import TypeVar

from gemma10m.commands.indexing import ensure_index, has_index, index_path, warn_without_index
from gemma10m.commands.models import remembers
from gemma10m.commands.reading import ReadSource
from gemma10m.documents import Document, FilesNow
from gemma10m.errors import StateError, UsageError
from gemma10m.memory import KINDS
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.passages.building import build_index
from gemma10m.passages.index import PassageIndex, damaged, open_index
from gemma10m.passages.quotes import Source, locate
from gemma10m.passages.retrieve import default_budget, has_room_for_passages, retrieve, shown
from gemma10m.passages.statements import NOT_IN_TEXT
from gemma10m.passages.verdicts import Verdict, closest, verify
from gemma10m.saved_states import Reader, document_of, files_of
from gemma10m.terminal import Terminal
from gemma10m.tokens.prompt import Prompt

T = TypeVar("T")
NUMBER = re.compile(r"[0-9]{1,9}")
SHORT_ANSWER = 64  # tokens
SHOWN = 3  # passages, where there is no answer


@dataclass(frozen=True)
class RetrievalOptions:
    recall: str = "auto"  # "auto", "off", or tokens
    sources: bool = False  # where it stands is told, which JSON always does

    def __post_init__(self) -> None:
        """Raises UsageError."""
        if self.recall not in ("auto", "off") and not NUMBER.fullmatch(self.recall):
            raise UsageError(f"--recall must be auto, off or a number of tokens, found {shortened(self.recall)}")

    @property
    def checks(self) -> bool:
        """Whether an answer is held against the document."""
        return self.withholds or self.sources

    @property
    def withholds(self) -> bool:
        """Whether an answer that no passage says is not given."""
        return self.recall != "off"

    def budget(self, model: Decoder) -> int:
        """Tokens of passages before a question; 0 for none.

        auto: what has room for whole passages; single sentences only for a model that remembers nothing by itself.
        """
        if self.recall == "off":
            return 0
        if self.recall == "auto":
            budget = default_budget(model.reading)
            return budget if has_room_for_passages(budget) or not remembers(model) else 0
        return int(self.recall)


@dataclass(frozen=True)
class Checked:
    """An answer and what it rests on."""

    made: str  # what the model said
    sources: list[Source] | None  # None: there was nothing to look it up in
    missing: tuple[str, ...] = ()  # its sentences that are not found in the text
    verdict: Verdict | None = None  # None as `sources` is
    closest: tuple[Source, ...] = ()  # to the question, where there is no answer
    waited: bool = False  # nothing of it was shown before it was checked

    @property
    def shown(self) -> str:
        """What the model said; of no answer nothing, and only where no passage has a word of the question that."""
        if self.verdict != "no answer" or not self.waited:
            return self.made
        return "" if self.closest else NOT_IN_TEXT

    def record(self) -> dict[str, object]:
        return {
            "answer": self.shown,
            "verdict": self.verdict,
            "in_text": None if self.verdict is None else self.verdict == "verified",
            "unchecked_answer": self.made,
            "sources": [asdict(source) for source in self.sources or []],
            "not_in_text": list(self.missing),
            "closest": [asdict(source) for source in self.closest],
        }


@dataclass
class Passages:
    """A document's index and the document itself, each where it is at hand."""

    index: PassageIndex | None
    document: Callable[[], Document | FilesNow | None]  # its files, opened when they are asked for
    options: RetrievalOptions
    mend: Callable[[StateError], PassageIndex]  # a new index for one that turned out to be damaged; raises StateError
    warn: Callable[[str], None] = lambda text: None
    _capped: bool = False

    @property
    def withhold(self) -> bool:
        """Whether an answer that no passage says is not given."""
        return self.index is not None and self.options.withholds

    def retrieved(self, reader: Reader, question: str, state: State) -> str:
        """What is read again between the state and the question."""
        budget = self._fitting(self.budget(reader), reader, question, state)
        if not budget:
            return ""
        return shown(self._look(lambda index: retrieve(index, reader.tokenizer, question, budget), nothing=[]))

    def budget(self, reader: Reader) -> int:
        """Tokens that are read again before a question."""
        return self.options.budget(reader.model) if self.index else 0

    def _fitting(self, wanted: int, reader: Reader, question: str, state: State) -> int:
        """What `auto` takes is left alone; a number that the user gave may push out its own passages."""
        room = room_for_passages(reader, question, state) if self.options.recall != "auto" else None
        if room is None or wanted <= room:
            return wanted
        if not self._capped:
            self.warn(
                f"--recall {wanted} is more than the window holds beside the question and its answer: "
                f"{room} tokens are recalled"
            )
        self._capped = True
        return room

    def check(self, question: str, made: str, waited: bool, quoted: bool | None = None) -> Checked:
        """`quoted`: whether its sources are compared with the files, as the options say where nothing is said."""
        compared = self.options.sources if quoted is None else quoted

        def checked(index: PassageIndex) -> Checked:
            found = verify(index, question, made)
            near = closest(index, question, SHOWN) if found.verdict == "no answer" else []
            document = self.document() if near or (compared and found.quotes) else None
            if document and len(document.files) != len(index.files):
                raise damaged()
            sources = locate(found.quotes, index, document)
            return Checked(
                made, sources, found.unsupported, found.verdict, tuple(locate(near, index, document)), waited
            )

        return self._look(checked, Checked(made, None))

    def _look(self, look: Callable[[PassageIndex], T], nothing: T) -> T:
        if self.index is None:
            return nothing
        try:
            return look(self.index)
        except StateError as error:
            self.index = self.mend(error)
        return look(self.index)


def room_for_passages(reader: Reader, question: str, state: State) -> int | None:
    """Tokens after which the question and a short answer still see all of them; None where nothing leaves the window.

    The window ends with the open segment, of which the state fills a part: where that leaves less than `auto` takes,
    sentences are worth more than that the first of them is seen to the end.
    """
    reading = reader.model.reading
    if not KINDS[reading.memory].closes:
        return None
    window = reading.carry + reading.segment
    asked = len(Prompt(reader.tokenizer).next_question(question.strip()))
    room = max(0, window - asked - min(SHORT_ANSWER, window // 4))
    return max(room - state.position % reading.segment, min(room, default_budget(reading)))


@contextmanager
def retrieved_from(terminal: Terminal, source: ReadSource, options: RetrievalOptions) -> Iterator[Passages]:
    """The index beside the source's state, made now where it is missing, damaged or of another document.

    No index when nothing is to be checked, and, which is said, when none can be made.
    """
    document = cache(lambda: source.document or document_of(source.record))
    files = cache(lambda: source.document or files_of(source.record))
    path = index_path(source.path)

    with ExitStack() as opened:

        def mend(damage: StateError) -> PassageIndex:
            found = document()
            if found is None:
                raise StateError(f"{path}: {damage.message}", damage.hint) from damage
            terminal.warn(f"{path}: {damage.message}; it is made again")
            build_index(found, path)
            return opened.enter_context(open_index(path))

        there = options.checks and _is_indexed(terminal, source, document)
        index = opened.enter_context(open_index(path)) if there else None
        yield Passages(index, files, options, mend, terminal.warn)


def _is_indexed(terminal: Terminal, source: ReadSource, document: Callable[[], Document | None]) -> bool:
    if has_index(source.path, source.record.fingerprint):
        return True
    if (found := document()) is not None:
        return ensure_index(terminal, found, source.path)
    warn_without_index(terminal, source.path, source.record.fingerprint)
    return False
