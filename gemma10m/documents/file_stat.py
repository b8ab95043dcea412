"""Keep a file's size, time and identity, to notice without reading it again that it was replaced."""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stamp:
    """Hold what the system says of a file at one time."""

    path: str
    follow_links: bool
    facts: tuple[int, ...]  # none of a file that is not there

    @classmethod
    def of(cls, path: str, follow_links: bool) -> Stamp:
        """Return the stamp of a file now, which has no facts where the file does not exist."""
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
        """Tell if the file is still the same."""
        return bool(self.facts) and Stamp.of(self.path, self.follow_links) == self
