"""Find passages by their words alone, in one document or in all those of a folder of states. This loads no model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

from gemma10m.documents import NOT_AVAILABLE, FileNow, FileRead, FilesNow, Whereabouts
from gemma10m.errors import StateError, UsageError
from gemma10m.library.checking import Files, matching
from gemma10m.library.indexing import index_path, indexed_somewhere, is_index_of
from gemma10m.library.listening import Listener
from gemma10m.library.sources import ALL, Patterns, open_document, refuse_patterns, saved_state
from gemma10m.library.states_index import states_index
from gemma10m.passages.index import PassageIndex, open_index
from gemma10m.passages.merging import MergedIndex
from gemma10m.passages.quotes import Source
from gemma10m.passages.words import telling
from gemma10m.saved_states import files_of, whereabouts
from gemma10m.state_file import read_header


def find_passages(
    listener: Listener, sources: Sequence[str], words: str, limit: int, patterns: Patterns = ALL
) -> list[Source]:
    """Return the sentences with any of the words in the passages with the most of them, the best passage first.

    limit: most passages; a note says if there are more.

    Raises UsageError for words that are all too common, DocumentError, DiskError, and StateError for a damaged index.
    """
    _refuse_common(words)
    path = saved_state(sources)
    if path is None:
        document = open_document(listener, sources, patterns)
        with indexed_somewhere(listener, document) as made, _opened(made) as index:
            found = _found(listener, index, words, limit, lambda: document)
        return _openable(found, whereabouts(document))
    refuse_patterns(f"{path} is a saved state", patterns)
    record = read_header(path).document
    if not is_index_of(index_path(path), record.fingerprint):
        raise StateError(f"{path} has no index of passages beside it", hint="name the document itself")
    with _opened(index_path(path)) as index:
        return _openable(_found(listener, index, words, limit, lambda: files_of(record)), whereabouts(record))


def find_in_states(listener: Listener, folder: Path, words: str, limit: int) -> list[Source]:
    """Do as `find_passages` does, in all documents of a folder of states."""
    _refuse_common(words)
    with states_index(listener, folder) as index:
        return _found(listener, index, words, limit, lambda: StatesFiles(folder, index))


class StatesFiles(FilesNow):
    """Look at the files of many documents, each by the record in its own state, which is read when needed."""

    def __init__(self, folder: Path, index: MergedIndex) -> None:
        super().__init__(None, "", [FileRead(path, 0, "") for path, _ in index.files])
        self._folder, self._index = folder, index
        self._document = cache(self._load)

    def now(self, number: int) -> FileNow:
        """Return a file as it is now, under a path that opens from the working folder."""
        name, own = self._index.state_of(number)
        try:
            files, where = self._document(name)
        except StateError:
            return FileNow(NOT_AVAILABLE)
        now = files.now(own) if own < len(files.files) else FileNow(NOT_AVAILABLE)
        return replace(now, file=replace(now.file, path=where.path(now.file.path))) if now.file else now

    def _load(self, name: str) -> tuple[FilesNow, Whereabouts]:
        record = read_header(self._folder / name).document
        return files_of(record), whereabouts(record)


def _refuse_common(words: str) -> None:
    """Raise UsageError if there is no word to search for, or if it is not text."""
    if any("\ud800" <= character <= "\udfff" for character in words):
        raise UsageError("the words are not text", hint="write them in UTF-8")
    if not telling(words):
        raise UsageError(f"{words!r} contains no word to search for", hint="give a name, a number or another word")


@contextmanager
def _opened(path: Path) -> Iterator[PassageIndex]:
    """Open an index. A StateError of the block names its file."""
    try:
        with open_index(path) as index:
            yield index
    except StateError as error:
        raise StateError(f"{path}: {error.message}", error.hint) from error


def _found(listener: Listener, index: PassageIndex, words: str, limit: int, files: Files) -> list[Source]:
    if (total := len(index.with_words(telling(words), index.count))) > limit:
        are = "is" if limit == 1 else "are"
        listener.note(f"{limit:,} of {total:,} passages with these words {are} shown; --limit shows more")
    return matching(index, words, limit, files)


def _openable(found: list[Source], where: Whereabouts) -> list[Source]:
    return [replace(source, file=where.path(source.file)) for source in found]
