"""Read an archive as a folder: choose the members that are read. No member ever becomes a file on the disk."""

from __future__ import annotations

import os
import re
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import NamedTuple

from gemma10m.documents.budget import BombError, Budget
from gemma10m.documents.content import Content
from gemma10m.documents.document import SkippedFile
from gemma10m.documents.ignoring import IgnoreRules
from gemma10m.documents.names import printable
from gemma10m.documents.safe_open import UnreadableError
from gemma10m.documents.selection import Choice, Parts, Rules, in_order
from gemma10m.documents.spool import Spool

_OUTSIDE = re.compile(r"[/\\]|[a-zA-Z]:[/\\]|(?:.*[/\\])?\.\.(?:[/\\]|\Z)", re.DOTALL)  # on any system
_RULES = ".gitignore"


class Member(NamedTuple):
    """Hold what an archive's list says of a member."""

    name: str  # as the archive has it
    why_not: str  # why it cannot be read; "" when it can


class Archive(ABC):
    """Hold the members. One that is named twice is read as it is the last time, as when an archive is unpacked."""

    separators = "/"  # between the folders of a name
    notices: list[str]  # what is not read beside the members that are skipped, and damage that is found when they are

    def __init__(self, members: Iterable[Member], budget: Budget) -> None:
        """Check the paths; one that leads out of the archive is kept apart, to be skipped."""
        self.budget = budget
        self.members: dict[Parts, Member] = {}
        self.replaced: list[Parts] = []
        self.nowhere: list[SkippedFile] = []
        for member in members:
            parts = _parts(member.name, self.separators)
            if not parts or _OUTSIDE.match(member.name):
                why = "its path leads out of the archive" if parts else "it has no name"
                self.nowhere.append(SkippedFile(printable(member.name), why))
                continue
            if parts in self.members:
                self.replaced.append(parts)
            self.members[parts] = member

    @abstractmethod
    def load(self, name: str, spool: Spool) -> Content:
        """Return a member's content, in the spool or in place. Raises `UnreadableError`, `BombError` among them."""


class Selection:
    """Choose from an archive what a walk through a folder would find."""

    def __init__(self, archive: Archive, choice: Choice, spool: Spool) -> None:
        self._archive, self._choice, self._spool = archive, choice, spool
        self._rules: dict[Parts, Rules] = {}
        self._left_out: dict[Parts, str] = {}
        self.notices: list[str] = []
        kept = [parts for parts in archive.members if not self._is_left_out(parts)]
        self.files = in_order("/".join(parts) for parts in kept if not archive.members[parts].why_not)
        skipped = [(parts, archive.members[parts].why_not) for parts in kept]
        skipped += [(parts, "replaced by a later member") for parts in archive.replaced]
        shown = [SkippedFile(printable("/".join(parts)), why) for parts, why in skipped if why]
        shown += [SkippedFile(printable("/".join(parts)), why) for parts, why in self._left_out.items() if why]
        self.skipped = sorted([*shown, *archive.nowhere], key=lambda each: each.path)

    def load(self, path: str) -> Content:
        """Return a file's content. Raises as `Archive.load` does."""
        return self._archive.load(self._archive.members[tuple(path.split("/"))].name, self._spool)

    def _is_left_out(self, path: Parts) -> bool:
        """Return whether a rule leaves the path out; folders come before what is in them, each once."""
        for end in range(1, len(path) + 1):
            part, is_folder = path[:end], end < len(path)
            key = (*part, "") if is_folder else part  # so that it ends in "/"
            if key not in self._left_out:
                self._left_out[key] = self._choice.why_not(part, is_folder, self._rules_for(part[:-1]))
            if self._left_out[key]:
                return True
        return False

    def _rules_for(self, folder: Parts) -> Rules:
        if folder not in self._rules:
            above = self._rules_for(folder[:-1]) if folder else ()
            self._rules[folder] = (*self._read_rules(folder), *above)
        return self._rules[folder]

    def _read_rules(self, folder: Parts) -> Rules:
        member = self._archive.members.get((*folder, _RULES))
        if member is None or member.why_not:
            return ()
        try:
            content = self._archive.load(member.name, self._spool).whole("a .gitignore")
        except BombError:
            raise
        except UnreadableError:
            return ()  # it is listed with the reason when its turn comes
        return (IgnoreRules.parse(os.fsdecode(content), len(folder)),)


def _parts(name: str, separators: str) -> Parts:
    return tuple(part for part in re.split(f"[{re.escape(separators)}]", name) if part not in ("", "."))
