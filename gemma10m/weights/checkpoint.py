"""Read and check everything about a checkpoint before anything is allocated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

from gemma10m.adapters.lora import Updates
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.errors import ModelError
from gemma10m.folders import models_folder
from gemma10m.models import architecture_of
from gemma10m.models.architecture import Architecture
from gemma10m.strict_json import quote
from gemma10m.weights.config_file import ConfigFile, StatedReading, parse_config
from gemma10m.weights.expected import HEAD, check_tensors
from gemma10m.weights.fingerprint import fingerprint
from gemma10m.weights.headers import TensorEntry
from gemma10m.weights.sources import PACKED_TYPES, WeightSource, weight_source


@dataclass(frozen=True)
class Checkpoint:
    source: WeightSource
    name: str
    config: ModelConfig
    reading: StatedReading
    tensors: Mapping[str, TensorEntry]  # by the model's own names
    fingerprint: str
    notes: tuple[str, ...]  # what a user should know about how it is read
    added: ReadingConfig | None = None  # how it reads with an adapter's memory, if it has one
    updates: Updates = field(default_factory=dict)  # what an adapter adds to its weights, by the model's own names

    @property
    def parameters(self) -> int:
        return sum(math.prod(entry.shape) for entry in self.tensors.values())

    @property
    def stored_bits(self) -> Mapping[str, int]:
        """Return the bits, by name, of weights that the file holds as a packed model does and no adapter updates."""
        taken = {name: entry.dtype for name, entry in self.tensors.items() if name not in self.updates}
        return {name: PACKED_TYPES[dtype] for name, dtype in taken.items() if dtype in PACKED_TYPES}

    @property
    def nbytes(self) -> int:
        """Count the bytes of the tensors on disk."""
        return sum(entry.nbytes for entry in self.tensors.values())

    @property
    def dtypes(self) -> tuple[str, ...]:
        return tuple(sorted({entry.dtype for entry in self.tensors.values()}))


def open_checkpoint(path: Path) -> Checkpoint:
    """Read the config and every tensor's place, and check that they fit together; no tensor is loaded.

    path: a folder in Hugging Face's layout, a GGUF file, or a folder that holds one. Raises ModelError (ConfigError for
    the config's numbers) that says what was found and what was expected.
    """
    source = weight_source(path)
    described = parse_config(source.config())
    tensors = _own_tensors(described.config, source)
    config = _with_tensors(described, tensors)
    check_tensors(config, tensors)
    notes: tuple[str, ...] = ()
    if described.tied and not config.tied_head:
        config = replace(config, tied_head=True)
        tensors.pop(HEAD)
        notes = (f"{HEAD} is ignored: config.json ties the head to the embedding",)
    return Checkpoint(
        source=source,
        name=_name(path.resolve()),
        config=config,
        reading=described.reading,
        tensors=MappingProxyType(tensors),
        fingerprint=fingerprint(config, tensors),
        notes=notes,
    )


def _own_tensors(config: ModelConfig, source: WeightSource) -> dict[str, TensorEntry]:
    """Return the text model's tensors by the model's own names."""
    architecture = architecture_of(config)
    unused = _unused_names(config, architecture)
    found: dict[str, TensorEntry] = {}
    for name, entry in source.entries().items():
        own = architecture.own_name(name)
        if own in unused:
            continue
        if own in found:
            raise ModelError(
                f"{source.path} holds the tensor {quote(own)} twice, once as {quote(name)}",
                hint="use a checkpoint from a source you trust",
            )
        if own is not None:
            found[own] = entry
    return found


def _unused_names(config: ModelConfig, architecture: Architecture) -> frozenset[str]:
    """Return the tensors that some files hold in layers which take keys and values from others."""
    sharing = [layer for layer, spec in enumerate(config.attention) if spec.source is not None]
    parts = architecture.unused_when_sharing
    return frozenset(f"model.layers.{layer}.self_attn.{part}.weight" for layer in sharing for part in parts)


def _with_tensors(described: ConfigFile, tensors: Mapping[str, TensorEntry]) -> ModelConfig:
    """Add to the config what only the tensors tell. One layer's gate is enough to expect one in every layer."""
    return replace(
        described.config,
        has_gates=any(name.endswith(".self_attn.gate") for name in tensors),
        has_write_gates=any(".self_attn.write_gate." in name for name in tensors),
        has_state_vectors=any(".self_attn.state_vector." in name for name in tensors),
        has_kv_norms=any(name.endswith(".kv_layernorm.weight") for name in tensors),
        tied_head=HEAD not in tensors and described.tied is not False,
    )


def _name(folder: Path) -> str:
    """Return the folder's or file's name, or the repository's for our downloads and a Hugging Face cache."""
    if folder.parent == models_folder().resolve():
        return folder.name.replace("--", "/", 1)
    if folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--"):
        return folder.parent.parent.name.removeprefix("models--").replace("--", "/", 1)
    return folder.name
