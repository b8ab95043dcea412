"""What a user names: documents, and which files of a folder or an archive are read; or a saved state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gemma10m.documents import Document, open_source
from gemma10m.errors import UsageError
from gemma10m.library.listening import Listener
from gemma10m.state_file import is_state_file


@dataclass(frozen=True)
class Patterns:
    """Which files of folders and archives are read; all, where no pattern is given."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


ALL = Patterns()


def open_document(listener: Listener, sources: Sequence[str], patterns: Patterns = ALL) -> Document:
    """Open the sources as one document; tell what was skipped. Raises as `open_chosen` does."""
    document = open_chosen(sources, patterns)
    for notice in document.notices:
        listener.warn(notice)
    if document.skipped:
        reasons = Counter(skipped.reason for skipped in document.skipped)
        listed = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        listener.note(f"skipped {len(document.skipped)} of {len(document.skipped) + len(document.files)}: {listed}")
    return document


def open_chosen(sources: Sequence[str], patterns: Patterns) -> Document:
    """Raises UsageError for patterns where there is nothing to choose from, and what `open_source` raises."""
    document = open_source(*sources, include=patterns.include, exclude=patterns.exclude)
    if not _has_folder(document):
        refuse_patterns(f"{document.name} is neither", patterns)
    return document


def refuse_patterns(instead: str, patterns: Patterns) -> None:
    """Raises UsageError where there are any. instead: what was named."""
    if patterns != ALL:
        raise UsageError(
            f"--include and --exclude choose among the files of a folder or an archive, and {instead}",
            hint="leave them out, or name the folder",
        )


def _has_folder(document: Document) -> bool:
    """A single file has no header, and several on their own have no list of files before them."""
    return document.contents or (document.headed and len(document.files) == 1)


def saved_state(sources: Sequence[str]) -> Path | None:
    """Return the state file that the user named as the source, if that is what the user named."""
    path = Path(sources[0])
    return path if len(sources) == 1 and sources[0] != "-" and is_state_file(path) else None
