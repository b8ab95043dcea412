"""Turn the paths of a document's files into paths that open from the working folder."""

from __future__ import annotations

import os
from collections.abc import Sequence

from gemma10m.documents.names import printable


class Whereabouts:
    """Hold the `folder` and `names` of the document's origin; without names every path stays as it is."""

    def __init__(self, folder: str = "", names: Sequence[str] = ()) -> None:
        self._folder, self._names = folder, names
        self._here = working_folder()
        self._in_folder = len(names) == 1 and os.path.isdir(os.path.join(folder, names[0]))

    def path(self, shown: str) -> str:
        """Return the path that opens the file; a member of an archive keeps its name in the archive."""
        if not self._names:
            return shown
        first = printable(self._names[0])
        if self._in_folder:
            below = os.path.join(first, shown)
        elif len(self._names) == 1 and shown != first:
            return shown
        else:
            below = shown
        if self._folder in ("", self._here):
            return below.removeprefix("./")
        full = os.path.normpath(os.path.join(printable(self._folder), below))
        inside = printable(self._here.rstrip("/")) + "/"
        return full[len(inside) :] if self._here and full.startswith(inside) else full


def working_folder() -> str:
    """Return the current folder, or "" if it was removed: then only absolute names can be opened."""
    try:
        return os.getcwd()
    except OSError:
        return ""
