"""Rewrite an English question that refers back to what was said, so that it can be searched for and understood alone.

`Where does she live?` after `Who is Anne?` becomes `Where does Anne live?`, and `And her sister?` then `Where does
Anne's sister live?`. A question in another language, or without a word that refers back, stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from gemma10m.passages.folding import fold
from gemma10m.passages.statements import is_refusal
from gemma10m.passages.words import EMPTY, WORD, name_spans, telling

_HE, _SHE, _IT = frozenset("he him his".split()), frozenset("she her hers".split()), frozenset("it its".split())
_BACK = _HE | _SHE | _IT | frozenset("they them their theirs".split())
_POSSESSIVE = frozenset("his hers its".split())
_MAN = re.compile(r"(?:Mr|Sir|Lord|King|Prince|Duke|Baron|Father|Brother|Uncle)\b")
_WOMAN = re.compile(r"(?:Mrs|Ms|Miss|Lady|Queen|Princess|Duchess|Baroness|Mother|Sister|Aunt)\b")
_WHAT_ABOUT = re.compile(r"\s*(?:(?:and|but|or)\s+)?(?:what|how)\s+about\s+(.+?)[\s?.!]*", re.IGNORECASE)
_AND = re.compile(r"\s*(?:and|but|or)\s+(.+?)[\s?.!]*", re.IGNORECASE)
_ASKS_FOR_PERSON = re.compile(r"\W*who(?:m|se)?\b", re.IGNORECASE)
# An `it` that means nothing: `Is it true that ...?`, `How long does it take to ...?`
_EMPTY_IT = re.compile(
    r"\bit\s+(?:takes?\b|(?:(?:is|was)\s+)?(?:true|possible|likely|necessary|important|raining|that|who)\b)",
    re.IGNORECASE,
)
_LONGEST_ANSWER = 200  # characters that go before a question


def standalone(question: str, before: tuple[str, str]) -> str:
    """Return the question with a name for each word that refers to the turn before it.

    before: a question that can be understood alone, and its answer. Where two names may be meant, or none is known,
    it goes before the question.
    """
    if not question.strip():
        return question
    folded, before = fold(question), (fold(before[0]), before[1])
    named = _with_names(folded, before)
    subject, other = _subject(before[0]), _other_subject(named)
    if other and subject and any(_names(other)):
        return before[0].replace(subject, other, 1)
    if other or not telling(named) or _refers_back(named):
        return f"{_said(before)} {named}"
    return question if named == folded else named


def _said(turn: tuple[str, str]) -> str:
    asked, answer = turn[0], turn[1].strip()
    if not answer or is_refusal(answer) or len(answer) > _LONGEST_ANSWER:
        return asked
    return f"{asked} {answer}" if answer.endswith((".", "!", "?")) else f"{asked} {answer}."


def _with_names(question: str, before: tuple[str, str]) -> str:
    """Put a name for each pronoun that has one meaning and comes before the question's own first name."""
    parts, done = list[str](), 0
    for match in WORD.finditer(question, 0, _own_name(question)):
        pronoun = match[0].casefold()
        meant = [] if _EMPTY_IT.match(question, match.start()) else _meant(pronoun, before)
        if len(meant) == 1:
            owns = pronoun in _POSSESSIVE or (pronoun == "her" and _begins_with_thing(question[match.end() :]))
            parts += [question[done : match.start()], f"{meant[0]}'s" if owns else meant[0]]
            done = match.end()
    return "".join([*parts, question[done:]])


def _meant(pronoun: str, before: tuple[str, str]) -> list[str]:
    """Return the names that a pronoun may mean: what the last question was about, and what its answer names."""
    if pronoun not in _HE | _SHE | _IT:
        return []
    asked, answer = before
    subject, said = _subject(asked), next(_names(answer), None)
    is_person = bool(_ASKS_FOR_PERSON.match(asked))
    if said is None or not fold(answer).strip().startswith(said) or is_person == (pronoun in _IT):
        said = None
    return list(dict.fromkeys(name for name in (subject, said) if name and _may_mean(pronoun, name)))


def _may_mean(pronoun: str, name: str) -> bool:
    man, woman = bool(_MAN.match(name)), bool(_WOMAN.match(name))
    return not ((pronoun in _HE and woman) or (pronoun in _SHE and man) or (pronoun in _IT and (man or woman)))


def _other_subject(question: str) -> str | None:
    """Return what `And ...?` asks about in the place of the last question's subject; None for a whole question."""
    if about := _WHAT_ABOUT.fullmatch(question):
        return about[1]
    match = _AND.fullmatch(question)
    first = WORD.search(match[1]) if match else None
    return match[1] if match and first and first[0].casefold() not in EMPTY - _BACK - {"the", "a", "an"} else None


def _subject(asked: str) -> str | None:
    return next((name.removesuffix("'s") for name in _names(asked)), None)


def _names(text: str) -> Iterator[str]:
    folded = fold(text)
    return (folded[first:last] for first, last in name_spans(folded))


def _own_name(question: str) -> int:
    """Return where the question's first name begins, or its end."""
    return next(name_spans(fold(question)), (len(question), 0))[0]


def _begins_with_thing(rest: str) -> bool:
    """Tell if a word follows that can be owned: `her sister`, but not `her to go` or `her.`"""
    first = re.match(rf"\s+({WORD.pattern})", rest)
    return first is not None and first[1].casefold() not in EMPTY


def _refers_back(question: str) -> bool:
    """Tell if a pronoun comes before the question's own first name."""
    before = WORD.finditer(question, 0, _own_name(question))
    return any(match[0].casefold() in _BACK and not _EMPTY_IT.match(question, match.start()) for match in before)
