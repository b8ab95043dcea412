"""Put words together that were divided at the end of a line, with their hyphen or without."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec

SOFT = "\u00ad"
LINE = "\v"  # between the lines of a cell of a table
_TAIL = re.compile(r"([^\W\d_]+)(-|\u2010|\u00ad)$")
_HEAD = re.compile(r"[^\W\d_]\S*")
_LETTERS = re.compile(r"[^\W\d_]+")
_WORD = re.compile(r"[^\W\d_]+(?:[-\u2010][^\W\d_]+)*")
# Words by which a language is known, of the languages that pyspellchecker has lists of.
_USUAL = {
    "en": "the of and to in is that",
    "de": "der die und das nicht ist den",
    "fr": "le les et des est une dans",
    "es": "el los y las que una por",
    "it": "il di che della non sono per",
    "pt": "os não uma que em do para",
    "nl": "het een van niet zijn met op",
}


def whole_words(lines: Sequence[str]) -> Iterator[str]:
    """Yield the words of the lines in lower case, without the rests of words that a line's end divides."""
    is_rest = False
    for part in (part for line in lines for cell in line.split("\t") for part in cell.split(LINE)):
        words = _WORD.findall(part.lower())
        yield from words[is_rest and bool(_HEAD.match(part)) :]
        is_rest = bool(_TAIL.search(part))


class Hyphens:
    """Decide by the words of the document, then by a list of its language's words.

    In doubt, the hyphen is kept before a word that is one by itself, as in `well-known`.
    """

    def __init__(self, words: Counter[str]) -> None:
        self._words = words
        self._language = max(_USUAL, key=lambda each: sum(words[word] for word in _USUAL[each].split()))

    def joined(self, lines: Sequence[str]) -> list[str]:
        """Return the lines, with the rest of a divided word moved up to where the word begins.

        A row of a table with several lines in a cell (LINE between them) becomes one line.
        """
        found: list[str] = []
        for line in lines:
            if LINE in line:
                cells = (" ".join(self.joined(cell.split(LINE))) for cell in line.split("\t"))
                found.append("\t".join(cells))
                continue
            tail, head = _TAIL.search(found[-1]) if found else None, _HEAD.match(line)
            if tail and head and "\t" not in head[0]:
                rest = _LETTERS.match(head[0])
                assert rest is not None
                is_kept = tail[2] != SOFT and not self._is_one_word(tail[1], rest[0])
                begin = found[-1][: tail.start(2)] + "-" * is_kept
                found[-1] = begin + head[0]
                line = line[head.end() :].lstrip(" ")
                if not line:
                    continue
            found.append(line)
        return found

    def across(self, lines: list[str], following: list[str]) -> tuple[list[str], list[str]]:
        """Return the lines of two pages, with the rest of a word that the first one's end divides moved up to it.

        What begins with a capital is left where it is: it may be a heading or a running head.
        """
        if not lines or not following or not following[0][:1].islower():
            return lines, following
        begin, *rest = self.joined([lines[-1], following[0]])
        is_divided = begin != lines[-1]
        return ([*lines[:-1], begin], [*rest, *following[1:]]) if is_divided else (lines, following)

    def _is_one_word(self, begin: str, rest: str) -> bool:
        if not rest[0].islower():
            return False
        one, two = (begin + rest).lower(), f"{begin}-{rest}".lower()
        if self._words[one] or self._words[two]:
            return self._words[one] >= self._words[two]
        known = _known(self._language)
        return one in known or not (self._words[rest.lower()] or rest.lower() in known)


@cache
def _known(language: str) -> frozenset[str]:
    if find_spec("spellchecker") is None:
        return frozenset()
    from spellchecker import SpellChecker

    return frozenset(SpellChecker(language=language).word_frequency.dictionary)
