"""Apply `.gitignore` rules as git does: to one entry at a time, after its parent folders.

pathspec's `GitIgnoreSpec` decides whole paths, and calls a folder ignored under `*`, `!*/`, `!*.py`: it cannot be asked
which folders to leave unvisited, and differs from git in brackets and escapes. `tools/compare_ignoring.py` compares
this module with `git ls-files`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from gemma10m.documents.globs import compile_glob

_MARK = "\ufeff".encode()
_PLAIN = re.compile(rb"[^*?\[\\]*")


@dataclass(frozen=True)
class Rule:
    """Hold one line of a `.gitignore`."""

    pattern: re.Pattern[bytes]  # of what follows `start`
    start: bytes  # what a path begins with
    names_only: bool  # the last part of a path is matched alone
    ignores: bool
    folders_only: bool

    def matches(self, path: bytes, name: bytes, is_folder: bool) -> bool:
        if self.folders_only and not is_folder:
            return False
        text = name if self.names_only else path
        return text.startswith(self.start) and self.pattern.match(text, len(self.start)) is not None


@dataclass(frozen=True)
class IgnoreRules:
    """Hold the rules of one file. They apply to paths below the folder that it lies in.

    That folder is `depth` folders below the top, or above it, where the top's path from there is `above`.
    """

    depth: int
    rules: tuple[Rule, ...]
    above: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str, depth: int, above: tuple[str, ...] = ()) -> IgnoreRules:
        lines = os.fsencode(text).removeprefix(_MARK).split(b"\n")
        return cls(depth, tuple(rule for line in lines for rule in _parse(line.removesuffix(b"\r"))), above)

    def verdict(self, path: tuple[str, ...], is_folder: bool) -> bool | None:
        """Return whether the last rule that matches `path` (its parts from the top) ignores it, None for no rule."""
        return self._verdict((*self.above, *path[self.depth :]), is_folder)

    def verdict_above(self, levels: int) -> bool | None:
        """Return the verdict for the folder that lies `levels` above the top; the top itself for 0."""
        return self._verdict(self.above[: len(self.above) - levels], is_folder=True)

    def _verdict(self, parts: tuple[str, ...], is_folder: bool) -> bool | None:
        below, name = os.fsencode("/".join(parts)), os.fsencode(parts[-1])
        return next((rule.ignores for rule in reversed(self.rules) if rule.matches(below, name, is_folder)), None)


def _parse(line: bytes) -> Iterator[Rule]:
    if line.startswith(b"#"):
        return
    line = _without_trailing_spaces(line.partition(b"\0")[0])
    ignores = not line.startswith(b"!")
    line = line.removeprefix(b"!")
    folders_only = line.endswith(b"/")
    line = line.removesuffix(b"/")
    if not line:
        return
    names_only = b"/" not in line
    # Git compares what stands before the first special character by itself, so that `a**/b` begins with `**` after it.
    glob = line if names_only else line.removeprefix(b"/")
    plain = _PLAIN.match(glob)
    start = plain[0] if plain else b""
    yield Rule(compile_glob(glob[len(start) :]), start, names_only, ignores, folders_only)


def _without_trailing_spaces(line: bytes) -> bytes:
    """Leave out spaces at the end, but not the one that a backslash protects."""
    short = line.rstrip(b" ")
    backslashes = len(short) - len(short.rstrip(b"\\"))
    return line[: len(short) + backslashes % 2]
