"""A folder as a document: every file below it, in one order on every machine, without what `.gitignore` leaves out."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from gemma10m.documents.document import SkippedFile
from gemma10m.documents.ignoring import IgnoreRules
from gemma10m.documents.names import printable
from gemma10m.documents.safe_open import UnreadableError, open_regular, read_block, reason
from gemma10m.documents.selection import Choice, Parts, Rules, in_order

_LARGEST_RULES = 1 << 20  # bytes


@dataclass
class Walk:
    """What a folder holds. `files` are relative paths in reading order; links, FIFOs and the like are among them."""

    root: str
    choice: Choice
    most: float = math.inf  # files and what is skipped: with more, the walk ends early
    files: list[str] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def run(self) -> Walk:
        """Raises `UnreadableError` when `root` itself cannot be listed."""
        folders: list[tuple[Parts, Rules]] = [((), ())]
        while folders and len(self.files) + len(self.skipped) <= self.most:
            path, rules = folders.pop()
            try:
                with os.scandir(self._real(path)) as entries:
                    folders += self._visit(path, list(entries), rules)
            except OSError as error:
                if not path:
                    raise UnreadableError(reason(error)) from error
                self._skip("/".join(path) + "/", reason(error))
        self.files = in_order(self.files)
        self.skipped.sort(key=lambda skipped: skipped.path)
        return self

    def _visit(self, folder: Parts, entries: list[os.DirEntry[str]], rules: Rules) -> Iterator[tuple[Parts, Rules]]:
        if any(entry.name == ".gitignore" for entry in entries):
            rules = (*self._rules(folder), *rules)
        for entry in entries:
            path = (*folder, entry.name)
            is_folder = entry.is_dir(follow_symlinks=False)
            shown = "/".join(path) + ("/" if is_folder else "")
            if why := self.choice.why_not(path, is_folder, rules):
                self._skip(shown, why)
            elif is_folder:
                yield path, rules
            else:
                self.files.append(shown)

    def _rules(self, folder: Parts) -> Iterator[IgnoreRules]:
        path = (*folder, ".gitignore")
        try:
            descriptor = open_regular(self._real(path), follow_links=False)
        except UnreadableError:
            return  # the walk lists the file itself, and why it cannot be read
        try:
            content = read_block(descriptor, 0, _LARGEST_RULES + 1)
        finally:
            os.close(descriptor)
        if len(content) > _LARGEST_RULES:
            self.notices.append(f"{printable('/'.join(path))} is larger than 1 MB: its rules are not used")
        else:
            yield IgnoreRules.parse(os.fsdecode(content), len(folder))

    def _real(self, path: Parts) -> str:
        return os.path.join(self.root, *path)

    def _skip(self, path: str, why: str) -> None:
        self.skipped.append(SkippedFile(printable(path), why))
