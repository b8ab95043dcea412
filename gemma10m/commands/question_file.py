"""Read a file of questions: one a line, or in a `.jsonl` an object a line with `question` and an optional `id`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gemma10m.answering.answer import check_question
from gemma10m.errors import UsageError
from gemma10m.regular_file import read_regular, reason
from gemma10m.strict_json import strict_json


def read_questions(path: Path) -> list[dict[str, Any]]:
    """Return records with "question" and perhaps "id", in the file's order, without blank lines. Raises UsageError."""
    try:
        text = read_regular(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text", hint="save the questions as UTF-8, one a line") from error
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} cannot be read: {reason(error)}", hint="name a file with one question a line"
        ) from error
    numbered = enumerate(text.split("\n"), start=1)
    lines = [(f"{path}, line {number},", line.strip()) for number, line in numbered if line.strip()]
    is_json = path.suffix.lower() == ".jsonl"
    return [checked(_parse(line, place) if is_json else {"question": line}, place) for place, line in lines]


def checked(record: dict[str, Any], place: str) -> dict[str, Any]:
    """Return the record. Raises UsageError, which names the place, for a question that cannot be asked."""
    try:
        check_question(record["question"])
    except UsageError as error:
        raise UsageError(f"{place} cannot be asked: {error.message}", error.hint) from error
    return record


def _parse(line: str, place: str) -> dict[str, Any]:
    hint = 'write objects like {"question": "Who is Anne?", "id": 1}, or a .txt with one question a line'
    try:
        value = strict_json(line)
    except ValueError as error:
        raise UsageError(f"{place} is not JSON: {error}", hint) from error
    question = value.get("question") if isinstance(value, dict) else None
    if not isinstance(question, str) or not question.strip():
        raise UsageError(f"{place} has no question", hint)
    return {name: value[name] for name in ("question", "id") if name in value}
