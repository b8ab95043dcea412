"""Run `states`: list and remove what the cache keeps of documents that were read."""

from __future__ import annotations

import time
from collections.abc import Iterator

from gemma10m.errors import UsageError
from gemma10m.library.kept import KeptState, kept_states, leftovers, lone_indexes, remove
from gemma10m.progress import format_bytes, format_duration
from gemma10m.terminal import Terminal

SHORTEST_NAME = 8  # characters


def states(terminal: Terminal, name: str | None, everything: bool) -> None:
    """List the states, remove one by its name or its document's, or remove all. Raises UsageError and DiskError."""
    kept = kept_states()
    if name and everything:
        raise UsageError("--remove and --remove-all were both given", hint="give only one of them")
    if everything:
        terminal.line(_remove_all(kept))
    elif name:
        for state in _named(kept, name):
            terminal.line(_remove(state))
    else:
        for state in kept:
            terminal.json_line(_record(state)) if terminal.json else terminal.line(_line(state))
        for note in _notes(kept):
            terminal.note(note)


def _notes(kept: list[KeptState]) -> Iterator[str]:
    if not kept:
        yield "the cache has no states; `gemma10m read` and `ask` save one for each document"
    for what, paths in (
        ("leftovers of runs that were killed", leftovers()),
        ("passages without a state", lone_indexes()),
    ):
        if paths:
            size = format_bytes(sum(path.stat().st_size for path in paths))
            yield f"{len(paths)} {what}, {size}: --remove-all removes them"


def _line(state: KeptState) -> str:
    age, size = format_duration(time.time() - state.modified), format_bytes(state.nbytes)
    if state.header is None:
        return f"{state.name[:SHORTEST_NAME]}  cannot be read  {size}  {age} old"
    header = state.header
    unfinished = "" if header.complete else ", unfinished"
    about = f"{header.document.name}  {header.model}, {header.reading.memory}  {header.position:,} tokens{unfinished}"
    return f"{state.name[:SHORTEST_NAME]}  {about}  {size}  {age} old"


def _record(state: KeptState) -> dict[str, object]:
    header = state.header
    return {
        "name": state.name,
        "path": str(state.path),
        "document": header and header.document.name,
        "fingerprint": header and header.document.fingerprint,
        "model": header and header.model,
        "memory": header and header.reading.memory,
        "position": header and header.position,
        "complete": header and header.complete,
        "bytes": state.nbytes,
        "seconds_old": max(0.0, time.time() - state.modified),
    }


def _named(kept: list[KeptState], name: str) -> list[KeptState]:
    """Find the states of this name or document. Raises UsageError if no state has the name."""
    starts = [state for state in kept if len(name) >= SHORTEST_NAME and state.name.startswith(name)]
    found = starts or [state for state in kept if state.header and state.header.document.name == name]
    if not found:
        raise UsageError(f"no state has the name {name!r}", hint="give the first word of a line of `gemma10m states`")
    return found


def _remove(state: KeptState) -> str:
    about = f"the state of {state.header.document.name}" if state.header else f"the state {state.name}"
    return f"removed {about} and its passages: {format_bytes(remove(state.files))}"


def _remove_all(kept: list[KeptState]) -> str:
    left, alone = leftovers(), lone_indexes()
    freed = remove([*(path for state in kept for path in state.files), *alone, *left])
    counts = f"{len(kept)} states with their passages, {len(alone)} passages without a state and {len(left)} leftovers"
    return f"removed {counts}: {format_bytes(freed)}"
