"""A checkpoint folder in Hugging Face layout: everything about it is read and checked before anything is allocated."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from gemma10m.config import ModelConfig
from gemma10m.errors import ModelError
from gemma10m.folders import models_folder
from gemma10m.weights.config_file import ConfigFile, StatedReading, read_config
from gemma10m.weights.expected import HEAD, check_tensors
from gemma10m.weights.fingerprint import fingerprint
from gemma10m.weights.headers import TensorEntry
from gemma10m.weights.shards import read_tensors


@dataclass(frozen=True)
class Checkpoint:
    folder: Path
    name: str
    config: ModelConfig
    reading: StatedReading
    tensors: Mapping[str, TensorEntry]
    fingerprint: str
    notes: tuple[str, ...]  # what a user should know about how it is read

    @property
    def parameters(self) -> int:
        return sum(math.prod(entry.shape) for entry in self.tensors.values())

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors on disk."""
        return sum(entry.nbytes for entry in self.tensors.values())

    @property
    def dtypes(self) -> tuple[str, ...]:
        return tuple(sorted({entry.dtype for entry in self.tensors.values()}))


def open_checkpoint(folder: Path) -> Checkpoint:
    """Read config.json and every shard's header, and check that they fit together; no tensor is loaded.

    Raises ModelError (ConfigError for the config's numbers) that says what was found and what was expected.
    """
    _check_folder(folder)
    described = read_config(folder)
    tensors = read_tensors(folder)
    config = _with_tensors(described, tensors)
    check_tensors(config, tensors)
    notes: tuple[str, ...] = ()
    if described.tied and not config.tied_head:
        config = replace(config, tied_head=True)
        tensors.pop(HEAD)
        notes = (f"{HEAD} is ignored: config.json ties the head to the embedding",)
    return Checkpoint(
        folder=folder,
        name=_name(folder.resolve()),
        config=config,
        reading=described.reading,
        tensors=MappingProxyType(tensors),
        fingerprint=fingerprint(config, tensors),
        notes=notes,
    )


def _with_tensors(described: ConfigFile, tensors: Mapping[str, TensorEntry]) -> ModelConfig:
    """The config with what only the tensors tell. One layer's gate is enough to expect one in every layer."""
    return replace(
        described.config,
        has_gates=any(name.endswith(".self_attn.gate") for name in tensors),
        has_write_gates=any(".self_attn.write_gate." in name for name in tensors),
        has_state_vectors=any(".self_attn.state_vector." in name for name in tensors),
        tied_head=HEAD not in tensors and described.tied is not False,
    )


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        found = "is not a folder" if folder.exists() else "does not exist"
        raise ModelError(f"{folder} {found}", hint="name the folder that holds config.json and the weights")
    if not (folder / "config.json").exists() and (folder / "snapshots").is_dir():
        inside = next((path.name for path in sorted((folder / "snapshots").iterdir())), "")
        raise ModelError(f"{folder} is a Hugging Face cache, not a model", hint=f"name {folder / 'snapshots' / inside}")


def _name(folder: Path) -> str:
    """The folder's name, or the repository's where it was downloaded by us or lies in a Hugging Face cache."""
    if folder.parent == models_folder().resolve():
        return folder.name.replace("--", "/", 1)
    if folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--"):
        return folder.parent.parent.name.removeprefix("models--").replace("--", "/", 1)
    return folder.name
