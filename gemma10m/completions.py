"""Complete options in a shell. Nothing here imports torch, because a key press waits for it."""

from __future__ import annotations

from collections.abc import Callable

from gemma10m.config import DTYPES, MEMORY_KINDS
from gemma10m.errors import Gemma10MError

FORMS = ("single", "multi-key", "multi-value", "multi-query", "update", "absent")
VALUES = ("number", "word", "uuid")
DEVICES = ("auto", "cpu", "cuda")
WAYS = ("state", "sections", "refine")


def among(*names: str) -> Callable[[str], list[str]]:
    """Return a function that completes a prefix to one of the names."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return complete


def model_names(incomplete: str) -> list[str]:
    """Complete the names of models that are on this machine; the shell completes paths."""
    from gemma10m.weights.downloads import list_downloaded
    from gemma10m.weights.packaged import PACKAGED

    try:
        downloaded = [model.name for model in list_downloaded()]
    except (Gemma10MError, OSError):
        downloaded = []
    return among("demo", *PACKAGED, *downloaded)(incomplete)


device, dtype, memory = among(*DEVICES), among("auto", *DTYPES), among(*MEMORY_KINDS)
form, values, way = among(*FORMS), among(*VALUES), among(*WAYS)
