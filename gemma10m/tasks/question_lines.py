"""Read the lines of a file of questions, which are text or JSON objects."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gemma10m.answering.answer import check_question
from gemma10m.errors import UsageError
from gemma10m.regular_file import read_regular, reason
from gemma10m.strict_json import strict_json


def question_lines(path: Path, hint: str) -> list[tuple[str, str]]:
    """Return the place, for messages, and the text of each line that is not blank. Raises UsageError."""
    try:
        text = read_regular(path).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path} is not UTF-8 text", hint) from error
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read: {reason(error)}", hint) from error
    numbered = enumerate(text.split("\n"), start=1)
    return [(f"{path}, line {number},", line.strip()) for number, line in numbered if line.strip()]


def question_object(line: str, place: str, hint: str) -> dict[str, Any]:
    """Return a line's JSON object, which has a question that can be asked. Raises UsageError, which names the place."""
    try:
        value = strict_json(line)
    except ValueError as error:
        raise UsageError(f"{place} is not JSON: {error}", hint) from error
    question = value.get("question") if isinstance(value, dict) else None
    if not isinstance(question, str) or not question.strip():
        raise UsageError(f"{place} has no question", hint)
    refuse_unaskable(question, place)
    found: dict[str, Any] = value
    return found


def refuse_unaskable(question: str, place: str) -> None:
    """Raise UsageError, which names the place, for a question that cannot be asked."""
    try:
        check_question(question)
    except UsageError as error:
        raise UsageError(f"{place} cannot be asked: {error.message}", error.hint) from error
