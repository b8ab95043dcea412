"""Compare an answer with the document, and find passages by words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

from gemma10m.answering.comparing import AnswerPart
from gemma10m.documents import Document, FilesNow
from gemma10m.passages.index import PassageIndex, damaged
from gemma10m.passages.quotes import Source, locate
from gemma10m.passages.retrieve import Excerpt
from gemma10m.passages.statements import NOT_IN_TEXT, says_nothing
from gemma10m.passages.verdicts import closest, verify
from gemma10m.passages.verdicts import matching as matching_sentences
from gemma10m.passages.words import telling

VERIFIED, UNVERIFIED, NO_ANSWER, UNCHECKED = "verified", "unverified", "no answer", "unchecked"
SHOWN = 3  # passages, where there is no answer
Files = Callable[[], Document | FilesNow | None]  # a document's files, opened when they are asked for


@dataclass(frozen=True)
class Answer:
    question: str
    made: str  # what the model said
    verdict: str = UNCHECKED  # or verified, unverified, no answer
    sources: tuple[Source, ...] = ()
    unsupported: tuple[str, ...] = ()
    same_words: tuple[str, ...] = ()  # of `unsupported`, those whose words are all in one sentence or row
    closest: tuple[Source, ...] = ()  # to the question, where there is no answer
    absent: bool = False  # there is no answer, and no passage has a word of the question
    withheld: bool = False  # there is no answer; in strict mode also one that is not verified
    truncated: bool = False  # it was longer than `max_new_tokens`
    parts: tuple[AnswerPart, ...] = ()  # what it was made from, each compared with the text on its own
    understood_as: str = ""  # the question with names for what it refers back to; "" if it can be understood alone

    @property
    def text(self) -> str:
        """Return the text to show: for a withheld answer "", or a sentence if no passage has a word of the question."""
        if self.withheld:
            return NOT_IN_TEXT if self.absent else ""
        return self.made

    @property
    def is_searchable(self) -> bool:
        """Tell if the question has words that passages can be found by."""
        return bool(telling(self.understood_as or self.question))

    def record(self) -> dict[str, object]:
        return {
            "question": self.question,
            **({"understood_as": self.understood_as} if self.understood_as else {}),
            "answer": self.text,
            "verdict": None if self.verdict == UNCHECKED else self.verdict,
            "truncated": self.truncated,
            "in_text": None if self.verdict == UNCHECKED else self.verdict == VERIFIED,
            "unchecked_answer": self.made,
            "sources": [source.record() for source in self.sources],
            "not_in_text": list(self.unsupported),
            "closest": [source.record() for source in self.closest],
            **({"parts": [asdict(part) for part in self.parts]} if self.parts else {}),
        }


def look_up(index: PassageIndex, question: str, made: str, files: Files, quoted: bool, strict: bool) -> Answer:
    """Return an answer with its verdict and its sources. quoted: compare quotes with the files.

    An unverified answer gets the passages closest to question and answer where quotes are wanted, or with `strict`.
    Raises StateError for a damaged index.
    """
    found = verify(index, question, made)
    sources = tuple(_located(index, found.quotes, files if quoted else lambda: None))
    near, absent = list[Source](), False
    if found.verdict == NO_ANSWER:
        near = _located(index, closest(index, question, SHOWN), files)
        absent = not near and bool(telling(question))
    elif found.verdict == UNVERIFIED and (strict or quoted):
        near = _located(index, closest(index, f"{question} {made}", SHOWN), files)
    return Answer(question, made, found.verdict, sources, found.unsupported, found.same_words, tuple(near), absent)


def look_up_parts(
    index: PassageIndex,
    question: str,
    made: str,
    parts: Sequence[AnswerPart],
    files: Files,
    quoted: bool,
    strict: bool,
) -> Answer:
    """Return an answer that was made from parts with its verdict: it is verified if each part is.

    Raises StateError for a damaged index.
    """
    found = [(part, look_up(index, part.question, part.answer, files, quoted, strict)) for part in parts]
    without = [(_said(part, question), each) for part, each in found if each.verdict != VERIFIED]
    return Answer(
        question,
        made,
        UNVERIFIED if without else VERIFIED,
        _once(source for _, each in found for source in each.sources),
        tuple(said for said, _ in without),
        tuple(said for said, each in without if each.same_words),
        _once(source for _, each in without for source in each.closest)[:SHOWN],
    )


def _said(part: AnswerPart, question: str) -> str:
    return part.answer if part.question == question else f"{part.question} {part.answer}"


def _once(sources: Iterable[Source]) -> tuple[Source, ...]:
    return tuple(dict.fromkeys(sources))


def without_index(question: str, made: str) -> Answer:
    """Return an answer that is compared with nothing: one that says nothing counts as no answer."""
    return Answer(question, made, NO_ANSWER if says_nothing(made) else UNCHECKED)


def matching(index: PassageIndex, words: str, limit: int, files: Files) -> list[Source]:
    """Return all sentences with any of the words in the best passages; the best passage first."""
    return _located(index, matching_sentences(index, words, limit), files)


def _located(index: PassageIndex, excerpts: Sequence[Excerpt], files: Files) -> list[Source]:
    """Return the excerpts' places, and their words if the files, opened where there is an excerpt, still have them."""
    document = files() if excerpts else None
    if document and len(document.files) != len(index.files):
        raise damaged()
    return locate(excerpts, index, document)
