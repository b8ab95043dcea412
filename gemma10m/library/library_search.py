"""Search a library of states: all passages together, without a model."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

from gemma10m.documents import NOT_AVAILABLE, FileNow, FileRead, FilesNow, Whereabouts
from gemma10m.errors import StateError, UsageError
from gemma10m.library.checking import matching
from gemma10m.library.library_index import library_index
from gemma10m.library.listening import Listener
from gemma10m.passages.merging import MergedIndex
from gemma10m.passages.quotes import Source
from gemma10m.passages.searching import find
from gemma10m.passages.words import telling
from gemma10m.saved_states import files_of, whereabouts_of
from gemma10m.state_file import read_header

BEST = 3  # documents that answer
LOOKED_AT = 32  # passages that documents are ranked by


class LibraryFiles(FilesNow):
    """Look at the files of a library's documents, each by the record in its own state, which is read when needed."""

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
        return files_of(record), whereabouts_of(record)


def best_states(index: MergedIndex, question: str, limit: int = BEST) -> list[str]:
    """Return the names of the states whose documents have the best passages for the question, the best first."""
    states = (index.state_of(passage.file)[0] for passage in find(index, question, LOOKED_AT))
    return list(dict.fromkeys(states))[:limit]


def find_in_library(listener: Listener, folder: Path, words: str, limit: int) -> list[Source]:
    """Do as `find_passages` does, in all documents of a folder of states."""
    asked = telling(words)
    if not asked:
        raise UsageError(f"{words!r} contains no word to search for", hint="give a name, a number or another word")
    with library_index(listener, folder) as index:
        if (total := len(index.with_words(asked, index.count))) > limit:
            listener.note(f"{limit:,} of {total:,} passages with these words are shown; --limit shows more")
        return matching(index, words, limit, lambda: LibraryFiles(folder, index))
