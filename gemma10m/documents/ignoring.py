"""`.gitignore` rules with git's meaning: one entry at a time, its parent folders having passed before it.

pathspec's `GitIgnoreSpec` decides whole paths, and calls a folder ignored under `*`, `!*/`, `!*.py`: it cannot be asked
which folders to leave unvisited. Globs here take linear time, since `fnmatch` writes them with atomic groups.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_TRAILING_SPACES = re.compile(r"(?<![\\ ]) +$")


@dataclass(frozen=True)
class Rule:
    """One line: `parts` are matched against a path's parts, None standing for any number of them (`**`)."""

    parts: tuple[re.Pattern[str] | None, ...]
    ignores: bool
    folders_only: bool

    def matches(self, path: tuple[str, ...], is_folder: bool) -> bool:
        return (is_folder or not self.folders_only) and _match(self.parts, path)


@dataclass(frozen=True)
class IgnoreRules:
    """The rules of one `.gitignore`; `depth` is the number of folders above it."""

    depth: int
    rules: tuple[Rule, ...]

    @classmethod
    def parse(cls, text: str, depth: int) -> IgnoreRules:
        lines = text.removeprefix("\ufeff").split("\n")
        return cls(depth, tuple(rule for line in lines for rule in _parse(line.removesuffix("\r"))))

    def verdict(self, path: tuple[str, ...], is_folder: bool) -> bool | None:
        """Whether `path` (its parts from the top) is ignored; None where no rule says so. The last rule counts."""
        below = path[self.depth :]
        return next((rule.ignores for rule in reversed(self.rules) if rule.matches(below, is_folder)), None)


def _parse(line: str) -> Iterator[Rule]:
    line = _TRAILING_SPACES.sub("", line)
    if line.startswith("#"):
        return
    ignores = not line.startswith("!")
    line = line.removeprefix("!")
    parts = [part for part in line.split("/") if part]
    if not parts:
        return
    if "/" not in line.rstrip("/"):
        parts = ["**", *parts]
    if parts[-1] == "**":
        parts.append("*")
    yield Rule(tuple(None if part == "**" else _glob(part) for part in parts), ignores, line.endswith("/"))


def _glob(part: str) -> re.Pattern[str]:
    literal = _ESCAPED.sub(lambda match: f"[{match[1]}]" if match[1] in "*?[" else match[1], part)
    return re.compile(fnmatch.translate(literal.replace("[^", "[!")))


def _match(parts: tuple[re.Pattern[str] | None, ...], path: tuple[str, ...]) -> bool:
    """Greedy matching that only ever goes back to the last `**`, which is enough and is never exponential."""
    part, name = 0, 0
    star, resume = -1, 0
    while name < len(path):
        pattern = parts[part] if part < len(parts) else None
        if part < len(parts) and pattern is None:
            star, resume = part, name
            part += 1
        elif pattern is not None and pattern.match(path[name]):
            part += 1
            name += 1
        elif star >= 0:
            resume += 1
            part, name = star + 1, resume
        else:
            return False
    return all(pattern is None for pattern in parts[part:])
