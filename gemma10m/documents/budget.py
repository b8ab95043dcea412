"""Limit what a compressed source may unpack to, counted as it comes out, whatever size the file states."""

from __future__ import annotations

from gemma10m.documents import limits
from gemma10m.documents.safe_open import UnreadableError


class BombError(UnreadableError):
    """Report that more came out than is allowed. It ends the reading of a whole archive, not of one member."""


class Budget:
    """Hold the limit for one source of `nbytes` bytes, with everything in it."""

    def __init__(self, nbytes: int) -> None:
        self._most = min(limits.TOTAL, max(limits.ALWAYS, limits.RATIO * nbytes))
        self._left = self._most

    def spend(self, nbytes: int) -> None:
        """Count bytes that came out. Raises `BombError`."""
        self._left -= nbytes
        if self._left < 0:
            raise BombError(
                f"it unpacks to more than {self._most >> 20:,} MiB, too much for a file of its size",
                hint="unpack it yourself if you trust it, and name the folder",
            )
