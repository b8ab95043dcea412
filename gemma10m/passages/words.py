"""Which words of a question or an answer say what it is about."""

from __future__ import annotations

import re

WORD = re.compile(r"\w+(?:[-'’.]\w+)*")
# Words that stand in every passage of English, or that only ask.
EMPTY = frozenset(
    """a about after again all also am an and any are as at be because been before being between both but by can could
    did do does doing down during each for from further had has have having he her here hers him his how i if in into is
    it its itself just know me more most my no nor not now of off on once only or other our out over own please remember
    same say says she should so some such tell than that the their theirs them then there these they this those through
    to too under until up us very was we were what when where which while who whom whose why will with would you
    your""".split()
)
# Chinese, Japanese, Thai, Lao, Khmer, Burmese, Tibetan: words stand side by side.
UNSPACED = re.compile(
    "[\u0e00-\u0eff\u0f00-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)


def telling(text: str) -> list[str]:
    """The words that carry meaning, each once, in their order and in lower case."""
    words = (match[0].lower() for match in WORD.finditer(text))
    return list(dict.fromkeys(word for word in words if word.removesuffix("'s").removesuffix("’s") not in EMPTY))


def is_unspaced(text: str) -> bool:
    """Whether more than a tenth of the text is in a script that puts no spaces between words."""
    return 10 * len(UNSPACED.findall(text)) > len(text)


def as_words(words: list[str]) -> str:
    """An FTS5 query for passages that have any of the words; one with a hyphen counts as a phrase."""
    return " OR ".join(f'"{word}"' for word in words)


def as_trigrams(words: list[str]) -> str:
    """An FTS5 query for any of the words as a part of others; in a script without spaces, for any three characters."""
    return " OR ".join(f"({query})" for word in words if (query := _trigrams(word)))


def _trigrams(word: str) -> str:
    pieces = dict.fromkeys(word[start : start + 3] for start in range(len(word) - 2))
    return (" OR " if is_unspaced(word) else " AND ").join(f'"{piece}"' for piece in pieces)
