"""Read a file of questions: one a line, or in a `.jsonl` an object a line with `question` and an optional `id`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gemma10m.tasks.question_lines import question_lines, question_object, refuse_unaskable

LINES = "name a file of UTF-8 text with one question a line"
OBJECTS = 'write objects like {"question": "Who is Anne?", "id": 1}, or a .txt with one question a line'


def read_questions(path: Path) -> list[dict[str, Any]]:
    """Return records with "question" and perhaps "id", in the file's order, without blank lines. Raises UsageError."""
    lines = question_lines(path, LINES)
    if path.suffix.lower() != ".jsonl":
        return [checked({"question": line}, place) for place, line in lines]
    values = [question_object(line, place, OBJECTS) for place, line in lines]
    return [{name: value[name] for name in ("question", "id") if name in value} for value in values]


def checked(record: dict[str, Any], place: str) -> dict[str, Any]:
    """Return the record. Raises UsageError, which names the place, for a question that cannot be asked."""
    refuse_unaskable(record["question"], place)
    return record
