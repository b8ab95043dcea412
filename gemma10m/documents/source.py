"""Turn what the user names into a document."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from io import BufferedReader
from pathlib import Path
from typing import cast

from gemma10m.documents.archives.archive import Archive, Selection
from gemma10m.documents.budget import BombError, Budget
from gemma10m.documents.content import Content
from gemma10m.documents.document import Document, Origin, SkippedFile, SourceFile
from gemma10m.documents.extraction import Text, open_content
from gemma10m.documents.file_stat import Stamp
from gemma10m.documents.guessing import WINDOWS_1252, not_utf8
from gemma10m.documents.hashing import inspect
from gemma10m.documents.left_out import left_out_by_text
from gemma10m.documents.mistaken import missing, refuse_model
from gemma10m.documents.names import printable
from gemma10m.documents.repository import Walk
from gemma10m.documents.safe_open import BLOCK, FileBelow, UnreadableError, open_regular
from gemma10m.documents.selection import Choice
from gemma10m.documents.spool import Spool
from gemma10m.documents.text import no_mark, nul_bytes, wrong_bytes
from gemma10m.documents.whereabouts import working_folder
from gemma10m.errors import DocumentError, UsageError
from gemma10m.regular_file import reason

STANDARD_INPUT = "-"
_REASONS_SHOWN = 5
_WATCHED = 1000  # files between two looks at how far it is

Watch = Callable[[int, int], None]  # files done, files there are, as far as is known


def _unwatched(done: int, total: int) -> None:
    pass


def open_source(
    *paths: str | Path,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    everything: bool = False,
    watch: Watch = _unwatched,
) -> Document:
    """Open one file, several files, folders or archives, or "-" (standard input), in the order given.

    Each file is read once from end to end to find its encoding and its hash, in constant memory; text that has to be
    extracted is kept in a temporary file without a name. A path that is named may be a link and is followed; links
    found inside a folder are not. `include` and `exclude` are patterns as in a `.gitignore`, for what is in folders and
    archives; `everything` there reads also what is ignored or left out as generated, a lock file, a cache or a key.
    `watch` is called after every thousand files. Raises `DocumentError` and `DiskError`.
    """
    names = [os.fspath(path) for path in paths]
    if not names:
        raise UsageError("no document was named", hint='name a file or a folder, or "-" for standard input')
    if names.count(STANDARD_INPUT) > 1:
        raise UsageError('"-" was named twice, and standard input can be read only once', hint="name it once")
    return open_from("", Origin(working_folder(), tuple(names), tuple(include), tuple(exclude), everything), watch)


def open_from(folder: str, origin: Origin, watch: Watch = _unwatched) -> Document:
    """Open what `origin` names, seen from a folder. Raises `DocumentError` and `DiskError`."""
    gathering = _Gathering(folder, origin, watch)
    for name in origin.names:
        gathering.add(name)
    return gathering.document()


def open_named(origin: Origin, name: str) -> list[SourceFile]:
    """Return the files that one of an origin's names leads to. Raises `DocumentError` and `DiskError`."""
    gathering = _Gathering(origin.folder, origin)
    gathering.add(name)
    return gathering.files


class _Gathering:
    """Gather the files of a document that is being opened."""

    def __init__(self, folder: str, origin: Origin, watch: Watch = _unwatched) -> None:
        self.folder, self.origin, self.watch = folder, origin, watch
        self.alone = len(origin.names) == 1
        self.headed = not self.alone
        self.choice = Choice.of(origin.include, origin.exclude, origin.everything)
        self.spool = Spool()
        self.contents = False
        self.files: list[SourceFile] = []
        self.skipped: list[SkippedFile] = []
        self.notices: list[str] = []

    def add(self, name: str) -> None:
        """Add what a name of the origin leads to. Raises `DocumentError` and `DiskError`."""
        path = os.path.join(self.folder, name)
        if name == STANDARD_INPUT:
            self._add_named("standard input", self.spool.keep(_standard_input()), stamp=None)
        elif _is_folder(path, name):
            self._add_folder(path, name)
        else:
            stamp = Stamp.of(path, follow_links=True)
            self._add_named(printable(name), Content(partial(open_regular, path, follow_links=True)), stamp)

    def _add_named(self, shown: str, content: Content, stamp: Stamp | None) -> None:
        try:
            refuse_model(content.head(), shown)
            opened = open_content(content, shown, self.spool, Budget(content.size()))
            if isinstance(opened, Archive):
                self._add_archive(shown, opened, stamp)
                return
            file = inspect(shown, opened, stamp)
        except UnreadableError as error:
            raise DocumentError(f"{shown} cannot be read: {error}", hint=error.hint) from error
        if file.nbytes <= file.mark:
            raise DocumentError(f"{shown} is empty", hint="name a file that holds text")
        self._append(file, opened.notice)

    def _add_folder(self, root: str, name: str) -> None:
        try:
            walk = Walk(root, self.choice).run()
        except UnreadableError as error:
            raise DocumentError(f"{printable(name)} cannot be listed: {error}", hint=error.hint) from error

        def load(path: str) -> tuple[Content, Stamp]:
            return Content(FileBelow(root, path)), Stamp.of(os.path.join(root, path), follow_links=False)

        self._add_tree(name.rstrip("/"), walk, load, budget=None)

    def _add_archive(self, shown: str, archive: Archive, stamp: Stamp | None) -> None:
        """Add an archive's files. Raises `UnreadableError` for an archive that is refused as a whole."""
        selection = Selection(archive, self.choice, self.spool)
        self._add_tree(shown, selection, lambda path: (selection.load(path), stamp), archive.budget)
        self.notices += (f"{shown}: {notice}" for notice in archive.notices)

    def _add_tree(
        self,
        name: str,
        tree: Walk | Selection,
        load: Callable[[str], tuple[Content, Stamp | None]],
        budget: Budget | None,
    ) -> None:
        """Add the files of a tree. `budget` is an archive's for all its members; in a folder each file has its own."""
        self.headed = self.contents = True
        above = "" if self.alone else printable(name) + "/"
        self.notices += tree.notices
        self.skipped += (SkippedFile(above + skipped.path, skipped.reason) for skipped in tree.skipped)
        for number, path in enumerate(tree.files):
            if number % _WATCHED == 0 and number:
                self.watch(number, len(tree.files))
            shown = above + printable(path)
            try:
                content, stamp = load(path)
                text = _text(open_content(content, path, self.spool, budget or Budget(stamp.nbytes if stamp else 0)))
                self._append(inspect(shown, text, stamp, self._why_not(path)), text.notice)
            except UnreadableError as error:
                if budget is not None and isinstance(error, BombError):
                    raise
                self.skipped.append(SkippedFile(shown, str(error)))

    def _why_not(self, path: str) -> Callable[[bytes], str]:
        return (lambda head: "") if self.choice.everything else partial(left_out_by_text, path)

    def _append(self, file: SourceFile, notice: str) -> None:
        self.files.append(file)
        if notice:
            self.notices.append(f"{file.path}: {notice}")
        if file.wrong:
            self.notices.append(f"{file.path}: {wrong_bytes(file.wrong, 'UTF-8')}")
        if file.nuls:
            self.notices.append(f"{file.path}: {nul_bytes(file.nuls)}")
        if file.encoding == WINDOWS_1252.codec:
            self.notices.append(f"{file.path} is {not_utf8(WINDOWS_1252)}")
        if file.encoding.startswith(("utf-16", "utf-32")) and not file.mark:
            self.notices.append(f"{file.path}: {no_mark(file.encoding)}")

    def document(self) -> Document:
        """Return the document. Raises `DocumentError` for one without text."""
        names = self.origin.names
        name = "standard input" if names[0] == STANDARD_INPUT else printable(names[0])
        if len(names) > 1:
            name += f" and {len(names) - 1} more"
        if not any(file.nbytes > file.mark for file in self.files):
            raise self._nothing(name)
        contents = self.contents and len(self.files) > 1
        return Document(
            name,
            tuple(self.files),
            tuple(self.skipped),
            tuple(self.notices),
            self.headed,
            contents,
            None if STANDARD_INPUT in names else self.origin,
        )

    def _nothing(self, name: str) -> DocumentError:
        hint = "name a folder that holds text files, or the files themselves"
        given = [f"--include {pattern}" for pattern in self.origin.include]
        if given := given + [f"--exclude {pattern}" for pattern in self.origin.exclude]:
            hint = f"check {printable(' '.join(given))}: patterns are as in .gitignore"
        return DocumentError(f"{name} holds no text that can be read ({self._why_nothing()})", hint=hint)

    def _why_nothing(self) -> str:
        reasons = [f"{skipped.path}: {skipped.reason}" for skipped in self.skipped]
        reasons += [f"{file.path}: empty" for file in self.files]
        more = len(reasons) - _REASONS_SHOWN
        return "; ".join(reasons[:_REASONS_SHOWN] + [f"{more} more"] * (more > 0)) or "it is empty"


def _text(opened: Text | Archive) -> Text:
    if isinstance(opened, Archive):
        raise UnreadableError("an archive: name it to read it")
    return opened


def _is_folder(path: str, name: str) -> bool:
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except FileNotFoundError as error:
        raise missing(path, name) from error
    except (OSError, ValueError) as error:
        refusal = UnreadableError(reason(error))
        raise DocumentError(f"{printable(name)} cannot be read: {refusal}", hint=refusal.hint) from error


def _standard_input() -> Iterator[bytes]:
    if sys.stdin is None or sys.stdin.closed:
        raise DocumentError(
            "standard input is closed", hint='pipe text into the command, or name a file instead of "-"'
        )
    try:
        buffer = cast(BufferedReader, sys.stdin.buffer)
        while block := buffer.read1(BLOCK):  # a whole block would need a second end of file on a terminal
            yield block
    except OSError as error:
        raise DocumentError(f"standard input cannot be read: {reason(error)}", hint="name a file instead") from error
