"""Passages into an index on disk: a SQLite file with FTS5 tables, there whole or not at all."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

from gemma10m.atomic_file import atomic_path
from gemma10m.documents import Document
from gemma10m.errors import DiskError
from gemma10m.passages.code_files import is_code
from gemma10m.passages.cutting import Passage, cut_document
from gemma10m.passages.words import STEMMED, is_unspaced

APPLICATION = 0x67313069  # SQLite's own mark for whose file it is
VERSION = 5
SHRINKING = "PRAGMA auto_vacuum = FULL;"  # what FTS5 rewrites while it merges would stay as holes
TABLES = f"""
    CREATE TABLE about (fingerprint TEXT NOT NULL);
    CREATE TABLE files (id INTEGER PRIMARY KEY, path TEXT NOT NULL, encoding TEXT NOT NULL);
    CREATE TABLE passages (
        id INTEGER PRIMARY KEY, file INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL,
        first_line INTEGER NOT NULL, last_line INTEGER NOT NULL, places TEXT NOT NULL, text BLOB NOT NULL);
    CREATE VIRTUAL TABLE words USING fts5(text, content='', tokenize='{STEMMED}');
    CREATE VIRTUAL TABLE trigrams USING fts5(text, content='', detail=none, tokenize='trigram');
"""


def build_index(document: Document, path: Path, stop: Callable[[], bool] = lambda: False) -> bool:
    """Index the whole document; return False, and leave no file, when `stop` said so in between.

    Raises DiskError, and DocumentError when a file changes meanwhile.
    """
    try:
        with atomic_path(path) as temporary, closing(sqlite3.connect(temporary)) as database:
            # The file has no name of its own until it is whole: a journal would protect what is thrown away anyway.
            database.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {SHRINKING} {TABLES}")
            database.execute(f"PRAGMA application_id = {APPLICATION}")
            database.execute(f"PRAGMA user_version = {VERSION}")
            with database:
                _fill(database, document, stop)
        return True
    except _Stopped:
        return False
    except sqlite3.Error as error:
        raise DiskError(f"{path} cannot be written: {error}", "free some space or choose another disk") from error


class _Stopped(Exception):
    pass


def _fill(database: sqlite3.Connection, document: Document, stop: Callable[[], bool]) -> None:
    exact = [is_code(file.path) for file in document.files]
    passages: Iterable[Passage] = cut_document(document)
    for number, passage in enumerate(passages):
        if stop():
            raise _Stopped
        where = (number, passage.file, passage.start, passage.stop, passage.first_line, passage.last_line)
        values = (*where, json.dumps(passage.places), _packed(passage.text))
        database.execute("INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?)", values)
        database.execute("INSERT INTO words (rowid, text) VALUES (?, ?)", (number, passage.text))
        if exact[passage.file] or is_unspaced(passage.text):
            database.execute("INSERT INTO trigrams (rowid, text) VALUES (?, ?)", (number, passage.text))
    database.execute("INSERT INTO about VALUES (?)", (document.fingerprint,))
    files = [(number, file.path, file.encoding) for number, file in enumerate(document.files)]
    database.executemany("INSERT INTO files VALUES (?, ?, ?)", files)
    for table in ("words", "trigrams"):
        database.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")  # noqa: S608


def _packed(text: str) -> bytes:
    return zlib.compress(text.encode(), 1)
