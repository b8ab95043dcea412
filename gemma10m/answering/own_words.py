"""Tell if a line about a section is made of the section's words, and find a sentence of its own instead."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from gemma10m.passages.comparable import Term, read_terms
from gemma10m.passages.cutting import sentences
from gemma10m.passages.folding import fold
from gemma10m.passages.matching import content

LEAST = 2 / 3  # of the line's content words
SHORTEST, LONGEST = 6, 40  # words of a sentence that is quoted
_QUOTES = ('"', "“", "”", "„", "«", "»")
_COMMENT = re.compile(r"""\A(?:\"{3}|'{3}|\#+|/[/*]+|[*-])\s*|(?:\"{3}|'{3})\Z""")


class OwnWords:
    """Hold a section's content words, and one of its sentences, without its text."""

    def __init__(self) -> None:
        self._keys, self._sentence = set[str](), ""

    def add(self, text: str) -> None:
        """Add a part of the section; its first part with words has the sentence."""
        cut = [_COMMENT.sub("", " ".join(text[first:last].split())) for first, last in sentences(text)]
        terms = [content(each) for each in read_terms(cut)]
        self._keys.update(term.key for each in terms for term in each)
        self._sentence = self._sentence or _best(cut, terms)

    def line(self, written: str, request: str) -> tuple[str, bool]:
        """Return the line that a model wrote and False, or a sentence of the section and True if it lacks the words.

        Quotation marks around the whole line are left out: they would make it a quotation. The section has to have
        all names and numbers, and two thirds of all content words; those of the request do not count.
        """
        terms, asked = (content(each) for each in read_terms([written, request]))
        left = {term.key: term for term in terms if term.key not in {each.key for each in asked}}
        missing = [term for key, term in left.items() if key not in self._keys]
        # A first word has a capital whether it is a name or not.
        first = written.casefold().split()[0] if left else ""
        named = any(term.kind == "number" or (term.kind == "name" and term.plain != first) for term in missing)
        if left and not named and len(missing) <= (1 - LEAST) * len(left):
            return _unquoted(written), False
        return self._sentence, True


def _unquoted(line: str) -> str:
    inside = line[1:-1]
    whole = line[:1] in _QUOTES and line[-1:] in _QUOTES and not any(quote in inside for quote in _QUOTES)
    return inside if whole else line


def _is_whole(sentence: str) -> bool:
    """Tell if it ends as sentences do, closes the quotation that it opens, and is neither short nor long."""
    ends = sentence.rstrip("\"'”’)").endswith((".", "!", "?")) and fold(sentence).count('"') % 2 == 0
    return ends and SHORTEST <= len(sentence.split()) <= LONGEST


def _best(cut: Sequence[str], terms: Sequence[Sequence[Term]]) -> str:
    """Return an early sentence of frequent content words; without any that is whole, the beginning of the text."""
    often = Counter(term.key for each in terms for term in each)
    whole = [
        (sentence, {term.key for term in each})
        for sentence, each in zip(cut, terms, strict=True)
        if each and _is_whole(sentence)
    ]
    scores = [sum(often[key] for key in keys) / len(keys) / (1 + at) ** 0.5 for at, (_, keys) in enumerate(whole)]
    if scores:
        return whole[scores.index(max(scores))][0]
    return " ".join(" ".join(cut).split()[:LONGEST])
