"""Open the sources that a user names: documents, with patterns for files of folders and archives; or a saved state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from gemma10m.documents import Document, open_source
from gemma10m.documents.skips import named_skips, skipped_sentence
from gemma10m.errors import UsageError
from gemma10m.library.listening import Listener
from gemma10m.saved_states import whereabouts
from gemma10m.state_file import is_state_file


@dataclass(frozen=True)
class Patterns:
    """Choose files of folders and archives; without a pattern, all of them."""

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    everything: bool = False  # also what is left out by default


ALL = Patterns()


def open_document(listener: Listener, sources: Sequence[str], patterns: Patterns = ALL) -> Document:
    """Open the sources as one document; report what was skipped. Raises as `open_chosen` does."""
    document = open_chosen(listener, sources, patterns)
    for notice in document.notices:
        listener.warn(notice)
    for line in named_skips(document.skipped, whereabouts(document)):
        listener.warn(f"skipped {line}")
    if document.skipped:
        listener.note(skipped_sentence(document.skipped, len(document.files)))
    return document


def open_chosen(listener: Listener, sources: Sequence[str], patterns: Patterns) -> Document:
    """Open the sources.

    Raises UsageError without a source, and for patterns with nothing to choose from, and what `open_source` raises.
    """
    if not sources:
        raise UsageError("no source was named", hint="name a file or a folder")
    with listener.count_progress("opening", "files", total=0) as line:
        document = open_source(
            *sources,
            include=patterns.include,
            exclude=patterns.exclude,
            everything=patterns.everything,
            watch=line.update,
        )
    if not _has_folder(document):
        refuse_patterns(f"{document.name} is neither", patterns)
    return document


def refuse_patterns(instead: str, patterns: Patterns) -> None:
    """Raise UsageError if there are patterns. instead: the clause that says what the user named."""
    if patterns.include or patterns.exclude:
        raise UsageError(
            f"--include and --exclude choose among the files of a folder or an archive, and {instead}",
            hint="leave them out, or name the folder",
        )


def _has_folder(document: Document) -> bool:
    """Tell if a folder or archive was named: a single file has no header, and several have no list before them."""
    return document.contents or (document.headed and len(document.files) == 1)


def source_names(sources: Iterable[str | Path]) -> list[str]:
    """Return the sources as text. Raises UsageError for what is no path, such as a list of paths."""
    found = list(sources)
    for each in found:
        if not isinstance(each, str | Path):
            raise UsageError(f"a source is a path, found {type(each).__name__}", hint="give each path on its own")
    return [str(source) for source in found]


def saved_state(sources: Sequence[str]) -> Path | None:
    """Return the path if the user named one saved state as the source, else None."""
    if len(sources) != 1:
        return None
    path = Path(sources[0])
    return path if sources[0] != "-" and is_state_file(path) else None
