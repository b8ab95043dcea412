"""What a compressed source may unpack to, counted as it comes out: what a file says of its own size is not believed."""

from __future__ import annotations

from gemma10m.documents import limits
from gemma10m.documents.safe_open import UnreadableError


class BombError(UnreadableError):
    """More came out than may. It ends the reading of a whole archive, not of one member."""


class Budget:
    """For one source of `nbytes` bytes, with everything that lies in it."""

    def __init__(self, nbytes: int) -> None:
        self._most = min(limits.TOTAL, max(limits.ALWAYS, limits.RATIO * nbytes))
        self._left = self._most

    def spend(self, nbytes: int) -> None:
        """Raises `BombError`."""
        self._left -= nbytes
        if self._left < 0:
            raise BombError(
                f"it unpacks to more than {self._most >> 20:,} MiB, too much for a file of its size",
                hint="unpack it yourself if you trust it, and name the folder",
            )
