"""Read a file of questions: one a line, or in a `.jsonl` an object a line with `question` and an optional `id`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
    lines = [(number, line.strip()) for number, line in enumerate(text.split("\n"), start=1) if line.strip()]
    if path.suffix.lower() == ".jsonl":
        return [_parse(line, f"{path}, line {number},") for number, line in lines]
    return [{"question": line} for _, line in lines]


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
