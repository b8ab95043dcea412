"""Which words of a text are denied, as far as the words before them tell."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from gemma10m.passages.words import DENIALS, EMPTY, NEGATIONS, WORD, bare

REACH = 2  # words after a negation, up to a name, or the first that carries meaning: "not in the kitchen"
FARTHEST = 5
# "not only", "no less than", "nothing but": nothing is denied.
AFFIRMING = frozenset("but doubt fewer just later least less merely more only sooner till until".split())
CLAUSES = frozenset(
    "although and because but if or that though unless until when where which while who whom whose".split()
)
_PUNCTUATION = re.compile(r"[^\s*_]")


def denies(text: str) -> bool:
    return any(bare(word) in NEGATIONS for word in _words(text))


def by_denial(text: str) -> tuple[str, str]:
    """The words that are said, and those that are denied."""
    said, denied = list[str](), list[str]()
    since, met = FARTHEST, True  # words since a negation, and whether one of them carries meaning
    words = [*_words(text), ""]
    for raw, following in pairwise(words):
        word = bare(raw)
        if word in NEGATIONS and bare(following) not in AFFIRMING:
            since, met = 0, False
        elif not word or word in CLAUSES or (met and raw[:1].isupper()):
            since, met = FARTHEST, True
        else:
            since += 1
        reached = word not in DENIALS and 0 < since <= (REACH if met else FARTHEST)
        (denied if reached else said).append(word)
        met = met or (reached and word not in EMPTY)
    return " ".join(said), " ".join(denied)


def _words(text: str) -> Iterator[str]:
    """The words, and "" where punctuation ends a clause."""
    end = 0
    for match in WORD.finditer(text):
        if _PUNCTUATION.search(text, end, match.start()):
            yield ""
        yield match[0].strip("_")
        end = match.end()
