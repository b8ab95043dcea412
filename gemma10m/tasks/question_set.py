"""Read a file of questions with their right answers and the sentences that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from gemma10m.errors import UsageError
from gemma10m.tasks.question_lines import question_lines, question_object

HINT = 'write a line like {"question": "Who is Anne?", "answers": ["a sister"], "sources": ["Anne is a sister."]}'


@dataclass(frozen=True)
class AskedQuestion:
    question: str
    answers: tuple[str, ...]  # () where the text does not say it
    sources: tuple[str, ...] = ()  # sentences that answer it, or seem to


def read_question_set(path: Path) -> tuple[AskedQuestion, ...]:
    """Return the questions of a JSONL file. Raises UsageError, which names the line, for one that is no question."""
    lines = question_lines(path, HINT)
    if not lines:
        raise UsageError(f"{path} has no question", HINT)
    return tuple(_question(line, place) for place, line in lines)


def _question(line: str, place: str) -> AskedQuestion:
    value = question_object(line, place, HINT)
    if "answers" not in value:
        raise UsageError(f"{place} has no answers", "write [] for a question that the text does not answer")
    answers, sources = (_texts(value.get(name, []), f"{place} has {name}") for name in ("answers", "sources"))
    return AskedQuestion(value["question"], answers, sources)


def _texts(value: object, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(map(_is_text, value)):
        raise UsageError(f"{place} that are not a list of texts", HINT)
    return tuple(value)


def _is_text(value: object) -> bool:
    """Tell if the value is a text with words, and without half a character, which JSON can hold."""
    return isinstance(value, str) and bool(value.strip()) and not any("\ud800" <= one <= "\udfff" for one in value)
