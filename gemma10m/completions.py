"""Complete options in a shell. Nothing here imports torch, because a key press waits for it."""

from __future__ import annotations

from collections.abc import Callable

from gemma10m.config import FORMATS, KV_FORMATS, MEMORY_KINDS, QUANTISED
from gemma10m.errors import Gemma10MError

# Written again here, because their own files import torch; a test compares them.
BENCHES = ("answer", "documents", "first-minute", "index", "kernels", "length", "load", "read", "scale", "start")
WAYS = ("state", "sections", "refine")


def among(*names: str) -> Callable[[str], list[str]]:
    """Return a function that completes a prefix to one of the names."""

    def complete(incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return complete


def of_trials(name: str) -> Callable[[str], list[str]]:
    """Return a function that completes a prefix to one of a tuple of `evaluation.task`, imported at a key press."""

    def complete(incomplete: str) -> list[str]:
        from gemma10m.evaluation import task as trials

        return among(*getattr(trials, name))(incomplete)

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


def repositories(incomplete: str) -> list[str]:
    """Complete the names of models on the hub that this program knows."""
    from gemma10m.weights.published import PUBLISHED

    return among(*(model.repository for model in PUBLISHED if model.has_weights))(incomplete)


def models(incomplete: str) -> list[str]:
    """Complete the names of models that can be described: those on this machine, and published ones."""
    from gemma10m.weights.published import PUBLISHED

    unpublished = among(*(model.repository for model in PUBLISHED if not model.has_weights))
    return [*model_names(incomplete), *repositories(incomplete), *unpublished(incomplete)]


def kept(incomplete: str) -> list[str]:
    """Complete the documents that the cache keeps something of, and the names of what it keeps."""
    from gemma10m.library.kept import in_cache

    entries = in_cache()
    names = [*(entry.document for entry in entries if entry.document), *(entry.name[:8] for entry in entries)]
    return among(*dict.fromkeys(names))(incomplete)


device, dtype, packed_dtype = among("auto", "cpu", "cuda"), among("auto", *FORMATS), among(*QUANTISED)
memory, kv = among(*MEMORY_KINDS), among(*KV_FORMATS)
form, values, task = of_trials("FORMS"), of_trials("VALUES"), of_trials("TASKS")
bench, way = among(*BENCHES), among(*WAYS)
