"""Name the documents of a list or a folder, and the state that each of them gets in a library of states."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from gemma10m.documents.names import printable
from gemma10m.documents.repository import Walk
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.selection import Choice
from gemma10m.errors import DocumentError, UsageError
from gemma10m.library.listening import Listener
from gemma10m.library.sources import ALL, Patterns, refuse_patterns
from gemma10m.regular_file import read_regular, reason

STATE_SUFFIX = ".state"
STANDARD_INPUT = "-"
_HINT = "write the path of one document a line, or name a folder"


@dataclass(frozen=True)
class OneOfMany:
    """Name one document and its state."""

    source: str  # as the user wrote it, or the folder and the path below it
    state: str  # path below the folder of states
    found: bool  # in a folder: what holds no text is skipped there, and is a failure in a list

    @property
    def shown(self) -> str:
        return printable(self.source)


def documents_of(listener: Listener, named: str, states: Path, patterns: Patterns = ALL) -> list[OneOfMany]:
    """Return the documents that a folder holds, by the rules that hold for folders, or that a list names.

    A list is a text file with one path a line; "-" is a list on standard input. Files in `states` are no documents.
    Raises DocumentError for a name that is neither, and UsageError for two documents whose states had one name, and for
    a folder within `states`.
    """
    if named != STANDARD_INPUT and os.path.isdir(named):
        found = list(_in_folder(listener, named, states, patterns))
    else:
        refuse_patterns(f"{named} is a list", patterns)
        found = list(_in_list(named))
    if not found:
        raise DocumentError(f"{printable(named)} names no document", _HINT)
    _refuse_one_name(found)
    return found


def _in_folder(listener: Listener, root: str, states: Path, patterns: Patterns) -> Iterator[OneOfMany]:
    try:
        walk = Walk(root, Choice.of(patterns.include, patterns.exclude, patterns.everything)).run()
    except UnreadableError as error:
        raise DocumentError(f"{printable(root)} cannot be listed: {error}", error.hint) from error
    for notice in walk.notices:
        listener.warn(notice)
    own = os.path.join(os.path.realpath(states), "")
    if os.path.join(os.path.realpath(root), "").startswith(own):
        raise UsageError(
            f"{printable(root)} would be read into itself, or into a folder around it", "name another folder with -o"
        )
    for path in walk.files:
        source = os.path.join(root, path)
        if not os.path.realpath(source).startswith(own):
            yield OneOfMany(source, path + STATE_SUFFIX, found=True)


def _in_list(named: str) -> Iterator[OneOfMany]:
    lines = [line for line in _text(named).splitlines() if line.strip()]
    if lines and not any(map(os.path.lexists, lines)):
        raise DocumentError(f"{printable(named)} is not a list: no line of it is the path of a document", _HINT)
    for line in lines:
        yield OneOfMany(line, _below(line) + STATE_SUFFIX, found=False)


def _text(named: str) -> str:
    try:
        content = sys.stdin.buffer.read() if named == STANDARD_INPUT else read_regular(Path(named))
        if b"\0" in content:
            raise DocumentError(f"{printable(named)} is not a list of documents: it is not text", _HINT)
        return os.fsdecode(content)
    except FileNotFoundError:
        raise DocumentError(f"{printable(named)} does not exist", "name a folder, or a list of documents") from None
    except OSError as error:
        raise DocumentError(f"{printable(named)} cannot be read: {reason(error)}", _HINT) from error


def _below(path: str) -> str:
    """Return the path as it is below a folder: without `.` and `..`, and without the slash in front, as in a tar."""
    plain = os.path.normpath(path)
    if plain == ".." or plain.startswith("../"):
        plain = os.path.abspath(plain)
    return plain.lstrip("/")


def _refuse_one_name(documents: Iterable[OneOfMany]) -> None:
    """Raise UsageError if two documents would be kept under one name."""
    known = dict[str, OneOfMany]()
    for document in documents:
        other = known.setdefault(document.state, document)
        if other is not document:
            state = printable(document.state)
            twice = f"{document.shown} was named twice"
            both = f"{other.shown} and {document.shown} have one name, {state}, among the states"
            raise UsageError(twice if other.shown == document.shown else both, "name each document once")
