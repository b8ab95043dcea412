"""Read and write the added memory of an adapter: memory.safetensors, and memory.json with how it reads.

They stand beside the files of PEFT's layout, or alone: an adapter may have updates, a memory, or both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gemma10m.atomic_file import atomic_file
from gemma10m.config import MOST_ADDED_RANK, ReadingConfig
from gemma10m.errors import ConfigError, ModelError
from gemma10m.regular_file import read_regular, reason, refuse_irregular
from gemma10m.strict_json import quote, strict_json
from gemma10m.tensor_bytes import all_finite, safetensors_bytes

TENSORS, CONFIG = "memory.safetensors", "memory.json"
PART = ".self_attn.added_memory."
LARGEST_JSON = 1 << 16  # bytes
FIELDS = {"version", "rank", "segment", "carry", "sinks"}
VERSION = 3  # of the rule for keys, queries and write gates: a memory means something with the one it was trained with


@dataclass(frozen=True)
class AddedMemoryWeights:
    rank: int
    reading: ReadingConfig
    tensors: Mapping[str, Tensor]  # float32, by the model's names

    @property
    def fingerprint(self) -> str:
        digest = hashlib.sha256(json.dumps([self.rank, self.reading.said()]).encode())
        digest.update(safetensors_bytes(dict(sorted(self.tensors.items())), {}))
        return digest.hexdigest()


def read_added_memory(folder: Path) -> AddedMemoryWeights | None:
    """Read the folder's added memory; None if it has none. Raises ModelError for a damaged one."""
    if not (folder / CONFIG).is_file():
        return None
    rank, reading = _read_config(folder / CONFIG)
    path = folder / TENSORS
    try:
        refuse_irregular(path)
        with safe_open(path, framework="pt", device="cpu") as file:
            tensors = {name: file.get_tensor(name) for name in file.offset_keys()}
    except OSError as error:
        raise _damaged(path, reason(error)) from error
    except SafetensorError as error:
        raise _damaged(path, str(error)) from error
    for name, tensor in tensors.items():
        if PART not in name or tensor.dtype != torch.float32:
            raise _damaged(path, f"{quote(name)} is no float32 tensor of an added memory")
        if not all_finite(tensor):
            raise _damaged(path, f"{quote(name)} holds numbers that are not finite")
    if not tensors:
        raise _damaged(path, "it holds no tensor")
    return AddedMemoryWeights(rank, reading, tensors)


def write_added_memory(folder: Path, memory: AddedMemoryWeights) -> None:
    """Write the two files. Raises DiskError."""
    reading = memory.reading
    said = {
        "version": VERSION,
        "rank": memory.rank,
        "segment": reading.segment,
        "carry": reading.carry,
        "sinks": reading.sinks,
    }
    tensors = {name: tensor.detach().cpu().float().contiguous() for name, tensor in memory.tensors.items()}
    for name, data in (
        (TENSORS, safetensors_bytes(tensors, {"format": "pt"})),
        (CONFIG, (json.dumps(said, indent=1) + "\n").encode()),
    ):
        with atomic_file(folder / name) as file:
            file.write(data)


def _read_config(path: Path) -> tuple[int, ReadingConfig]:
    try:
        said = strict_json(read_regular(path, LARGEST_JSON).decode())
    except (OSError, ValueError) as error:
        raise _damaged(path, reason(error)) from error
    if not isinstance(said, dict) or said.keys() != FIELDS:
        raise _damaged(path, f"an object with {', '.join(sorted(FIELDS))} was expected")
    rank, version = said.pop("rank"), said.pop("version")
    if type(version) is not int or version != VERSION:
        raise _damaged(path, f"its version is {quote(version)}, and this program reads {VERSION}")
    if type(rank) is not int or not 0 < rank <= MOST_ADDED_RANK:
        raise _damaged(path, f"its rank is {quote(rank)}, and is from 1 to {MOST_ADDED_RANK}")
    try:
        return rank, ReadingConfig("added", **said)
    except ConfigError as error:
        raise _damaged(path, error.message) from error


def _damaged(path: Path, why: str) -> ModelError:
    return ModelError(f"{path} cannot be used as a memory: {why}", hint="name an adapter's folder, undamaged")
