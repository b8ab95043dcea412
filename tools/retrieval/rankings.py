"""Ways of ranking passages for a question, to compare with the one of gemma10m.passages."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

from gemma10m.passages.cutting import sentences
from gemma10m.passages.folding import fold
from gemma10m.passages.index import fused
from gemma10m.passages.retrieve import SEARCHED, scored
from gemma10m.passages.searching import names
from gemma10m.passages.words import EMPTY, WORD, as_words, standing, telling
from retrieval.trial_index import TrialIndex

RATED = 64
Ranking = Callable[[TrialIndex, str], list[int]]


def by_words(weight: float = 1.0) -> Ranking:
    return lambda index, question: list(index.rated(as_words(telling(question)), SEARCHED, weight))


def by_count(index: TrialIndex, question: str) -> list[int]:
    """Reorder by the number of the question's words that a passage has."""
    words = telling(question)
    found = list(index.rated(as_words(words), SEARCHED))
    scores = dict(zip(found, scored(words, [index.text(number) for number in found]), strict=True))
    return sorted(found, key=lambda number: -scores[number])


def with_phrases(index: TrialIndex, question: str) -> list[int]:
    """Rate neighbouring words of the question as phrases, too."""
    words = [match[0] for match in WORD.finditer(fold(question).casefold())]
    pairs = [f'"{one} {two}"' for one, two in pairwise(words) if EMPTY.isdisjoint((one, two))]
    return list(index.rated(" OR ".join([as_words(telling(question)), *pairs]), SEARCHED))


def with_names_twice(index: TrialIndex, question: str) -> list[int]:
    _, *rest = question.split(" ", 1)
    named = [f'"{name}"' for name in names(" ".join(rest))]
    return list(index.rated(" OR ".join([as_words(telling(question)), *named]), SEARCHED))


def by_window(share: float) -> Ranking:
    """Add a share for the question's words, by rarity, that two neighbouring sentences have."""

    def rank(index: TrialIndex, question: str) -> list[int]:
        words = telling(question)
        rated = _shares(index.rated(as_words(words), SEARCHED))
        rarity = {word: math.log(1 + index.count / (1 + index.holders(word))) for word in words}
        windows = {number: _windows(index.text(number)) for number in rated}
        had = iter(standing(words, [text for texts in windows.values() for text in texts]))
        for number, texts in windows.items():
            best = max((sum(rarity[word] for word in next(had)) for _ in texts), default=0.0)
            rated[number] += share * best / (sum(rarity.values()) or 1.0)
        return _best(rated)

    return rank


def _windows(text: str) -> list[str]:
    spans = list(sentences(text))
    return [text[first[0] : second[1]] for first, second in zip(spans, [*spans[1:], spans[-1]], strict=True)]


def less_by_length(power: float) -> Ranking:
    """Soften the measure of BM25 against long passages."""

    def rank(index: TrialIndex, question: str) -> list[int]:
        rated = index.rated(as_words(telling(question)), RATED)
        return _best({number: score * index.length(number) ** power for number, score in rated.items()})

    return rank


def fused_with_second(weight: float = 1.0) -> Ranking:
    """Fuse, by reciprocal rank, with a search for the words that the best passage lacks and for the names in it."""

    def rank(index: TrialIndex, question: str) -> list[int]:
        first = index.rated(as_words(telling(question)), RATED, weight)
        return fused([list(first), list(_second(index, question, first, weight))])

    return rank


def added_to_second(share: float, weight: float = 1.0) -> Ranking:
    """Add a share of that search's scores."""

    def rank(index: TrialIndex, question: str) -> list[int]:
        first = index.rated(as_words(telling(question)), RATED, weight)
        rated = _shares(first)
        second = _second(index, question, first, weight)
        second.pop(next(iter(first), 0), None)  # the best leads to others, not to itself
        for number, score in _shares(second).items():
            rated[number] = rated.get(number, 0.0) + share * score
        return _best(rated)

    return rank


def _second(index: TrialIndex, question: str, first: dict[int, float], weight: float) -> dict[int, float]:
    words, best = telling(question), next(iter(first), None)
    if best is None:
        return {}
    text = index.text(best)
    (known,) = standing(words, [text])
    missing = [word for word in words if word not in known]
    if not missing:
        return {}
    named = [name for name in dict.fromkeys(names(text)) if not set(words).issuperset(name.split())][:24]
    return index.rated(" OR ".join([as_words(missing), *(f'"{name}"' for name in named)]), RATED, weight)


def _shares(scores: dict[int, float]) -> dict[int, float]:
    return {number: score / max(scores.values()) for number, score in scores.items()}


def _best(rated: dict[int, float]) -> list[int]:
    return sorted(rated, key=lambda number: -rated[number])
