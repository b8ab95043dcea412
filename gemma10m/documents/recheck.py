"""Look at each file of a document that was opened before, and tell if it still is what was read."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from itertools import islice
from typing import NamedTuple

from gemma10m.documents.archives.archive import Archive
from gemma10m.documents.budget import Budget
from gemma10m.documents.content import Content
from gemma10m.documents.document import AS_READ, CHANGED, GONE, NOT_AVAILABLE, FileNow, Origin, SourceFile
from gemma10m.documents.extraction import open_content
from gemma10m.documents.file_stat import Stamp
from gemma10m.documents.hashing import inspect
from gemma10m.documents.names import printable
from gemma10m.documents.reopen import MORE, may_hold
from gemma10m.documents.safe_open import UnreadableError, open_regular
from gemma10m.documents.source import STANDARD_INPUT, open_named
from gemma10m.documents.spool import Spool
from gemma10m.errors import DiskError, DocumentError

_FAILURES = (DocumentError, DiskError, UnreadableError, OSError, ValueError)


class FileRead(NamedTuple):
    """Keep the record of a file that was read."""

    path: str  # for display
    nbytes: int  # of its text
    sha256: str


class FilesNow:
    """Compare files with their records: one in a folder by itself, a member of an archive with all the others."""

    def __init__(self, origin: Origin | None, name: str, files: Sequence[FileRead]) -> None:
        """Keep the record. name: the document's name, by which a document without an origin is found."""
        self.files = files
        self._origin = origin or Origin("", (name,))
        self._lost = NOT_AVAILABLE if origin is None else ""
        self._found: dict[str, SourceFile] = {}

    def now(self, number: int) -> FileNow:
        """Return a file as it is now, and never raise. A file that had changed is looked at again."""
        path = self.files[number].path
        if path in self._found:
            return FileNow(AS_READ, self._found[path])
        if STANDARD_INPUT in self._origin.names:
            return FileNow(NOT_AVAILABLE)
        status = self._look(self.files[number])
        return FileNow(self._lost or status) if status else FileNow(AS_READ, self._found[path])

    def _look(self, read: FileRead) -> str:
        """Return the file's status; "" where it is as it was."""
        for name in sorted(self._origin.names, key=len, reverse=True):  # an archive before the folder it is in
            root = os.path.join(self._origin.folder, name)
            if os.path.isdir(root):
                above = self._above(name.rstrip("/"))
                if read.path.startswith(above):
                    return self._look_inside(root, read.path[len(above) :], read)
            elif read in self._of(name):
                return self._look_at(root, name)
        return GONE

    def _above(self, name: str) -> str:
        """Return the prefix of the paths of a folder's or an archive's files."""
        return "" if len(self._origin.names) == 1 else printable(name) + "/"

    def _of(self, name: str) -> list[FileRead]:
        """Return the files read from a source, which may be an archive, or a folder that is gone."""
        shown = printable(name)
        above = (self._above(shown), self._above(name.rstrip("/")))
        found = (read for read in self.files if read.path == shown or read.path.startswith(above))
        return list(dict.fromkeys(found))  # it may have been named twice

    def _look_at(self, root: str, name: str) -> str:
        wanted = self._of(name)
        try:
            if wanted[0].path == printable(name) and not may_hold(root, wanted[0].nbytes, follow_links=True):
                return CHANGED
            found = open_named(self._origin, name)
        except _FAILURES:
            return CHANGED if os.path.exists(root) else GONE
        if [_read(file) for file in found] != wanted:
            return CHANGED
        self._found |= {file.path: file for file in found}
        return ""

    def _look_inside(self, root: str, shown: str, read: FileRead) -> str:
        path = _real(root, shown)
        if path is None or not os.path.lexists(path):
            return GONE
        try:
            file = _opened(path, read) if may_hold(path, read.nbytes, follow_links=False) else None
        except _FAILURES:
            return CHANGED
        if file is None or _read(file) != read:
            return CHANGED
        self._found[read.path] = file
        return ""


def _opened(path: str, read: FileRead) -> SourceFile | None:
    content, stamp = Content(partial(open_regular, path, follow_links=False)), Stamp.of(path, follow_links=False)
    opened = open_content(content, path, Spool(), Budget(content.size()))
    return None if isinstance(opened, Archive) else inspect(read.path, opened, stamp)


def _read(file: SourceFile) -> FileRead:
    return FileRead(file.path, file.nbytes, file.sha256)


def _real(root: str, shown: str) -> str | None:
    """Map a displayed path back to the real one below a folder; None for a forged one."""
    path = root
    for part in shown.split("/"):
        name: str | None = part
        if "\\" in part:  # a name with what cannot be shown
            name = _name_shown_as(path, part)
        if name in (None, "", ".", ".."):
            return None
        path = os.path.join(path, str(name))
    return path


def _name_shown_as(folder: str, shown: str) -> str | None:
    try:
        with os.scandir(folder) as entries:
            return next((entry.name for entry in islice(entries, MORE) if printable(entry.name) == shown), None)
    except OSError:
        return None
