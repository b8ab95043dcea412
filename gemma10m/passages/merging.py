"""Merge the indexes of a library's documents into one, in which the words of all of them weigh against each other.

BM25 weighs a word by how rare it is in its index, so the scores of two indexes cannot be compared.
"""

from __future__ import annotations

import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from gemma10m.documents.names import original, printable
from gemma10m.errors import StateError
from gemma10m.passages.building import fill, new_index
from gemma10m.passages.cutting import Passage
from gemma10m.passages.index import PassageIndex, damaged, open_database, open_index

_STATES = "CREATE TABLE states (first INTEGER PRIMARY KEY, name TEXT NOT NULL)"  # the number of a state's first file


class MergedIndex(PassageIndex):
    """Find passages of many documents. `open_merged` makes it."""

    def __init__(self, database: sqlite3.Connection) -> None:
        """Read what `PassageIndex` reads, and the names of the states whose indexes were merged."""
        super().__init__(database)
        rows = self._rows("SELECT first, name FROM states ORDER BY first", ())
        self._firsts = [int(first) for first, _ in rows]
        self.states = [original(str(name)) for _, name in rows]
        if self.files and self._firsts[:1] != [0]:
            raise damaged()

    def state_of(self, file: int) -> tuple[str, int]:
        """Return the name of the state that a file belongs to, and the file's number in that state's document."""
        number = bisect_right(self._firsts, file) - 1
        return self.states[number], file - self._firsts[number]


def merge_indexes(
    parts: Sequence[tuple[str, Path]], fingerprint: str, path: Path, on_damage: Callable[[str, StateError], None]
) -> None:
    """Write the passages of all parts into one index. parts: a state's name and its index's path.

    A damaged index is left out, and `on_damage` gets its name. Raises DiskError.
    """
    files = list[tuple[str, str]]()
    states = list[tuple[int, str]]()
    for name, part in parts:
        try:
            with open_index(part) as index:
                states.append((len(files), printable(name)))  # a name may have bytes that are not text
                files += index.files
        except StateError as error:
            on_damage(name, error)
    found = {printable(name): part for name, part in parts}
    with new_index(path) as database:
        database.execute(_STATES)
        database.executemany("INSERT INTO states VALUES (?, ?)", states)
        fill(database, fingerprint, files, _passages([(first, found[name]) for first, name in states]))


def _passages(parts: Sequence[tuple[int, Path]]) -> Iterator[Passage]:
    for first, part in parts:
        with open_index(part) as index:
            for number in range(index.count):
                passage = index.passage(number)
                yield replace(passage, file=first + passage.file)


@contextmanager
def open_merged(path: Path) -> Iterator[MergedIndex]:
    """Open a merged index. Raises StateError as `open_index` does, and for the index of a single document."""
    with open_database(path) as database:
        yield MergedIndex(database)
