"""What an answer rests on: sentences of the document that say it, held against the files as they are now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gemma10m.documents import NOT_AT_HAND, Document, FileNow, FilesNow, SourceFile
from gemma10m.documents.text import decoder
from gemma10m.encodings import nbytes
from gemma10m.errors import DocumentError
from gemma10m.passages.cutting import Passage, sentences
from gemma10m.passages.index import PassageIndex
from gemma10m.passages.recall import Excerpt
from gemma10m.passages.words import EMPTY, NEGATIONS, standing, telling

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
    status: str  # of the file: "as read", "changed", "gone", or "not at hand" where nobody knows


@dataclass(frozen=True)
class Claim:
    """One sentence of an answer: what it took over from the question, and what it says of its own."""

    sentence: str
    asked: tuple[str, ...]
    said: tuple[str, ...]

    def stands_in(self, texts: Sequence[str]) -> list[bool]:
        """Whether each text has more than half of what is said, every number and every not among it."""
        numbers = [word for word in self.said if any(character.isdigit() for character in word)]
        plain = [_ungrouped(word) for word in self.said]
        negations = NEGATIONS.intersection(plain)
        return [
            2 * len(found) > len(plain) and negations.issubset(found) and all(_has_number(text, n) for n in numbers)
            for text, found in zip(texts, standing(plain, [_ungrouped(text) for text in texts]), strict=True)
        ]


@dataclass(frozen=True)
class Support:
    """What an answer rests on, and its sentences that rest on nothing."""

    excerpts: tuple[Excerpt, ...] = ()
    missing: tuple[str, ...] = ()


def _has_number(text: str, number: str) -> bool:
    """Not as a part of another: 5 does not stand in 3.5, 50 or 5 000. 1,200 and 1200 are the same."""
    whole = rf"(?<!\w)(?<!\d[.,]){re.escape(_ungrouped(number))}(?!\w|[.,]\d|[ \u00a0\u202f]\d{{3}}(?!\d))"
    return re.search(whole, _ungrouped(text), re.IGNORECASE) is not None


def _ungrouped(text: str) -> str:
    """Without the commas between thousands."""
    return re.sub(r"(?<=\d),(?=\d{3}(?!\d))", "", text)


def claims(question: str, answer: str) -> list[Claim]:
    """The sentences that say something; of an answer that only chooses words of the question, or says yes or no to it,
    the question.
    """
    found = []
    for first, last in sentences(answer):
        words = telling(answer[first:last], EMPTY - NEGATIONS)
        (asked,) = standing(words, [question])
        said = tuple(word for word in words if word not in asked)
        if not NEGATIONS.issuperset(said):
            found.append(Claim(answer[first:last], tuple(asked), said))
    return found or _restated(question, answer)


def _restated(question: str, answer: str) -> list[Claim]:
    (chosen,) = standing(telling(answer), [question])
    if chosen or re.match(r"(yes|no)\b", answer.strip(), re.IGNORECASE):
        return [Claim(answer.strip(), tuple(chosen), tuple(telling(question)))]
    return []


def find_support(index: PassageIndex, question: str, answer: str) -> Support:
    """Sentences that say what the answer says: of passages with all that a sentence of the answer took over from the
    question, and with more than half of what it says of its own. None where more than half of the answer rests on
    nothing.
    """
    if answer.strip() == NOT_IN_TEXT:
        return Support()
    said = claims(question, answer)
    resting = [(claim, _passages(index, claim)) for claim in said]
    missing = tuple(claim.sentence for claim, passages in resting if not passages)
    if 2 * len(missing) > len(said):
        return Support(missing=missing)
    found: dict[tuple[int, int], Excerpt] = {}
    for claim, passages in resting:
        for passage in passages:
            excerpt = _best_sentence(passage, claim)
            found.setdefault((passage.file, passage.start + excerpt.first), excerpt)
    return Support(tuple(found.values())[:SHOWN], missing)


def _passages(index: PassageIndex, claim: Claim) -> list[Passage]:
    """The best that say so, in the document's order."""
    grouped = [f"{int(word):,}" for word in claim.said if re.fullmatch("[0-9]{4,18}", word)]
    found = index.having(list(claim.asked), [*claim.said, *grouped], LOOKED_AT)
    stands = claim.stands_in([passage.text for passage in found])
    best = [passage for passage, there in zip(found, stands, strict=True) if there][:SHOWN]
    return sorted(best, key=lambda passage: (passage.file, passage.start))


def _best_sentence(passage: Passage, claim: Claim) -> Excerpt:
    spans = list(sentences(passage.text))
    texts = [passage.text[slice(*span)] for span in spans]
    fits = [
        (bool(said), len(said) + len(asked))
        for said, asked in zip(standing(claim.said, texts), standing(claim.asked, texts), strict=True)
    ]
    return Excerpt(passage, *spans[fits.index(max(fits))])


def locate(excerpts: Sequence[Excerpt], index: PassageIndex, document: Document | FilesNow | None) -> list[Source]:
    """Each excerpt's place, and its words where the file at hand has them still."""
    return [_located(excerpt, index, document) for excerpt in excerpts]


def _located(excerpt: Excerpt, index: PassageIndex, document: Document | FilesNow | None) -> Source:
    passage = excerpt.passage
    now = document.now(passage.file) if document else FileNow(NOT_AT_HAND)
    file = now.file
    path, encoding = (file.path, file.encoding) if file else index.files[passage.file]
    start = passage.start + nbytes(passage.text[: excerpt.first], encoding)
    stop = start + nbytes(excerpt.text, encoding)
    found = _on_disk(file, start, stop) if file else None
    place = file.place(start) if file else excerpt.place
    quote = excerpt.text if found == excerpt.text else None
    status = file.status() if file and quote is None else now.status
    return Source(path, excerpt.line, place, start, stop, quote, status)


def _on_disk(file: SourceFile, start: int, stop: int) -> str | None:
    try:
        return decoder(file.encoding).decode(file.cut(start, stop), True)
    except (DocumentError, UnicodeDecodeError):
        return None
