"""Find passages by their words alone, in an index that is built or found in the cache. This loads no model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path

from gemma10m.documents import Whereabouts
from gemma10m.errors import StateError, UsageError
from gemma10m.library.checking import Files, matching
from gemma10m.library.indexing import index_path, indexed_somewhere, is_index_of
from gemma10m.library.listening import Listener
from gemma10m.library.sources import ALL, Patterns, open_document, refuse_patterns, saved_state, whereabouts
from gemma10m.passages.index import open_index
from gemma10m.passages.quotes import Source
from gemma10m.passages.words import telling
from gemma10m.saved_states import files_of, whereabouts_of
from gemma10m.state_file import read_header


def find_passages(
    listener: Listener, sources: Sequence[str], words: str, limit: int, patterns: Patterns = ALL
) -> list[Source]:
    """Return the sentences with any of the words in the passages with the most of them, the best passage first.

    limit: most passages; a note says if there are more.

    Raises UsageError for words that are all too common, DocumentError, DiskError, and StateError for a damaged index.
    """
    if not telling(words):
        raise UsageError(f"{words!r} contains no word to search for", hint="give a name, a number or another word")
    path = saved_state(sources)
    if path is None:
        document = open_document(listener, sources, patterns)
        with indexed_somewhere(listener, document) as index:
            return _openable(_found(listener, index, words, limit, lambda: document), whereabouts(document))
    refuse_patterns(f"{path} is a saved state", patterns)
    record = read_header(path).document
    if not is_index_of(index_path(path), record.fingerprint):
        raise StateError(f"{path} has no index of passages beside it", hint="name the document itself")
    found = _found(listener, index_path(path), words, limit, cache(lambda: files_of(record)))
    return _openable(found, whereabouts_of(record))


def _openable(found: list[Source], where: Whereabouts) -> list[Source]:
    return [replace(source, file=where.path(source.file)) for source in found]


def _found(listener: Listener, path: Path, words: str, limit: int, files: Files) -> list[Source]:
    try:
        with open_index(path) as index:
            asked = telling(words)
            if (total := len(index.with_words(asked, index.count))) > limit:
                listener.note(f"{limit:,} of {total:,} passages with these words are shown; --limit shows more")
            return matching(index, words, limit, files)
    except StateError as error:
        raise StateError(f"{path}: {error.message}", error.hint) from error
