"""Tell what a command line names: sources, a folder of states, a question; refuse options that do not go together."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from gemma10m.documents.mistaken import missing
from gemma10m.errors import DocumentError, UsageError
from gemma10m.library.sources import Patterns, refuse_patterns
from gemma10m.library.states_index import holds_states

STANDARD_INPUT = "-"
_LIKE_A_FILE = re.compile(r"\S*(?:/|\.[A-Za-z0-9]{1,5})")  # a folder's slash, or a suffix, and no space


def sources_and_question(
    words: list[str], questions: list[str], warn: Callable[[str], None] = lambda text: None
) -> tuple[list[str], list[str]]:
    """Split SOURCE... [QUESTION]: existing paths are sources, and the last word is a question if no path has its name.

    questions: those of `-q`, with which every word is a source. `warn` gets a warning if a question looks like a file.
    Raises DocumentError for a source that does not exist.
    """
    asks = not questions and len(words) > 1 and not exists(words[-1])
    sources = words[:-1] if asks else words
    for word in sources:
        if not exists(word):
            error = missing(word, word)
            more = "with -q every argument is a source" if questions else "only the last argument can be a question"
            between = " " if error.hint.endswith("?") else "; "
            raise DocumentError(error.message, error.hint if "://" in word else f"{error.hint}{between}{more}")
    if asks and _LIKE_A_FILE.fullmatch(words[-1]):
        warn(f"{words[-1]} does not exist and is used as the question")
    return sources, words[-1:] if asks else questions


def sources_and_words(arguments: list[str], words: list[str]) -> tuple[list[str], str]:
    """Split SOURCE... WORDS. words: those of each `-q`. Raises UsageError if no words were given."""
    sources, questions = sources_and_question(arguments, words)
    if not questions:
        raise UsageError("no words to find were given", hint='give them last, or as -q "WORDS" if a file has that name')
    return sources, " ".join(questions)


def named_states(sources: list[str], patterns: Patterns) -> Path | None:
    """Return the folder of states that was named, else None. Raises UsageError if more than it was named."""
    found = next((name for name in sources if holds_states(Path(name))), None)
    if found is None:
        return None
    if len(sources) > 1:
        raise UsageError(f"{found} is a folder of states, and other sources were named", hint="name it alone")
    refuse_patterns(f"{found} is a folder of states", patterns)
    return Path(found)


def refuse_states(sources: Sequence[str]) -> None:
    """Raise UsageError for a folder of states, which holds no text."""
    if found := next((name for name in sources if holds_states(Path(name))), None):
        raise UsageError(f"{found} is a folder of states, which holds no text", "`gemma10m ask` and `find` search it")


def refuse_options(task: str, options: Mapping[str, object], hint: str = "leave it out") -> None:
    """Raise UsageError for an option that was given and does not belong to the task."""
    for name, value in options.items():
        if value:
            raise UsageError(f"{name} is not for {task}", hint)


def exists(word: str) -> bool:
    """Tell if a path has this name; one that may not be looked at is for its reader to refuse."""
    try:
        os.lstat(word)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return word == STANDARD_INPUT
    return True
