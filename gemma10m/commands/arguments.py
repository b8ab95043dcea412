"""Tell the sources on a command line from the question, and refuse options that do not go together."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping

from gemma10m.errors import DocumentError, UsageError

STANDARD_INPUT = "-"
_LIKE_A_FILE = re.compile(r"\S*(?:/|\.[A-Za-z0-9]{1,5})")  # a folder's slash, or a suffix, and no space


def sources_and_question(
    words: list[str], questions: list[str], warn: Callable[[str], None] = lambda text: None
) -> tuple[list[str], list[str]]:
    """Split SOURCE... [QUESTION]: existing paths are sources, and the last word is a question if no path has its name.

    questions: those of `-q`, with which every word is a source. `warn` gets a warning if a question looks like a file.
    Raises DocumentError for a source that does not exist.
    """
    asks = not questions and len(words) > 1 and not _exists(words[-1])
    sources = words[:-1] if asks else words
    for word in sources:
        if not _exists(word):
            hint = "check the path; only the last argument can be a question, and -q asks more"
            raise DocumentError(f"{word or 'the empty path'} does not exist", hint)
    if asks and _LIKE_A_FILE.fullmatch(words[-1]):
        warn(f"{words[-1]} does not exist and is used as the question")
    return sources, words[-1:] if asks else questions


def sources_and_words(arguments: list[str], words: str | None) -> tuple[list[str], str]:
    """Split SOURCE... WORDS. words: those of `-q`. Raises UsageError if no words were given."""
    sources, questions = sources_and_question(arguments, [words] if words is not None else [])
    if not questions:
        raise UsageError("no words to find were given", hint='give them last, or as -q "WORDS" if a file has that name')
    return sources, questions[0]


def refuse_options(task: str, options: Mapping[str, object]) -> None:
    """Raise UsageError for an option that was given and does not belong to the task."""
    for name, value in options.items():
        if value:
            raise UsageError(f"{name} is not for {task}", hint="leave it out")


def _exists(word: str) -> bool:
    return word == STANDARD_INPUT or os.path.lexists(word)
