"""Whether passages say what a claim says: in one sentence, in two neighbours, or, without numbers, anywhere."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath

from gemma10m.passages.claims import Claim
from gemma10m.passages.code_files import is_by_line
from gemma10m.passages.cutting import Passage, sentences
from gemma10m.passages.negation import by_denial, denies
from gemma10m.passages.retrieve import Excerpt
from gemma10m.passages.words import standing, ungrouped

ONE, TWO, ANYWHERE = 2, 1, 0  # the more together, the better
# With these a sentence goes on about what the one before it was about.
_PRONOUNS = re.compile(r"""\W*(?:he|her|his|it|its|she|that|their|these|they|this|those)\b""", re.IGNORECASE)
_FIGURES = re.compile(r"(?<![\w:.,])\d+(?:[.,:]\d+)*")
_LISTED = re.compile(r"\s*[(\[]?\d{1,3}[.)]\s")


@dataclass(frozen=True)
class _Sentence:
    span: tuple[int, int]
    text: str
    words: frozenset[str]  # of the claim
    numbers: frozenset[str]  # of the claim
    figures: bool  # whether it has other numbers than claim and question

    @property
    def goes_on(self) -> bool:
        return _PRONOUNS.match(self.text) is not None


@dataclass(frozen=True)
class _Finding:
    excerpt: Excerpt
    rank: tuple[int, int]  # how close together, and how many of the claim's words
    topic: int  # how many of the question's


def supporting(claim: Claim, passages: Sequence[Passage], paths: Sequence[str]) -> list[Excerpt]:
    """The best excerpt of each passage that says so, the best first; none where what says most says the contrary."""
    found = [finding for said in _read(claim, passages, paths) for finding in said.findings()]
    agrees = _agree(claim, [finding.excerpt.text for finding in found])
    agreeing = [finding for finding, agreed in zip(found, agrees, strict=True) if agreed]
    best = max((finding.rank for finding in agreeing), default=None)
    if best is None or best < max(finding.rank for finding in found):
        return []
    kept: dict[int, Excerpt] = {}
    for finding in sorted(agreeing, key=lambda finding: (finding.rank, finding.topic), reverse=True):
        if finding.rank[0] == best[0]:
            kept.setdefault(id(finding.excerpt.passage), finding.excerpt)
    return list(kept.values())


@dataclass(frozen=True)
class _PassageWords:
    """A passage's sentences, each with what it has of the claim."""

    claim: Claim
    passage: Passage
    titles: frozenset[str]  # names in the question that stand in the file's name or the chapter's
    sentences: Sequence[_Sentence]

    def findings(self) -> list[_Finding]:
        """Of the closest kind there is."""
        ones = [_of((each,)) for each in self.sentences if self._in_one(each)]
        twos = [_of(pair) for pair in pairwise(self.sentences) if not ones and self._in_two(*pair)]
        if ones or twos:
            return [self._finding(ONE if ones else TWO, *each) for each in ones or twos]
        words = frozenset[str]().union(*(each.words for each in self.sentences))
        if self.claim.numbers or not self._holds(words):
            return []
        said = [(bool(each.words.intersection(self.claim.said)), self._score(each.words)) for each in self.sentences]
        best = [each for each, score in zip(self.sentences, said, strict=True) if score == max(said)]
        return [self._finding(ANYWHERE, *_of((each,))) for each in best]

    def _finding(self, kind: int, span: tuple[int, int], words: frozenset[str]) -> _Finding:
        topic = len(words.intersection(self.claim.question))
        return _Finding(Excerpt(self.passage, *span), (kind, self._score(words)), topic)

    def _score(self, words: frozenset[str]) -> int:
        return len(words.intersection((*self.claim.asked, *self.claim.said)))

    def _holds(self, words: frozenset[str], own: frozenset[str] | None = None) -> bool:
        """`own`: where what is said must stand."""
        claim, said = self.claim, words if own is None else own
        named = not claim.subjects or bool((words | self.titles).intersection(claim.subjects))
        most = 2 * len(said.intersection(claim.said)) > len(claim.said)
        return named and most and words.issuperset(claim.asked) and words.issuperset(claim.names)

    def _in_one(self, sentence: _Sentence) -> bool:
        claim = self.claim
        if not self._holds(sentence.words) or not sentence.numbers.issuperset(claim.numbers):
            return False
        tied = any(word not in claim.numbers for word in claim.asked)
        return not claim.numbers or tied or not self._outdone(sentence)

    def _in_two(self, before: _Sentence, after: _Sentence) -> bool:
        words, numbers = before.words | after.words, before.numbers | after.numbers
        if not self._holds(words) or not numbers.issuperset(self.claim.numbers):
            return False
        whole = [each for each in (before, after) if each.numbers.issuperset(self.claim.numbers)]
        if not self.claim.numbers or not whole:
            return True
        if after in whole and after.goes_on:
            return not before.figures or self._holds(words, after.words)
        return any(not self._outdone(each) for each in whole if not (before if each is after else after).figures)

    def _outdone(self, sentence: _Sentence) -> bool:
        """Whether another sentence has all that this one has of the question, and more, and a number of its own."""
        topic = frozenset(self.claim.question)
        return any(each.figures and each.words & topic > sentence.words & topic for each in self.sentences)


def _of(together: tuple[_Sentence, ...]) -> tuple[tuple[int, int], frozenset[str]]:
    span = together[0].span[0], together[-1].span[1]
    return span, frozenset[str]().union(*(each.words for each in together))


def _read(claim: Claim, passages: Sequence[Passage], paths: Sequence[str]) -> Iterator[_PassageWords]:
    cut = [
        (number, span)
        for number, passage in enumerate(passages)
        for span in sentences(passage.text, is_by_line(paths[passage.file]))
    ]
    texts = [passages[number].text[slice(*span)] for number, span in cut]
    titles = [" ".join((PurePath(paths[each.file]).name, *(name for _, name in each.places))) for each in passages]
    has = [frozenset(found) for found in standing(claim.words, [ungrouped(text) for text in (*texts, *titles)])]
    known = _figures(" ".join((claim.sentence, *claim.words)))
    read = [
        (number, _Sentence(span, text, words, _numbers(claim, text), bool(_figures(text) - known)))
        for (number, span), text, words in zip(cut, texts, has[: len(texts)], strict=True)
    ]
    for number, passage in enumerate(passages):
        yield _PassageWords(claim, passage, has[len(texts) + number], [each for at, each in read if at == number])


def _agree(claim: Claim, texts: Sequence[str]) -> list[bool]:
    """Whether nothing is denied in a text that is not denied in the claim, nor the other way round; for a No, whether
    something is. One denial in common is enough: the words after it are never all the same.
    """
    parts = [part for text in (claim.stated, *texts) for part in by_denial(ungrouped(text))]
    has = [set(found) for found in standing(claim.words, parts)]
    said, denied = has[0] - has[1], has[1] - has[0]

    def agrees(text: str, says: set[str], contests: set[str]) -> bool:
        if claim.denied:
            return bool(said & (contests - says))
        if denied & contests:
            return True
        if denies(claim.stated) and not denies(text):
            return False
        return not (said & (contests - says) or denied & (says - contests))

    return [agrees(text, *pair) for text, pair in zip(texts, zip(has[2::2], has[3::2], strict=True), strict=True)]


def _numbers(claim: Claim, text: str) -> frozenset[str]:
    return frozenset(number for number in claim.numbers if _has_number(text, number))


def _figures(text: str) -> set[str]:
    return set(_FIGURES.findall(ungrouped(_LISTED.sub("", text, count=1) if _LISTED.match(text) else text)))


def _has_number(text: str, number: str) -> bool:
    """Not as a part of another: 5 does not stand in 3.5, 50 or 5 000. 1,200 and 1200 are the same."""
    whole = rf"(?<!\w)(?<!\d[.,]){re.escape(number)}(?!\w|[.,]\d|[ \u00a0\u202f]\d{{3}}(?!\d))"
    return re.search(whole, ungrouped(text), re.IGNORECASE) is not None
