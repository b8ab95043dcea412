"""Let one of several ranks report the error that ends all of them. Imports no torch for a process that reads alone."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from gemma10m.errors import UsageError
from gemma10m.ranks.place import Place, place

if TYPE_CHECKING:
    from gemma10m.ranks.group import Ranks

PATIENCE = 2.0  # seconds in which the first rank may report before another one does, and a report is waited for


class Reporter:
    """Know if this process has the terminal, and at an error if it is the one to report."""

    def __init__(self) -> None:
        self._place: Place | None = None
        self._ranks: Ranks | None = None

    def join(self, allowed: bool) -> bool:
        """Join the other ranks, if there are any; tell if this one has the terminal.

        Raises UsageError for a command that runs in one process, NetworkError if the first rank cannot be reached.
        """
        self._place = place()
        if self._place is None:
            return True
        if not allowed:
            hint = "run this command without torchrun; it can open the state that they saved"
            raise UsageError("only `gemma10m read` runs on several ranks", hint)
        # Read when torch is imported: what torch says of a rank that is gone, with the frames of its C++ code, is said
        # in one sentence here.
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
        from gemma10m.ranks.group import joined

        self._ranks = joined()
        return self._place.rank == 0

    def reports(self) -> bool:
        """Tell if this process is to report its error; where it is not, return once another one has."""
        if self._place is None:
            return True
        if self._ranks is None:  # before they could join, all of them fail alike
            if self._place.local:
                time.sleep(PATIENCE)
            return self._place.local == 0
        return self._ranks.reports(PATIENCE)

    def done(self) -> None:
        """Let the other ranks end."""
        if self._ranks is not None:
            self._ranks.let_end()

    @property
    def several(self) -> bool:
        return self._place is not None

    @property
    def name(self) -> str:
        """Return what a sentence from this rank begins with: nothing for the first one."""
        return f"rank {self._place.rank}: " if self._place and self._place.rank else ""
