"""A file's size, times and identity: enough to notice that it was replaced, without reading it again."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stamp:
    path: str
    follow_links: bool
    facts: tuple[int, ...]  # none of a file that is not there

    @classmethod
    def of(cls, path: str, follow_links: bool) -> Stamp:
        try:
            found = os.stat(path) if follow_links else os.lstat(path)
        except (OSError, ValueError):
            return cls(path, follow_links, ())
        return cls(path, follow_links, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns))

    @property
    def nbytes(self) -> int:
        """Return the size of the file, 0 if it does not exist."""
        return self.facts[2] if self.facts else 0

    def holds(self) -> bool:
        return bool(self.facts) and Stamp.of(self.path, self.follow_links) == self
