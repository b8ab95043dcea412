"""Run `states`: list and remove what the cache keeps of documents that were read."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

from gemma10m.documents.counts import number_of
from gemma10m.documents.names import original, printable
from gemma10m.errors import UsageError
from gemma10m.library.kept import InCache, in_cache, leftovers, remove
from gemma10m.progress import format_bytes, format_duration
from gemma10m.terminal import Terminal

SHORTEST_NAME = 8  # characters


def states(terminal: Terminal, name: str | None, everything: bool) -> None:
    """List what is kept, remove some of it by its name or its document's, or all. Raises UsageError and DiskError."""
    kept = in_cache()
    if name is not None and everything:
        raise UsageError("--remove and --remove-all were both given", hint="give only one of them")
    if everything:
        terminal.line(_remove_all(kept))
    elif name is not None:
        for each in _named(kept, name):
            terminal.line(_remove(each))
    else:
        for each in kept:
            terminal.json_line(_record(each)) if terminal.json else terminal.line(_line(each))
        for note in _notes(kept):
            terminal.note(note)


def _notes(kept: list[InCache]) -> Iterator[str]:
    if not kept:
        yield "the cache is empty: `read` keeps a document's state there, `find` and `ask` at least its passages"
    if paths := leftovers():
        size = format_bytes(sum(path.stat().st_size for path in paths))
        yield f"{number_of(len(paths), 'leftover')} of killed runs, {size}: --remove-all removes them"


def _line(kept: InCache) -> str:
    age, size = format_duration(time.time() - kept.modified), format_bytes(kept.nbytes)
    return f"{kept.name[:SHORTEST_NAME]}  {_about(kept)}  {size}  {age} old"


def _about(kept: InCache) -> str:
    if kept.document is None:
        return "cannot be read"
    if (header := kept.header) is None:
        return f"{kept.document}  passages only"
    unfinished = "" if header.complete else ", unfinished"
    return f"{kept.document}  {header.model}, {header.reading.memory}  {header.position:,} tokens{unfinished}"


def _record(kept: InCache) -> dict[str, object]:
    header = kept.header
    return {
        "name": kept.name,
        "path": str(kept.path),
        "document": kept.document and original(kept.document),
        "fingerprint": kept.fingerprint,
        "model": header and header.model,
        "memory": header and header.reading.memory,
        "position": header and header.position,
        "complete": header and header.complete,
        "bytes": kept.nbytes,
        "seconds_old": max(0.0, time.time() - kept.modified),
    }


def _named(kept: list[InCache], name: str) -> list[InCache]:
    """Find what has this name or is of this document. Raises UsageError if nothing has the name, or two documents."""
    starts = [each for each in kept if len(name) >= SHORTEST_NAME and each.name.startswith(name)]
    wanted = os.path.normpath(printable(name))
    found = starts or [each for each in kept if each.document and os.path.normpath(each.document) == wanted]
    hint = "give the first word of a line of `states`"
    if not found:
        raise UsageError(f"nothing in the cache has the name '{printable(name)}'", hint)
    if (number := len({each.fingerprint for each in found})) > 1:
        raise UsageError(f"{number} texts in the cache have the name '{printable(name)}'", hint)
    return found


def _remove(kept: InCache) -> str:
    document = kept.document or kept.name
    what = "the state and passages" if kept.is_state else "the passages"
    return f"removed {what} of {document}: {format_bytes(remove(kept.files))}"


def _remove_all(kept: list[InCache]) -> str:
    left, number = leftovers(), sum(each.is_state for each in kept)
    freed = remove([*(path for each in kept for path in each.files), *left])
    counts = (
        f"{number_of(number, 'state')} with passages, passages of {number_of(len(kept) - number, 'other document')}"
    )
    return f"removed {counts} and {number_of(len(left), 'leftover')}: {format_bytes(freed)}"
