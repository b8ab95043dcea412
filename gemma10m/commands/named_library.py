"""Tell a folder of states from documents on a command line."""

from __future__ import annotations

from pathlib import Path

from gemma10m.errors import UsageError
from gemma10m.library.library_index import is_library
from gemma10m.library.sources import Patterns, refuse_patterns


def named_library(sources: list[str], patterns: Patterns) -> Path | None:
    """Return the folder of states that was named, else None. Raises UsageError if more than it was named."""
    found = next((name for name in sources if is_library(Path(name))), None)
    if found is None:
        return None
    if len(sources) > 1:
        raise UsageError(f"{found} is a folder of states, and other sources were named", hint="name it alone")
    refuse_patterns(f"{found} is a folder of states", patterns)
    return Path(found)
