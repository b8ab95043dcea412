"""Hold an answer against the document, and find passages by words. All use of `passages.quotes` is here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

from gemma10m.documents import Document, FilesNow
from gemma10m.passages.code_files import is_by_line
from gemma10m.passages.cutting import Passage, sentences
from gemma10m.passages.index import PassageIndex, damaged
from gemma10m.passages.quotes import NOT_IN_TEXT, Source, find_support, locate
from gemma10m.passages.retrieve import Excerpt, scored
from gemma10m.passages.words import telling

VERIFIED, UNVERIFIED, NO_ANSWER, UNCHECKED = "verified", "unverified", "no answer", "unchecked"
Files = Callable[[], Document | FilesNow | None]  # a document's files, opened when they are asked for

__all__ = [
    "NOT_IN_TEXT",
    "NO_ANSWER",
    "UNCHECKED",
    "UNVERIFIED",
    "VERIFIED",
    "Answer",
    "Found",
    "Source",
    "closest",
    "look_up",
]


@dataclass(frozen=True)
class Found:
    """What the document says to an answer."""

    verdict: str = UNCHECKED
    sources: tuple[Source, ...] = ()
    unsupported: tuple[str, ...] = ()  # sentences of the answer that no passage says


@dataclass(frozen=True)
class Answer:
    question: str
    made: str  # what the model said
    verdict: str = UNCHECKED  # or verified, unverified, no answer
    sources: tuple[Source, ...] = ()
    unsupported: tuple[str, ...] = ()
    withheld: bool = False  # no passage says it, and it is not given
    truncated: bool = False  # it was longer than `max_new_tokens`

    @property
    def text(self) -> str:
        return NOT_IN_TEXT if self.withheld else self.made

    def record(self) -> dict[str, object]:
        return {
            "question": self.question,
            "answer": self.text,
            "verdict": self.verdict,
            "truncated": self.truncated,
            "in_text": None if self.verdict == UNCHECKED else bool(self.sources),
            "unchecked_answer": self.made,
            "sources": [asdict(source) for source in self.sources],
            "not_in_text": list(self.unsupported),
        }


def look_up(index: PassageIndex, question: str, made: str, files: Files | None) -> Found:
    """Return the verdict on an answer and where it stands, with quotes if there are `files` to take them from.

    Raises StateError for an index that is damaged.
    """
    support = find_support(index, question, made)
    verdict = VERIFIED if support.excerpts else UNVERIFIED if made.strip() not in ("", NOT_IN_TEXT) else NO_ANSWER
    document = _opened(index, files) if files and support.excerpts else None
    return Found(verdict, tuple(locate(support.excerpts, index, document)), support.missing)


def closest(index: PassageIndex, words: str, limit: int, files: Files) -> list[Source]:
    """Return the sentence with the most of the words of each of the best passages, the best passage first."""
    wanted = telling(words)
    passages = index.search(wanted, limit)
    document = _opened(index, files) if passages else None
    best = [_best_sentence(passage, wanted, index.files[passage.file][0]) for passage in passages]
    return locate(best, index, document)


def _best_sentence(passage: Passage, words: list[str], path: str) -> Excerpt:
    spans = list(sentences(passage.text, is_by_line(path))) or [(0, len(passage.text))]
    scores = scored(words, [passage.text[slice(*span)] for span in spans])
    return Excerpt(passage, *spans[scores.index(max(scores))])


def _opened(index: PassageIndex, files: Files) -> Document | FilesNow | None:
    document = files()
    if document and len(document.files) != len(index.files):
        raise damaged()
    return document
