"""Find the passages that answer a question: by its words, the names that the best one leads to, and near words."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

from gemma10m.passages.cutting import Passage
from gemma10m.passages.folding import fold, is_in
from gemma10m.passages.index import SEARCHED_WORDS, PassageIndex, fused
from gemma10m.passages.words import name_spans, standing, telling

RATED = 64  # passages of either search
SECOND = 0.3  # share of the second search in a score; more costs questions that one passage answers
RERANKED = 32  # passages whose sentences are looked at
COVERAGE = 0.5  # share in a score of the question's words that two neighbouring sentences have
NAMES = 24  # of one passage
NAME_WORDS = 6


def find(index: PassageIndex, question: str, limit: int) -> list[Passage]:
    """Return the best passages for the question, the best first.

    Where the best one lacks words of the question, passages are rated by these and by the names in it, too: the answer
    may be told of someone, or something, that only the best passage names. Words that are close together count more.
    """
    words = telling(question)[:SEARCHED_WORDS]
    rated = _shares(index.rated(words, (), RATED))
    if rated:
        best = next(iter(rated))
        for number, share in _led_to(index, words, best).items():
            rated[number] = rated.get(number, 0.0) + SECOND * share
    ranked = sorted(rated, key=lambda number: -rated[number])[:RERANKED]
    found = fused([ranked, index.with_parts(words, RERANKED)])
    shares = _covered(index, words, found)
    scores = {number: rated.get(number, 0.0) + COVERAGE * share for number, share in zip(found, shares, strict=True)}
    return [index.passage(number) for number in sorted(found, key=lambda number: -scores[number])[:limit]]


def holding(index: PassageIndex, sentence: str) -> int | None:
    """Return the number of the passage that holds the sentence, or None: it is among those with its words."""
    found = index.with_words(telling(sentence), RERANKED)
    return next((number for number in found if is_in(sentence, index.passage(number).text)), None)


def _covered(index: PassageIndex, words: Sequence[str], numbers: Sequence[int]) -> list[float]:
    """Return the share of the words, by rarity, that two neighbouring sentences of each passage have."""
    rarity = {word: math.log1p(index.count / (1 + index.holders(word))) for word in words}
    passages = [index.passage(number) for number in numbers]
    cut = [[each.text[slice(*span)] for span in index.spans(each)] for each in passages]
    had = map(set, standing(words, [sentence for each in cut for sentence in each]))
    whole = sum(rarity.values()) or 1.0
    return [_nearest(rarity, list(islice(had, len(each)))) / whole for each in cut]


def _nearest(rarity: dict[str, float], had: list[set[str]]) -> float:
    pairs = [one | other for one, other in pairwise(had)] or had
    return max((sum(rarity[word] for word in pair) for pair in pairs), default=0.0)


def _led_to(index: PassageIndex, words: list[str], best: int) -> dict[int, float]:
    text = index.passage(best).text
    known = set(standing(words, [text])[0])
    missing = [word for word in words if word not in known]
    if not missing:
        return {}
    asked = set(words)
    others = dict.fromkeys(name for name in names(text) if not asked.issuperset(name.split()))
    found = index.rated(missing, list(islice(others, NAMES)), RATED)
    found.pop(best, None)
    return _shares(found)


def _shares(scores: dict[int, float]) -> dict[int, float]:
    """Return the scores as shares of the highest, the highest first."""
    most = max(scores.values(), default=0.0) or 1.0
    return {number: scores[number] / most for number in sorted(scores, key=lambda number: -scores[number])}


def names(text: str) -> Iterator[str]:
    """Yield the telling words of each run of capitalised words, in lower case."""
    folded = fold(text)
    for first, last in name_spans(folded):
        if found := telling(folded[first:last])[:NAME_WORDS]:
            yield " ".join(found)
