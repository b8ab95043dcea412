"""Which words of a command line are sources, and which one is the question."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from gemma10m.errors import DocumentError, UsageError

STANDARD_INPUT = "-"
_LIKE_A_FILE = re.compile(r"\S*(?:/|\.[A-Za-z0-9]{1,5})")  # a folder's slash, or a suffix, and no space


def sources_and_question(
    words: list[str], questions: list[str], warn: Callable[[str], None] = lambda text: None
) -> tuple[list[str], list[str]]:
    """Split SOURCE... [QUESTION]: what exists is a source, and the last word is a question where it does not exist.

    questions: those of `-q`, with which every word is a source. `warn` is told of a question that looks like a file.
    Raises DocumentError for a source that does not exist.
    """
    asks = not questions and len(words) > 1 and not _exists(words[-1])
    sources = words[:-1] if asks else words
    for word in sources:
        if not _exists(word):
            hint = "check the spelling of the path; only the last word can be a question, more are asked with -q"
            raise DocumentError(f"{word or 'the empty path'} does not exist", hint)
    if asks and _LIKE_A_FILE.fullmatch(words[-1]):
        warn(f"{words[-1]} does not exist and is taken for the question")
    return sources, words[-1:] if asks else questions


def sources_and_words(arguments: list[str], words: str | None) -> tuple[list[str], str]:
    """Split SOURCE... WORDS. words: those of `-q`. Raises UsageError where nothing is looked for."""
    sources, questions = sources_and_question(arguments, [words] if words is not None else [])
    if not questions:
        raise UsageError(
            "no words to find were given", hint='put them last, or give -q "WORDS" if a file has that name'
        )
    return sources, questions[0]


def _exists(word: str) -> bool:
    return word == STANDARD_INPUT or os.path.lexists(word)
