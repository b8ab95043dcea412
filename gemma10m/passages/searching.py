"""Find the passages that answer a question: by its words, and by the names that the best of them leads to."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from gemma10m.passages.cutting import Passage
from gemma10m.passages.folding import fold
from gemma10m.passages.index import PassageIndex, fused
from gemma10m.passages.words import WORD, standing, telling

RATED = 64  # passages of either search
SECOND = 0.3  # share of the second search in a score; more costs questions that one passage answers
NAMES = 24  # of one passage
NAME_WORDS = 6


def find(index: PassageIndex, question: str, limit: int) -> list[Passage]:
    """Return the best passages for the question, the best first.

    Where the best one lacks words of the question, passages are rated by these and by the names in it, too: the answer
    may be told of someone, or something, that only the best passage names.
    """
    words = telling(question)
    rated = _shares(index.rated(words, (), RATED))
    if rated:
        best = next(iter(rated))
        for number, share in _led_to(index, words, best).items():
            rated[number] = rated.get(number, 0.0) + SECOND * share
    ranked = sorted(rated, key=lambda number: -rated[number])
    return [index.passage(number) for number in fused([ranked, index.with_parts(words, limit)])[:limit]]


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
    folded, run, stop = fold(text), list[str](), 0
    for match in WORD.finditer(folded):
        if run and (folded[stop : match.start()] != " " or not match[0][0].isupper()):
            yield from _name(run)
            run = []
        if match[0][0].isupper():
            run.append(match[0])
        stop = match.end()
    yield from _name(run)


def _name(run: list[str]) -> Iterator[str]:
    if found := telling(" ".join(run))[:NAME_WORDS]:
        yield " ".join(found)
