"""Read a folder as a document: list every file below it, in one order on every machine, that is not ignored."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from gemma10m.documents.document import SkippedFile
from gemma10m.documents.git_folders import (
    RULES_FILE,
    TooManyRulesError,
    git_folder,
    read_rules,
    repository_rules,
    rules_around,
)
from gemma10m.documents.names import printable
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.selection import Choice, Parts, Rules, in_order
from gemma10m.regular_file import reason


@dataclass
class Walk:
    """Hold the contents of a folder. `files` are relative paths in reading order, with links, FIFOs and the like."""

    root: str
    choice: Choice
    most: float = math.inf  # files and what is skipped: with more, the walk ends early
    files: list[str] = field(default_factory=list)
    skipped: list[SkippedFile] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    def run(self) -> Walk:
        """Walk the folder. Raises `UnreadableError` when `root` itself cannot be listed."""
        folders: list[tuple[Parts, Rules]] = [((), self._rules_around())]
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
        names = {entry.name for entry in entries}
        rules = self._rules(folder, names, rules)
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

    def _rules(self, folder: Parts, names: set[str], rules: Rules) -> Rules:
        """Return the rules that hold in a folder. A repository inside of another has only its own, as for git."""
        depth = len(folder)
        try:
            if folder and ".git" in names and (git := git_folder(self._real(folder))) is not None:
                rules = tuple(repository_rules(git, depth))
            if RULES_FILE in names and (own := read_rules(self._real((*folder, RULES_FILE)), depth)) is not None:
                rules = (own, *rules)
        except TooManyRulesError:
            name = printable("/".join((*folder, RULES_FILE)))
            self.notices.append(f"{name} is larger than 1 MB: its rules are not used")
        return rules

    def _rules_around(self) -> Rules:
        try:
            return rules_around(self.root)
        except TooManyRulesError:
            self.notices.append("the ignore rules above this folder are larger than 1 MB: they are not used")
            return ()

    def _real(self, path: Parts) -> str:
        return os.path.join(self.root, *path)

    def _skip(self, path: str, why: str) -> None:
        self.skipped.append(SkippedFile(printable(path), why))
