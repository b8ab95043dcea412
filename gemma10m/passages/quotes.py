"""What an answer rests on: sentences of the document that say it, held against the files as they are now."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gemma10m.documents import NOT_AT_HAND, Document, FileNow, FilesNow, SourceFile
from gemma10m.documents.text import decoder
from gemma10m.encodings import nbytes
from gemma10m.errors import DocumentError
from gemma10m.passages.claims import Claim, claims
from gemma10m.passages.index import PassageIndex
from gemma10m.passages.retrieve import Excerpt
from gemma10m.passages.support import supporting

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
class Support:
    """What an answer rests on, and its sentences that rest on nothing."""

    excerpts: tuple[Excerpt, ...] = ()
    missing: tuple[str, ...] = ()


def find_support(index: PassageIndex, question: str, answer: str) -> Support:
    """Sentences that say what the answer says. None where more than half of the answer rests on nothing."""
    if answer.strip() == NOT_IN_TEXT:
        return Support()
    said = claims(question, answer)
    resting = [(claim, _excerpts(index, claim)) for claim in said]
    missing = tuple(claim.sentence for claim, excerpts in resting if not excerpts)
    if 2 * len(missing) > len(said):
        return Support(missing=missing)
    found: dict[tuple[int, int], Excerpt] = {}
    for _, excerpts in resting:
        for excerpt in excerpts:
            found.setdefault((excerpt.passage.file, excerpt.passage.start + excerpt.first), excerpt)
    return Support(tuple(found.values())[:SHOWN], missing)


def _excerpts(index: PassageIndex, claim: Claim) -> list[Excerpt]:
    """The best that say so, in the document's order."""
    every = [word for word in claim.asked if word not in claim.numbers]
    numbers = [spelt for word in claim.numbers for spelt in (word, _grouped(word))]
    any_of = list(dict.fromkeys((*claim.said, *numbers)))
    # A name may stand in the passage or in its file's name: where it is rare the words alone find other passages first.
    searches = [index.having(every, any_of, LOOKED_AT, each) for each in dict.fromkeys((claim.subjects, ()))]
    passages = {(each.file, each.start): each for found in searches for each in found}
    best = supporting(claim, list(passages.values()), [path for path, _ in index.files])[:SHOWN]
    return sorted(best, key=lambda excerpt: (excerpt.passage.file, excerpt.passage.start, excerpt.first))


def _grouped(number: str) -> str:
    return f"{int(number):,}" if re.fullmatch("[0-9]{4,18}", number) else number


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
