"""Answer which of two things came first: read when each was, and compare the years."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from gemma10m.passages.comparisons import ordering

_YEAR = re.compile(r"(?<![\w.,/-])(?:1\d{3}|20\d\d)(?![\w/]|[.,]\d)")


@dataclass(frozen=True)
class AnswerPart:
    """Hold a question that a part of an answer answers, and that part."""

    question: str
    answer: str


def first_or_last(question: str, read: Callable[[str], tuple[str, str]]) -> tuple[str, tuple[AnswerPart, ...]] | None:
    """Return the name of the one that was earlier, or later, and when each was; None where that cannot be told.

    read: answers a question, and returns the answer with the passages that it was made from. Both answers must have a
    year that their passages have, and the years must differ.
    """
    order = ordering(question)
    if order is None:
        return None
    parts, years = list[AnswerPart](), list[int]()
    for asked in order.questions():
        said, text = read(asked)
        year = _YEAR.search(said)
        if year is None or year[0] not in text:
            return None
        parts.append(AnswerPart(asked, said.strip()))
        years.append(int(year[0]))
    if years[0] == years[1]:
        return None
    return order.names[int((years[1] < years[0]) == order.earlier)].strip('"'), tuple(parts)
