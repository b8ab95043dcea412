"""A case says what one document holds and what is asked about it, before anything is ids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fact:
    text: str
    depth: float  # 0 the document's start, 1 its end
    stray: bool = False  # nobody asks for it: a part of the haystack


@dataclass(frozen=True)
class Turn:
    question: str
    answer: str
    chance: float = 0.0  # how often blind guessing among the answers that could be is right
    sentence: str | None = None  # the fact that says it; "": no single one does; None: the last that has the value


@dataclass(frozen=True)
class Case:
    """Place facts in the haystack in the order of their depths; equal depths keep the order given."""

    facts: tuple[Fact, ...]
    turns: tuple[Turn, ...]
    haystack: str | None = None  # this text over and over; None: prose
    opening: str = ""  # before the haystack
    raw: bool = False  # no turn format: the answer goes on where the question ends


def rising(depths: Sequence[float], texts: Sequence[str]) -> tuple[Fact, ...]:
    """Return the texts in their order, at the sorted depths."""
    return tuple(Fact(text, depth) for text, depth in zip(texts, sorted(depths), strict=True))
