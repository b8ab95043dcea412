"""Choose files of a folder or an archive, and put them in order."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gemma10m.documents.ignoring import IgnoreRules
from gemma10m.documents.left_out import left_out_by_name

_README_ENDINGS = frozenset(
    ["", *".md .markdown .mdown .mkd .txt .text .rst .adoc .asciidoc .org .textile .rdoc .pod .creole .wiki".split()]
)

Parts = tuple[str, ...]  # a path's parts, from the top
Rules = tuple[IgnoreRules, ...]  # the nearest folder's first


@dataclass(frozen=True)
class Choice:
    """Hold the user's patterns, which mean what lines of a `.gitignore` at the top do.

    With `everything`, files that are ignored or left out by their names are read, too; git's own never are.
    """

    include: IgnoreRules | None  # None: everything
    exclude: IgnoreRules
    everything: bool = False

    @classmethod
    def of(cls, include: Sequence[str], exclude: Sequence[str], everything: bool = False) -> Choice:
        """Read the patterns."""
        included = IgnoreRules.parse("\n".join(include), depth=0) if include else None
        return cls(included, IgnoreRules.parse("\n".join(exclude), depth=0), everything)

    def why_not(self, path: Parts, is_folder: bool, rules: Rules) -> str:
        """Return why `path` is left out; "" when it is not. Its parent folders are not left out."""
        if path[-1] == ".git":
            return "git's own"
        if not self.everything and _ignored(path, is_folder, rules):
            return "ignored by .gitignore"
        if self.exclude.verdict(path, is_folder):
            return "excluded"
        if not self.everything and (why := left_out_by_name(path[-1], is_folder)):
            return why
        return "" if is_folder or self._included(path) else "not included"

    def _included(self, path: Parts) -> bool:
        """Tell if a path is included: a folder is included with everything below it."""
        ends = range(1, len(path) + 1)
        return self.include is None or any(self.include.verdict(path[:end], end < len(path)) for end in ends)


def _ignored(path: Parts, is_folder: bool, rules: Rules) -> bool:
    verdicts = (each.verdict(path, is_folder) for each in rules)
    return next((verdict for verdict in verdicts if verdict is not None), False)


def in_order(paths: Iterable[str]) -> list[str]:
    """Sort paths bytewise, but put the README of the topmost folder that has files first."""
    ordered = sorted(paths, key=os.fsencode)
    top = os.path.commonpath([os.path.dirname(f"/{path}") for path in ordered]) if ordered else "/"
    return sorted(ordered, key=lambda path: not _is_readme(f"/{path}", top))


def _is_readme(path: str, folder: str) -> bool:
    stem, ending = os.path.splitext(os.path.basename(path).lower())
    return os.path.dirname(path) == folder and stem == "readme" and ending in _README_ENDINGS
