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
SHOWN = 3  # passages, where there is no answer
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
    """What the document says to an answer, or where it comes closest to the question."""

    verdict: str = UNCHECKED
    sources: tuple[Source, ...] = ()
    unsupported: tuple[str, ...] = ()  # sentences of the answer that no passage says
    closest: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Answer:
    question: str
    made: str  # what the model said
    verdict: str = UNCHECKED  # or verified, unverified, no answer
    sources: tuple[Source, ...] = ()
    unsupported: tuple[str, ...] = ()
    closest: tuple[Source, ...] = ()  # to the question, where there is no answer
    withheld: bool = False  # there is no answer; in strict mode also one that is not verified
    truncated: bool = False  # it was longer than `max_new_tokens`

    @property
    def text(self) -> str:
        """What to show: of an answer that is withheld nothing, or that no passage has a word of the question."""
        if self.withheld:
            return "" if self.closest else NOT_IN_TEXT
        return self.made

    def record(self) -> dict[str, object]:
        return {
            "question": self.question,
            "answer": self.text,
            "verdict": None if self.verdict == UNCHECKED else self.verdict,
            "truncated": self.truncated,
            "in_text": None if self.verdict == UNCHECKED else self.verdict == VERIFIED,
            "unchecked_answer": self.made,
            "sources": [asdict(source) for source in self.sources],
            "not_in_text": list(self.unsupported),
            "closest": [asdict(source) for source in self.closest],
        }


def look_up(
    index: PassageIndex, question: str, made: str, files: Files, quoted: bool = True, strict: bool = False
) -> Found:
    """Return the verdict on an answer and where it stands. quoted: whether its quotes are held against the files.

    strict: the closest passages are given for what is unverified, too. Raises StateError for a damaged index.
    """
    support = find_support(index, question, made)
    if made.strip() in ("", NOT_IN_TEXT):
        verdict = NO_ANSWER
    else:
        verdict = VERIFIED if support.excerpts and not support.missing else UNVERIFIED
    document = _opened(index, files) if quoted and support.excerpts else None
    sources = tuple(locate(support.excerpts, index, document))
    is_asked = verdict == NO_ANSWER or (strict and verdict == UNVERIFIED)
    near = tuple(closest(index, question, SHOWN, files)) if is_asked else ()
    return Found(verdict, sources, support.missing, near)


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
