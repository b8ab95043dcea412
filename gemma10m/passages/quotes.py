"""What an answer rests on: sentences of the document that say it, held against the files as they are now."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gemma10m.documents import Document, SourceFile
from gemma10m.documents.text import decoder
from gemma10m.encodings import nbytes
from gemma10m.errors import DocumentError
from gemma10m.passages.cutting import Passage, sentences
from gemma10m.passages.index import PassageIndex
from gemma10m.passages.recall import Excerpt, score, stem
from gemma10m.passages.words import telling

NOT_IN_TEXT = "The text does not contain the answer."
SHOWN = 3  # sources of an answer, at most
LOOKED_AT = 32  # passages for one sentence of an answer


@dataclass(frozen=True)
class Source:
    """Where an answer stands. Byte offsets are of the file, or of the text taken out of it."""

    file: str
    line: int
    place: str  # page, chapter or cell; "" where there are none
    start: int
    stop: int
    quote: str | None  # None where the file is not what was read: what cannot be checked is not quoted


@dataclass(frozen=True)
class Claim:
    """One sentence of an answer: what it took over from the question, and what it says of its own."""

    asked: tuple[str, ...]
    said: tuple[str, ...]

    def stands_in(self, text: str) -> bool:
        """Whether the text has more than half of what is said, every number among it."""
        numbers = [word for word in self.said if any(character.isdigit() for character in word)]
        return 2 * score(text, self.said) > len(self.said) and all(_has_number(text, number) for number in numbers)


def _has_number(text: str, number: str) -> bool:
    """Not as a part of another: 5 does not stand in 3.5 or 50."""
    return re.search(rf"(?<!\w)(?<!\d[.,]){re.escape(number)}(?!\w|[.,]\d)", text, re.IGNORECASE) is not None


def claims(question: str, answer: str) -> Iterator[Claim]:
    asked = {stem(word) for word in telling(question)}
    for first, last in sentences(answer):
        words = telling(answer[first:last])
        said = tuple(word for word in words if stem(word) not in asked)
        yield Claim(tuple(word for word in words if stem(word) in asked), said)


def find_support(index: PassageIndex, question: str, answer: str) -> list[Excerpt]:
    """Sentences that say what the answer says: of passages with all that a sentence of the answer took over from the
    question, and with more than half of what it says of its own. None: nothing in the text says so.
    """
    found: dict[tuple[int, int], Excerpt] = {}
    for claim in claims(question, answer):
        if not claim.said:
            continue
        found_by_words = index.having(list(claim.asked), list(claim.said), LOOKED_AT)
        best = [passage for passage in found_by_words if claim.stands_in(passage.text)][:SHOWN]
        for passage in sorted(best, key=lambda passage: (passage.file, passage.start)):
            excerpt = _best_sentence(passage, claim)
            found.setdefault((passage.file, passage.start + excerpt.first), excerpt)
    return list(found.values())[:SHOWN]


def _best_sentence(passage: Passage, claim: Claim) -> Excerpt:
    spans = list(sentences(passage.text))
    return Excerpt(passage, *max(spans, key=lambda span: _fit(passage.text[slice(*span)], claim)))


def _fit(text: str, claim: Claim) -> tuple[bool, int]:
    return score(text, claim.said) > 0, score(text, (*claim.said, *claim.asked))


def locate(excerpts: Sequence[Excerpt], index: PassageIndex, document: Document | None) -> list[Source]:
    """Each excerpt's place, and its words where the file at hand has them still."""
    return [_located(excerpt, index, document) for excerpt in excerpts]


def _located(excerpt: Excerpt, index: PassageIndex, document: Document | None) -> Source:
    passage = excerpt.passage
    file = document.files[passage.file] if document else None
    path, encoding = (file.path, file.encoding) if file else index.files[passage.file]
    start = passage.start + nbytes(passage.text[: excerpt.first], encoding)
    stop = start + nbytes(excerpt.text, encoding)
    found = _on_disk(file, start, stop) if file else None
    place = file.place(start) if file else passage.place
    return Source(path, excerpt.line, place, start, stop, excerpt.text if found == excerpt.text else None)


def _on_disk(file: SourceFile, start: int, stop: int) -> str | None:
    try:
        return decoder(file.encoding).decode(file.cut(start, stop), True)
    except (DocumentError, UnicodeDecodeError):
        return None
