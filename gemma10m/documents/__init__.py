"""Turn sources into documents: text in order, and where each piece of it came from."""

from gemma10m.documents.document import (
    AS_READ,
    CHANGED,
    GONE,
    NOT_AVAILABLE,
    Document,
    FileNow,
    Origin,
    Piece,
    SkippedFile,
    SourceFile,
)
from gemma10m.documents.recheck import FileRead, FilesNow
from gemma10m.documents.reopen import open_again
from gemma10m.documents.source import open_source
from gemma10m.documents.whereabouts import Whereabouts

__all__ = [
    "AS_READ",
    "CHANGED",
    "GONE",
    "NOT_AVAILABLE",
    "Document",
    "FileNow",
    "FileRead",
    "FilesNow",
    "Origin",
    "Piece",
    "SkippedFile",
    "SourceFile",
    "Whereabouts",
    "open_again",
    "open_source",
]
