"""Tell one model from another, so that a saved state is never continued by the wrong one.

The fingerprint covers the config's numbers, every tensor's name, dtype and shape, and contents: all bytes of a
checkpoint up to 64 MiB; of a larger one 4 KiB at the start of every tensor and 8 blocks of 4 KiB spread over it.
Training changes numbers all over a tensor, so samples of each tensor tell two trainings apart; reading 10 GB would
cost more than loading a saved state is meant to. It is no proof against tampering: the download checks every file's
sha256 for that. Names are hashed in sorted order, so how tensors are spread over shards makes no difference.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, BinaryIO

from gemma10m.config import AttentionSpec, ModelConfig, Rope
from gemma10m.errors import ModelError
from gemma10m.weights.headers import TensorEntry

WHOLE_BYTES = 64 * 2**20
BLOCK = 4096
SPREAD_BLOCKS = 8
_CHUNK = 2**20
_FIRST_FIELDS = frozenset(
    {
        "hidden_size", "layers", "heads", "kv_heads", "head_size", "feed_forward_size", "vocabulary", "context",
        "rope_theta", "norm_eps", "has_gates", "has_write_gates", "has_state_vectors", "tied_head",
    }
)  # fmt: skip
_LATER_ATTENTION_FIELDS = frozenset({"source", "value_norm", "key_is_value"})
_LATER_ROPE_FIELDS = frozenset({"turned"})
_RERUN = "run the command again when nothing writes to the folder"


def fingerprint(config: ModelConfig, tensors: Mapping[str, TensorEntry]) -> str:
    """Return 64 hex digits. Raises ModelError if a shard has shrunk since its header was read."""
    layout = [[name, entry.dtype, entry.shape] for name, entry in sorted(tensors.items())]
    identity = json.dumps([_numbers(config), layout], sort_keys=True)
    digest = hashlib.sha256(identity.encode())
    whole = sum(entry.nbytes for entry in tensors.values()) <= WHOLE_BYTES
    contents = _hash_contents(tensors, whole)
    for name in sorted(tensors):
        digest.update(contents[name])
    return digest.hexdigest()


def _numbers(config: ModelConfig) -> dict[str, Any]:
    """Return the config's fields; those added after the first version only where they differ from their default.

    So a checkpoint keeps its fingerprint, and the states that were read with it, when the program learns more. The same
    holds for the fields of each layer's attention.
    """
    defaults = {field.name: field.default for field in fields(config) if field.name not in _FIRST_FIELDS}
    said = {name: value for name, value in asdict(config).items() if name not in defaults or value != defaults[name]}
    if layers := said.get("attention"):
        said["attention"] = [_without_defaults(layer) for layer in layers]
    return said


def _without_defaults(layer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of one layer's attention, later ones only where they differ from their default."""
    later = _later(AttentionSpec, _LATER_ATTENTION_FIELDS)
    said = {name: value for name, value in layer.items() if name not in later or value != later[name]}
    turned = _later(Rope, _LATER_ROPE_FIELDS)
    said["rope"] = {name: value for name, value in said["rope"].items() if name not in turned or value != turned[name]}
    return said


def _later(kind: type[AttentionSpec] | type[Rope], names: frozenset[str]) -> dict[str, Any]:
    return {field.name: field.default for field in fields(kind) if field.name in names}


def _hash_contents(tensors: Mapping[str, TensorEntry], whole: bool) -> dict[str, bytes]:
    """Hash each tensor's contents, one shard open at a time."""
    by_shard: dict[Path, list[tuple[str, TensorEntry]]] = defaultdict(list)
    for name, entry in tensors.items():
        by_shard[entry.shard].append((name, entry))
    digests: dict[str, bytes] = {}
    for shard, inside in by_shard.items():
        with shard.open("rb", buffering=0) as file:
            for name, entry in inside:
                blocks = _all_blocks(entry) if whole else _sampled_blocks(entry)
                digests[name] = _hash_blocks(file, blocks, shard)
    return digests


def _hash_blocks(file: BinaryIO, blocks: Iterator[tuple[int, int]], shard: Path) -> bytes:
    digest = hashlib.sha256()
    for start, length in blocks:
        file.seek(start)
        data = file.read(length)
        if len(data) != length:
            raise ModelError(
                f"{shard} was changed while it was read: {length:,} bytes expected, {len(data):,} found", _RERUN
            )
        digest.update(data)
    return digest.digest()


def _all_blocks(entry: TensorEntry) -> Iterator[tuple[int, int]]:
    for start in range(entry.start, entry.end, _CHUNK):
        yield start, min(_CHUNK, entry.end - start)


def _sampled_blocks(entry: TensorEntry) -> Iterator[tuple[int, int]]:
    """Yield (start, length): the first block, then SPREAD_BLOCKS more, the last of which ends with the tensor."""
    if entry.nbytes <= BLOCK * (SPREAD_BLOCKS + 1):
        yield from _all_blocks(entry)
        return
    room = entry.nbytes - BLOCK
    for number in range(SPREAD_BLOCKS + 1):
        yield entry.start + room * number // SPREAD_BLOCKS, BLOCK
