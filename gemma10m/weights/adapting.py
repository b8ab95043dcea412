"""Find the adapter that a model is used with, and add it to the model's weights."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from gemma10m.adapters.added_memory import PART
from gemma10m.adapters.lora import LowRankUpdate
from gemma10m.adapters.peft_folder import Adapter, read_about, read_adapter
from gemma10m.config import MemoryKind, ModelConfig
from gemma10m.errors import ModelError
from gemma10m.folders import expanded, reader_folders
from gemma10m.memory import KINDS
from gemma10m.models import architecture_of
from gemma10m.strict_json import quote
from gemma10m.weights.checkpoint import Checkpoint
from gemma10m.weights.expected import expected_shapes

NO_ADAPTER = "none"


def find_adapter(asked: str | Path | None, checkpoint: Checkpoint) -> Adapter | None:
    """Return the adapter in the folder `asked`; for None the packaged one if it belongs to these weights.

    "none" asks for no adapter. Raises ModelError for a damaged adapter and for one of other weights.
    """
    if asked == NO_ADAPTER:
        return None
    if asked is None:
        own = (folder for folder in reader_folders() if read_about(folder).base == checkpoint.fingerprint)
        return next(map(read_adapter, own), None)
    adapter = read_adapter(expanded(asked))
    if adapter.about.base not in ("", checkpoint.fingerprint):
        raise ModelError(
            f"{adapter.path} was trained on other weights than those of {checkpoint.name}",
            hint="name the model that it was trained on with --model, or leave out --adapter",
        )
    own_updates(adapter, checkpoint)
    return adapter


def with_adapter(checkpoint: Checkpoint, adapter: Adapter | None) -> Checkpoint:
    """Return the checkpoint with the adapter's updates, and with room for its memory, if it has one.

    Raises ModelError for an adapter of other weights.
    """
    if adapter is None:
        return checkpoint
    checkpoint = replace(checkpoint, updates=own_updates(adapter, checkpoint))
    if adapter.memory is None:
        return checkpoint
    config = replace(checkpoint.config, added_rank=adapter.memory.rank)
    _check_memory(adapter, checkpoint.name, config)
    return replace(checkpoint, config=config, added=adapter.memory.reading)


def adapted_fingerprint(checkpoint: Checkpoint, adapter: Adapter | None, memory: MemoryKind) -> str:
    """Return the fingerprint of the weights with the adapter: states of one are not continued by the other.

    The adapter's memory counts only where the model reads with it.
    """
    if adapter is None:
        return checkpoint.fingerprint
    parts = [checkpoint.fingerprint, adapter.fingerprint]
    if adapter.memory and KINDS[memory].needs_added_memory:
        parts.append(adapter.memory.fingerprint)
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def _check_memory(adapter: Adapter, name: str, config: ModelConfig) -> None:
    """Compare the memory's tensors with the model's. Raises ModelError, for a memory in a local layer, too."""
    assert adapter.memory is not None
    expected = {name: shape for name, shape in expected_shapes(config).items() if PART in name}
    found = {name: tuple(tensor.shape) for name, tensor in adapter.memory.tensors.items()}
    if wrong := sorted(part for part in expected.keys() | found.keys() if expected.get(part) != found.get(part)):
        has = f"of the shape {list(found[wrong[0]])}" if wrong[0] in found else "missing"
        wants = f"{list(expected[wrong[0]])} expected" if wrong[0] in expected else "and that layer has no memory"
        raise ModelError(
            f"the memory in {adapter.path} does not fit {name}: {quote(wrong[0])} is {has}, {wants}",
            hint="name the model that the adapter was trained on with --model",
        )


def own_updates(adapter: Adapter, checkpoint: Checkpoint) -> dict[str, LowRankUpdate]:
    """Return the updates by the model's own names, checked against its shapes. Raises ModelError."""
    architecture = architecture_of(checkpoint.config)
    found: dict[str, LowRankUpdate] = {}
    for name, update in adapter.updates.items():
        own = architecture.own_name(name)
        entry = checkpoint.tensors.get(own) if own else None
        shape = (update.up.shape[0], update.down.shape[1])
        if own is None or entry is None or tuple(entry.shape) != shape:
            what = "no such weight" if entry is None else f"a weight of the shape {list(entry.shape)}"
            raise ModelError(
                f"{adapter.path} changes {quote(name)} of the shape {list(shape)}, and {checkpoint.name} has {what}",
                hint="name the model that the adapter was trained on with --model",
            )
        if own in found:
            raise ModelError(
                f"{adapter.path} changes {quote(own)} twice, once as {quote(name)}", hint="use an undamaged adapter"
            )
        found[own] = update
    return found
