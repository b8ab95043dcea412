"""Bring both sets into one form: paragraphs with a title, and questions that name the sentences of their answers.

SQuAD articles whose place in the sorted titles is a multiple of 5, and HotpotQA questions whose place is, are for
measuring only.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gemma10m.passages.cutting import sentences

HELD_OUT = 5  # one of so many


@dataclass(frozen=True)
class Paragraph:
    title: str
    text: str


@dataclass(frozen=True)
class SetQuestion:
    question: str
    answers: tuple[str, ...]  # () where the paragraph does not answer it
    sources: tuple[str, ...]  # sentences that answer it, or seem to
    paragraphs: tuple[Paragraph, ...]  # that hold them
    held_out: bool
    given: tuple[Paragraph, ...]  # all that the set shows with it
    compares: bool = False  # two things, says HotpotQA

    def record(self) -> dict[str, Any]:
        return {"question": self.question, "answers": self.answers, "sources": self.sources}


def squad_questions(said: Any) -> Iterator[SetQuestion]:
    """Yield the questions of SQuAD 2.0, article by article in the order of their titles."""
    for place, article in enumerate(sorted(said["data"], key=lambda article: article["title"])):
        for part in article["paragraphs"]:
            paragraph = Paragraph(article["title"].replace("_", " "), part["context"])
            for asked in part["qas"]:
                answers = asked["answers"] or asked.get("plausible_answers", [])
                sources = dict.fromkeys(_sentence(part["context"], found["answer_start"]) for found in answers)
                texts = dict.fromkeys(found["text"] for found in asked["answers"])
                yield SetQuestion(
                    " ".join(asked["question"].split()),
                    tuple(texts),
                    tuple(sources)[:1],
                    (paragraph,),
                    place % HELD_OUT == 0,
                    (paragraph,),
                )


def hotpot_questions(said: Any) -> Iterator[SetQuestion]:
    """Yield the questions of HotpotQA in the order of the file."""
    for place, asked in enumerate(said):
        given = {title: Paragraph(title, "".join(parts).strip()) for title, parts in asked["context"]}
        parts = dict(asked["context"])
        facts = [
            (title, parts[title][number])
            for title, number in asked["supporting_facts"]
            if title in parts and number < len(parts[title])
        ]
        yield SetQuestion(
            " ".join(asked["question"].split()),
            (asked["answer"],),
            tuple(text.strip() for _, text in facts),
            tuple(given[title] for title in dict.fromkeys(title for title, _ in facts)),
            place % HELD_OUT == 0,
            tuple(given.values()),
            asked["type"] == "comparison",
        )


def _sentence(text: str, start: int) -> str:
    return next(text[first:last] for first, last in sentences(text) if start < last)
