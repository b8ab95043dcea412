"""Write haystacks of several lengths that hold the paragraphs of a set's questions, and the questions."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

from gemma10m.atomic_file import atomic_file
from question_sets.questions import Paragraph, SetQuestion

CHARACTERS = 4.2  # of a token of Gemma
LENGTHS = {"32k": 32_768, "128k": 131_072, "1m": 1_048_576}
SHARE = 0.75  # of the shortest haystack is the questions' own paragraphs


def write_questions(path: Path, questions: Iterable[SetQuestion]) -> None:
    with atomic_file(path) as file:
        for question in questions:
            file.write((json.dumps(question.record(), ensure_ascii=False) + "\n").encode())


def write_haystack(path: Path, paragraphs: Iterable[Paragraph], draw: random.Random) -> None:
    """Write paragraphs under their titles, articles in a drawn order."""
    articles: dict[str, list[str]] = {}
    for paragraph in dict.fromkeys(paragraphs):
        articles.setdefault(paragraph.title, []).append(paragraph.text)
    titles = sorted(articles)
    draw.shuffle(titles)
    with atomic_file(path) as file:
        for title in titles:
            file.write(f"# {title}\n\n".encode())
            file.writelines(f"{' '.join(text.split())}\n\n".encode() for text in articles[title])


def measured(questions: Sequence[SetQuestion], count: int, draw: random.Random) -> list[SetQuestion]:
    """Draw held-out questions whose paragraphs fit the shortest haystack, so that all lengths ask the same."""
    held_out = [question for question in questions if question.held_out]
    draw.shuffle(held_out)
    room = SHARE * CHARACTERS * min(LENGTHS.values())
    chosen: list[SetQuestion] = []
    inside: dict[Paragraph, None] = {}
    for question in held_out:
        new = [paragraph for paragraph in question.paragraphs if paragraph not in inside]
        size = sum(len(paragraph.text) for paragraph in new)
        if len(chosen) < count and size <= room:
            room -= size
            inside.update(dict.fromkeys(new))
            chosen.append(question)
    return chosen


def filled(questions: Sequence[SetQuestion], others: Sequence[Paragraph], tokens: int) -> list[Paragraph]:
    """Return the questions' paragraphs and as many others as fit `tokens` tokens."""
    chosen = dict.fromkeys(paragraph for question in questions for paragraph in question.paragraphs)
    room = CHARACTERS * tokens - sum(len(paragraph.text) for paragraph in chosen)
    for paragraph in others:
        if (room := room - len(paragraph.text)) < 0:
            break
        chosen[paragraph] = None
    return list(chosen)
