"""Indexes to compare with the one of gemma10m.passages: other cuts, and other text beside a passage's own."""

from __future__ import annotations

import re
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from gemma10m.documents import Document
from gemma10m.passages import cutting
from gemma10m.passages.cutting import Passage, cut_document, sentences
from gemma10m.passages.folding import searchable
from gemma10m.passages.titles import titled
from gemma10m.passages.words import STEMMED

NEVER = re.compile(r"(?!)")


@dataclass(frozen=True)
class Layout:
    """Says where a document is cut, and what is indexed in a column beside a passage's text."""

    borders: bool = False  # cut before every heading
    longest: int = 1200
    titles: bool = False
    neighbours: bool = False  # the sentence before and the one after, which are shown, too


class TrialIndex:
    """Answers FTS5 queries by BM25 with a weight for the words beside the text."""

    def __init__(self, database: sqlite3.Connection) -> None:
        self._database = database
        self.count = int(database.execute("SELECT count(*) FROM passages").fetchone()[0])
        self._holders: dict[str, int] = {}

    def rated(self, query: str, limit: int, weight: float = 1.0) -> dict[int, float]:
        """Return the best passages and their scores, the best first."""
        ask = "SELECT rowid, rank FROM words WHERE words MATCH ? AND rank MATCH ? ORDER BY rank, rowid LIMIT ?"
        rows = self._database.execute(ask, (query, f"bm25(1.0, {weight})", limit)) if query else ()
        return {number: -score for number, score in rows}

    def text(self, number: int) -> str:
        packed = self._database.execute("SELECT text FROM passages WHERE id = ?", (number,)).fetchone()[0]
        return zlib.decompress(packed).decode()

    def length(self, number: int) -> int:
        return int(self._database.execute("SELECT length FROM passages WHERE id = ?", (number,)).fetchone()[0])

    def holders(self, word: str) -> int:
        """Count the passages that have the word."""
        if word not in self._holders:
            ask = "SELECT count(*) FROM words WHERE words MATCH ?"
            self._holders[word] = int(self._database.execute(ask, (f'"{word}"',)).fetchone()[0])
        return self._holders[word]


def build_trial(document: Document, path: Path, layout: Layout) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE passages (id INTEGER PRIMARY KEY, length INTEGER, text BLOB)")
        database.execute(f"CREATE VIRTUAL TABLE words USING fts5(text, beside, content='', tokenize='{STEMMED}')")
        for number, (text, beside, shown) in enumerate(_entries(document, layout)):
            packed = zlib.compress(shown.encode(), 1)
            database.execute("INSERT INTO passages VALUES (?, ?, ?)", (number, len(text), packed))
            values = (number, searchable(text), searchable(beside))
            database.execute("INSERT INTO words (rowid, text, beside) VALUES (?, ?, ?)", values)
        database.execute("INSERT INTO words (words) VALUES ('optimize')")


def _entries(document: Document, layout: Layout) -> Iterator[tuple[str, str, str]]:
    """Yield each passage's text, the text beside it, and what is shown."""
    shortest = cutting.SHORTEST * layout.longest // cutting.LONGEST
    border = cutting.BORDER if layout.borders else NEVER
    with patch.multiple(cutting, LONGEST=layout.longest, SHORTEST=shortest, BORDER=border):
        found = titled([file.path for file in document.files], cut_document(document))
        if layout.neighbours:
            yield from _with_neighbours([passage for passage, _ in found])
        else:
            yield from ((passage.text, titles if layout.titles else "", passage.text) for passage, titles in found)


def _with_neighbours(passages: list[Passage]) -> Iterator[tuple[str, str, str]]:
    for before, passage, after in zip([None, *passages], passages, [*passages[1:], None], strict=False):
        last, first = _sentence(before, -1), _sentence(after, 0)
        yield passage.text, f"{last}\n{first}", f"{last} {passage.text} {first}"


def _sentence(passage: Passage | None, place: int) -> str:
    spans = list(sentences(passage.text)) if passage else []
    return passage.text[slice(*spans[place])] if passage and spans else ""
