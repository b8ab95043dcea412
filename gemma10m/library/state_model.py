"""Find a saved state's model: the one on this machine that has the fingerprint in the state's header."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from gemma10m.adapters.peft_folder import read_adapter
from gemma10m.config import MemoryKind
from gemma10m.errors import ModelError, StateError, UsageError
from gemma10m.folders import expanded
from gemma10m.library.defaults import default_model
from gemma10m.library.model_choice import ModelOptions
from gemma10m.sanitise import sanitise_line
from gemma10m.state_file import StateHeader
from gemma10m.weights.adapting import NO_ADAPTER, adapted_fingerprint, find_adapter
from gemma10m.weights.checkpoint import open_checkpoint
from gemma10m.weights.downloads import list_downloaded
from gemma10m.weights.loading import resolve_model
from gemma10m.weights.packaged import PACKAGED, find_packaged


def as_saved(options: ModelOptions, path: Path, header: StateHeader) -> ModelOptions:
    """Fill in the options that the user did not set with the state's model, dtype and reading.

    Raises ModelError if the state's model is not on this machine, StateError if the user named another one.
    """
    if options.model:
        _refuse_other_model(options.model, options.adapter, path, header)
    else:
        model, adapter = _model(path, header, options.adapter)
        options = replace(options, model=model, adapter=options.adapter or adapter)
    dtype = header.dtype if options.dtype == "auto" else options.dtype
    options = replace(options, dtype=dtype, kv=options.kv or header.reading.kv)
    if (options.memory, options.carry, options.sinks) != (None, None, None):
        return options
    reading = header.reading
    return replace(options, memory=reading.memory, carry=reading.carry, sinks=reading.sinks)


def _refuse_other_model(name: str, adapter: str | None, path: Path, header: StateHeader) -> None:
    """Raise StateError before the state's reading is taken for one of this model."""
    found = _fingerprints(name, adapter, header.reading.memory)
    if found and header.model_fingerprint not in found:
        raise StateError(
            f"{path} was read by the model {sanitise_line(header.model)}, not by {name}",
            hint="leave out --model, or name the document itself",
        )


def _model(path: Path, header: StateHeader, asked: str | None) -> tuple[str, str | None]:
    """Return the name of the state's model, and its adapter: `asked`, None for the packaged one, or "none"."""
    if asked is not None and asked != NO_ADAPTER:
        read_adapter(expanded(asked))  # a damaged one is reported, and not a model that is missing
    names = known_models()
    # A name in a file chooses among the models that are known, and never a path.
    for name in sorted(names, key=lambda name: name != header.model):
        found = _fingerprints(name, asked, header.reading.memory)
        if header.model_fingerprint in found:
            return name, found[header.model_fingerprint]
    read_by = f"{sanitise_line(header.model)} (fingerprint {header.model_fingerprint[:12]})"
    raise ModelError(
        f"{path} was read by the model {read_by}, and none of {', '.join(names)} is that model",
        hint="name the folder or the file of that model with --model",
    )


def known_models() -> list[str]:
    """Return the names of the models on this machine: the demo, packaged and downloaded ones, the default."""
    default = default_model()
    packaged = [name for name in PACKAGED if find_packaged(name)]
    names = ["demo", *packaged, *(model.name for model in list_downloaded()), *([default.name] if default else [])]
    return list(dict.fromkeys(names))


def _fingerprints(name: str, asked: str | None, memory: MemoryKind) -> dict[str, str | None]:
    """Return the adapters by the model's fingerprint with them: none, the packaged one and `asked`.

    One that does not fit the model is left out, and so are all for a model that cannot be opened.
    """
    try:
        checkpoint = open_checkpoint(resolve_model(name))
    except (ModelError, UsageError, OSError):
        return {}
    found: dict[str, str | None] = {}
    for adapter in dict.fromkeys((NO_ADAPTER, None, asked)):
        with suppress(ModelError):
            found[adapted_fingerprint(checkpoint, find_adapter(adapter, checkpoint), memory)] = adapter
    return found
