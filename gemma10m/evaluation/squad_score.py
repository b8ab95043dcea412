"""Score what was said against right answers, as SQuAD 2.0's official script and RULER do."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalised(text: str) -> str:
    """Return the text in lower case, without punctuation and articles, with single spaces."""
    return " ".join(_ARTICLES.sub(" ", text.lower().translate(_PUNCTUATION)).split())


def exact_match(said: str, answers: Sequence[str]) -> float:
    """Return 1.0 if what was said is one of the answers; with no answers, if nothing was said."""
    return float(normalised(said) in map(normalised, _gold(answers)))


def f1(said: str, answers: Sequence[str]) -> float:
    """Return the best F1 of words over the answers; with no answers, 1.0 if nothing was said."""
    return max(_f1(normalised(said).split(), normalised(answer).split()) for answer in _gold(answers))


def contains(said: str, answers: Sequence[str]) -> bool:
    """Tell if one of the answers is a part of what was said, in lower case: RULER's score."""
    return any(answer.lower() in said.lower() for answer in answers)


def _gold(answers: Sequence[str]) -> Sequence[str]:
    """Return the answers that have words, or the empty answer."""
    return [answer for answer in answers if normalised(answer)] or [""]


def _f1(said: Sequence[str], answer: Sequence[str]) -> float:
    if not said or not answer:
        return float(said == answer)
    common = (Counter(said) & Counter(answer)).total()
    return 2 * common / (len(said) + len(answer))
