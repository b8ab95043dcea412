"""Find passages by their words. An index is a file like any other: a damaged one is reported, never trusted."""

from __future__ import annotations

import os
import sqlite3
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from gemma10m.errors import StateError
from gemma10m.passages.building import APPLICATION, CHECKSUM, PAGES_KNOWN, VERSION, file_checksum, page_bytes
from gemma10m.passages.code_files import is_by_line
from gemma10m.passages.cutting import Heading, Passage, sentences
from gemma10m.passages.words import as_phrases, as_trigrams, as_words
from gemma10m.regular_file import open_regular_file
from gemma10m.strict_json import strict_json

SqlRow = tuple[Any, ...]
RANK_OFFSET = 60.0  # of reciprocal rank fusion (Cormack et al., SIGIR 2009)
SEARCHED_WORDS = 500  # more take time that grows with their square; no passage has room for so many
ENCODINGS = frozenset("utf-8 utf-8-sig lossy-utf-8 utf-16-le utf-16-be utf-32-le utf-32-be cp1252".split())
SQLITE = b"SQLite format 3\0"  # how its files begin
APPLICATION_PLACE = slice(68, 72)  # where they keep the mark
_SQL_ERRORS = (sqlite3.Error, UnicodeDecodeError)  # what SQLite says of damage may quote it
LENGTH_POWER = 0.1  # of the highest shares of found sources in SQuAD's and HotpotQA's training questions
_RATED = """
    SELECT number, score, stop - start FROM (
        SELECT rowid AS number, rank AS score FROM words
        WHERE words MATCH ? AND rank MATCH 'bm25(1.0, 2.0)' ORDER BY rank LIMIT ?
    ) JOIN passages ON id = number ORDER BY score, number
"""
LARGEST = 1 << 16  # bytes of a passage's text: more is no index of ours


class PassageIndex:
    """Find the passages of one document. `open_index` makes it."""

    def __init__(self, database: sqlite3.Connection) -> None:
        """Read the document's fingerprint, the path and encoding of each file, and the count of passages."""
        self._database = database
        self.fingerprint = str(_first(self._rows("SELECT fingerprint FROM about", ()))[0])
        rows = self._rows("SELECT path, encoding FROM files ORDER BY id", ())
        self.files = [(str(path), str(encoding)) for path, encoding in rows]
        self.count = int(_first(self._rows("SELECT count(*) FROM passages", ()))[0])
        if not ENCODINGS.issuperset(encoding for _, encoding in self.files):
            raise damaged()

    def search(self, words: list[str], limit: int) -> list[Passage]:
        """Return the passages with the most telling of the words (BM25), best first."""
        return [self.passage(number) for number in self.with_words(words, limit)]

    def with_words(self, words: list[str], limit: int) -> list[int]:
        """Return the numbers of the passages that have the words in their text."""
        words = words[:SEARCHED_WORDS]
        return fused([self._ranked("words", as_words(words), limit), self.with_parts(words, limit)])[:limit]

    def with_parts(self, words: list[str], limit: int) -> list[int]:
        """Return the numbers of the passages of code that have the words as parts of others."""
        return self._ranked("trigrams", as_trigrams(words[:SEARCHED_WORDS]), limit)

    def holders(self, word: str) -> int:
        """Count the passages that have the word in their text."""
        query = f"{{text}}: ({as_words([word])})"
        return int(_first(self._rows("SELECT count(*) FROM words WHERE words MATCH ?", (query,)))[0])

    def rated(self, words: list[str], names: Sequence[str], limit: int) -> dict[int, float]:
        """Return the passages that have the words or the names in their text or their headings, with their scores.

        BM25 counts a heading's words twice; its measure against long passages (b = 0.75, which FTS5 fixes) is softened.
        """
        query = " OR ".join(filter(None, (as_words(words[:SEARCHED_WORDS]), as_phrases(names))))
        if not query:
            return {}
        rows = self._rows(_RATED, (query, limit))
        if not all(isinstance(length, int) and length > 0 for *_, length in rows):
            raise damaged()
        return {number: -score * length**LENGTH_POWER for number, score, length in rows}

    def having(self, every: list[str], any_of: list[str], limit: int) -> list[Passage]:
        """Return the passages that have all of the first words and one of the others, the best first."""
        if len(every) > SEARCHED_WORDS:
            return []
        terms = [*(as_words([word]) for word in every), as_words(any_of[:SEARCHED_WORDS])]
        found = self._ranked("words", " AND ".join(f"({term})" for term in terms if term), limit)
        return [self.passage(number) for number in found]

    def passage(self, number: int) -> Passage:
        """Read a passage. Raises StateError for one that is not what was written."""
        query = "SELECT file, start, stop, first_line, last_line, places, heading, text FROM passages WHERE id = ?"
        *numbers, places, heading, packed = _first(self._rows(query, (number,)))
        if not all(isinstance(each, int) for each in numbers):
            raise damaged()
        file, start, stop, first_line, last_line = numbers
        if not 0 <= file < len(self.files):
            raise damaged()
        text = _unpacked(packed)
        return Passage(file, start, stop, first_line, last_line, text, _places(places), _heading(heading))

    def spans(self, passage: Passage) -> list[tuple[int, int]]:
        """Return where each sentence of a passage begins and ends, or each line where the file is read by line."""
        return list(sentences(passage.text, is_by_line(self.files[passage.file][0])))

    def _ranked(self, table: str, query: str, limit: int) -> list[int]:
        if not query:
            return []
        if table == "words":  # a heading above a passage is no part of what it says
            query = f"{{text}}: ({query})"
        found = self._rows(
            f"SELECT rowid FROM {table} WHERE {table} MATCH ? ORDER BY rank, rowid LIMIT ?",  # noqa: S608
            (query, limit),
        )
        return [number for (number,) in found]

    def _rows(self, query: str, values: tuple[object, ...]) -> list[SqlRow]:
        try:
            return self._database.execute(query, values).fetchall()
        except _SQL_ERRORS as error:
            raise damaged() from error


def fused(rankings: Sequence[Sequence[int]]) -> list[int]:
    """Merge the rankings, best first; a tie goes to the earlier ranking."""
    scores: dict[int, float] = {}
    for ranking in rankings:
        for rank, number in enumerate(ranking):
            scores[number] = scores.get(number, 0.0) + 1.0 / (RANK_OFFSET + rank)
    return sorted(scores, key=lambda number: -scores[number])


def _unpacked(packed: bytes) -> str:
    unpacking = zlib.decompressobj()
    try:
        text = unpacking.decompress(packed, LARGEST).decode()
    except (zlib.error, TypeError, UnicodeDecodeError) as error:
        raise damaged() from error
    if not unpacking.eof:
        raise damaged()
    return text


def _places(said: object) -> tuple[tuple[int, str], ...]:
    try:
        return tuple((int(offset), str(name)) for offset, name in strict_json(str(said)))
    except (ValueError, TypeError) as error:
        raise damaged() from error


def _heading(said: object) -> Heading | None:
    try:
        found = strict_json(str(said))
        return Heading(int(found[0]), int(found[1]), str(found[2])) if found else None
    except (ValueError, TypeError, LookupError) as error:
        raise damaged() from error


def damaged() -> StateError:
    return StateError("the passage index is damaged", hint="delete it: it is made again from the document")


def _first(rows: list[SqlRow]) -> SqlRow:
    if not rows:
        raise damaged()
    return rows[0]


def is_index_file(path: Path) -> bool:
    """Tell if the file begins like an index, of any version and in any condition. Never raises, never blocks."""
    try:
        with open_regular_file(path) as file:
            start = file.read(APPLICATION_PLACE.stop)
    except (OSError, ValueError):
        return False
    return start.startswith(SQLITE) and start[APPLICATION_PLACE] == APPLICATION.to_bytes(4)


@contextmanager
def open_index(path: Path, whole: bool = True) -> Iterator[PassageIndex]:
    """Open an index. Raises StateError as `open_database` does."""
    with open_database(path, whole) as database:
        yield PassageIndex(database)


@contextmanager
def open_database(path: Path, whole: bool = True) -> Iterator[sqlite3.Connection]:
    """Open an index's tables. whole: compare the checksum, for which all of the file is read.

    Raises StateError for a file that is no index of this version, or was changed since it was written.
    """
    try:
        if whole:
            _check_whole(path)
        elif not is_index_file(path):  # SQLite would wait for the writer of a pipe
            raise damaged()
        database = sqlite3.connect(f"file:{quote(os.fsencode(path.resolve()))}?mode=ro&immutable=1", uri=True)
    except (OSError, sqlite3.Error) as error:
        raise damaged() from error
    try:
        _check(database)
        yield database
    finally:
        database.close()


def _check_whole(path: Path) -> None:
    with open_regular_file(path) as file:
        pages = page_bytes(file.read(PAGES_KNOWN))
        if os.fstat(file.fileno()).st_size != pages + CHECKSUM:
            raise damaged()
        file.seek(0)
        if file_checksum(file, pages) != int.from_bytes(file.read()):
            raise damaged()


def _check(database: sqlite3.Connection) -> None:
    try:
        database.execute("PRAGMA trusted_schema = OFF")
        marks = [database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")]
    except _SQL_ERRORS as error:
        raise damaged() from error
    if marks != [APPLICATION, VERSION]:
        raise damaged()
