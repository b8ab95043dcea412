"""Write passages into an index on disk: a SQLite file with FTS5 tables, then its checksum; whole or not at all."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import BinaryIO

from gemma10m.atomic_file import atomic_path
from gemma10m.documents import Document
from gemma10m.errors import DiskError
from gemma10m.passages.code_files import is_code
from gemma10m.passages.cutting import Passage, cut_document
from gemma10m.passages.folding import searchable
from gemma10m.passages.titles import titled
from gemma10m.passages.words import STEMMED, spaced

APPLICATION = 0x67313069  # SQLite's own mark for whose file it is
VERSION = 8
PAGES_KNOWN = 100  # bytes of the file that tell how many pages it has
CHECKSUM = 4  # bytes after them
SHRINKING = "PRAGMA auto_vacuum = FULL;"  # what FTS5 rewrites while it merges would stay as holes
TABLES = f"""
    CREATE TABLE about (fingerprint TEXT NOT NULL);
    CREATE TABLE files (id INTEGER PRIMARY KEY, path TEXT NOT NULL, encoding TEXT NOT NULL);
    CREATE TABLE passages (
        id INTEGER PRIMARY KEY, file INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
        first_line INTEGER NOT NULL, last_line INTEGER NOT NULL, places TEXT NOT NULL, text BLOB NOT NULL,
        heading TEXT NOT NULL);
    CREATE VIRTUAL TABLE words USING fts5(text, titles, content='', tokenize='{STEMMED}');
    CREATE VIRTUAL TABLE trigrams USING fts5(text, content='', detail=none, tokenize='trigram');
"""


def build_index(document: Document, path: Path) -> None:
    """Index the whole document. Raises DiskError, and DocumentError when a file changes meanwhile."""
    with new_index(path) as database:
        fill_from(database, document)


def fill_from(database: sqlite3.Connection, document: Document, stop: Callable[[], bool] = lambda: False) -> None:
    """Write the document's passages into an empty index. Raises StoppedError when `stop` says so, and DocumentError."""
    files = [(file.path, file.encoding) for file in document.files]
    fill(database, document.fingerprint, files, cut_document(document), stop)


@contextmanager
def new_index(path: Path) -> Iterator[sqlite3.Connection]:
    """Give an empty index to fill; it replaces `path`, sealed, if the block ends without an error. Raises DiskError."""
    try:
        with atomic_path(path) as temporary, closing(sqlite3.connect(temporary)) as database:
            # The file has no name of its own until it is whole: a journal would protect what is thrown away anyway.
            database.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {SHRINKING} {TABLES}")
            database.execute(f"PRAGMA application_id = {APPLICATION}")
            database.execute(f"PRAGMA user_version = {VERSION}")
            with database:
                yield database
            database.close()
            seal(temporary)
    except sqlite3.Error as error:
        raise DiskError(f"{path} cannot be written: {error}", "free some space or choose another disk") from error


class StoppedError(Exception):
    """End a block that fills an index: no index is left."""


def fill(
    database: sqlite3.Connection,
    fingerprint: str,
    files: Sequence[tuple[str, str]],
    passages: Iterable[Passage],
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Write the fingerprint, the path and encoding of each file, and the passages, which come file by file."""
    exact = [is_code(path) for path, _ in files]
    for number, (passage, titles) in enumerate(titled([path for path, _ in files], passages)):
        if stop():
            raise StoppedError
        where = (number, passage.file, passage.start, passage.stop, passage.first_line, passage.last_line)
        heading = json.dumps(astuple(passage.heading) if passage.heading else ())
        values = (*where, json.dumps(passage.places), _packed(passage.text), heading)
        database.execute("INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        text = searchable(f"{passage.heading.text}\n{passage.text}" if passage.heading else passage.text)
        row = (number, spaced(text), spaced(searchable(titles)))
        database.execute("INSERT INTO words (rowid, text, titles) VALUES (?, ?, ?)", row)
        if exact[passage.file]:
            database.execute("INSERT INTO trigrams (rowid, text) VALUES (?, ?)", (number, text))
    database.execute("INSERT INTO about VALUES (?)", (fingerprint,))
    database.executemany("INSERT INTO files VALUES (?, ?, ?)", [(number, *file) for number, file in enumerate(files)])
    for table in ("words", "trigrams"):
        database.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")  # noqa: S608


def seal(path: Path) -> None:
    """Write the file's checksum after its pages: a damaged bit may hide a passage, and SQLite does not notice."""
    with path.open("r+b") as file:
        pages = page_bytes(file.read(PAGES_KNOWN))
        file.truncate(pages)
        file.seek(0)
        checksum = file_checksum(file, pages)
        file.seek(pages)
        file.write(checksum.to_bytes(CHECKSUM))


def page_bytes(start: bytes) -> int:
    """Return the length of a SQLite file's pages, read from its first 100 bytes."""
    size = int.from_bytes(start[16:18])
    return (1 << 16 if size == 1 else size) * int.from_bytes(start[28:32])


def file_checksum(file: BinaryIO, nbytes: int) -> int:
    """Return the CRC-32 of the file's next bytes: it finds every damage within 32 bits, at a gigabyte a second."""
    found = 0
    while nbytes > 0 and (block := file.read(min(nbytes, 1 << 20))):
        found, nbytes = zlib.crc32(block, found), nbytes - len(block)
    return found


def _packed(text: str) -> bytes:
    return zlib.compress(text.encode(), 1)
