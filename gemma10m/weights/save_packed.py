"""Save a model's weights packed, as a folder that loads again without being quantised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from gemma10m.atomic_file import atomic_file, write_json
from gemma10m.config import QUANTISED
from gemma10m.errors import UsageError
from gemma10m.models import architecture_of
from gemma10m.tensor_bytes import bytes_of, safetensors_header
from gemma10m.weights.checkpoint import Checkpoint
from gemma10m.weights.quantising import PACKED, quantised_bits
from gemma10m.weights.shards import SINGLE
from gemma10m.weights.sources.packed_tensors import CONFIG, packed_config, tensors_of
from gemma10m.weights.tensors import load_weights


def save_packed(checkpoint: Checkpoint, folder: Path, number_format: str) -> int:
    """Write config.json and model.safetensors into `folder`, which is made; return the bytes of the weights.

    number_format: "int8" or "int4". Everything that is not packed is saved in bfloat16, or in float32 where a model
    keeps that. Host memory: the packed model. Raises UsageError for another format, ModelError for a checkpoint that
    cannot be packed, and DiskError.
    """
    if number_format not in QUANTISED:
        raise UsageError(f"packed weights are int8 or int4, found {number_format!r}", hint="use --dtype int8 or int4")
    loaded = load_weights(checkpoint, device="cpu", dtype=torch.bfloat16, number_format=number_format)
    tensors = dict(_in_file(checkpoint, loaded, number_format))
    write_tensors(folder / SINGLE, tensors, {"format": "pt"})
    config = {**checkpoint.source.config(), CONFIG: packed_config()}
    write_json(folder / "config.json", config)
    return sum(tensor.nbytes for tensor in tensors.values())


def write_tensors(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file in this order, one tensor's bytes at a time. Raises DiskError."""
    with atomic_file(path) as file:
        file.write(safetensors_header(tensors, metadata))
        for tensor in tensors.values():
            file.write(bytes_of(tensor))


def _in_file(checkpoint: Checkpoint, weights: Mapping[str, Tensor], number_format: str) -> Iterator[tuple[str, Tensor]]:
    """Yield the tensors by their names in a file: wide numbers first, for alignment, and scales behind their levels."""
    architecture = architecture_of(checkpoint.config)
    stored = checkpoint.stored_bits
    floats = [name for name in weights if not name.endswith(PACKED)]
    for name in sorted(floats, key=lambda name: (-weights[name].itemsize, name)):
        yield architecture.file_name(name), weights[name]
    for name in sorted(checkpoint.tensors):
        if bits := quantised_bits(name, number_format, stored):
            packed, scales = (weights[name.removesuffix(".weight") + end] for end in PACKED)
            rows = checkpoint.tensors[name].shape[0]
            yield from tensors_of(architecture.file_name(name), packed, scales, rows, bits).items()
