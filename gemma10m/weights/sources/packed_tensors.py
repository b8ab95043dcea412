"""Packed matrices in safetensors files: `NAME.int4` or `NAME.int8` with the levels, and `NAME.scales` right behind it.

Both are laid out as in `QuantisedLinear`, but for scales without the rows that fill the last block. config.json says so
under `quantization_config`, which keeps other programs from reading such a file as another one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from gemma10m import ops
from gemma10m.errors import ModelError
from gemma10m.models.quantised import group_size
from gemma10m.strict_json import quote
from gemma10m.weights.headers import LEVELS, SCALES, TensorEntry

CONFIG = "quantization_config"
METHOD, VERSION = "gemma10m", 1
PACKED_DTYPES = {"INT4": 4, "INT8": 8}  # of entries that stand for both tensors of a matrix
_DAMAGED = "save the packed model again: gemma10m quantize"


def packed_config() -> dict[str, object]:
    return {"quant_method": METHOD, "version": VERSION}


def without_own(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a config without what this module wrote into it. Raises ModelError for another version's."""
    said = config.get(CONFIG)
    if not isinstance(said, dict) or said.get("quant_method") != METHOD:
        return config
    if said.get("version") != VERSION:
        raise ModelError(
            f"the model was packed by version {quote(said.get('version'))} of the format, {VERSION} is read", _DAMAGED
        )
    return {key: value for key, value in config.items() if key != CONFIG}


def joined(entries: Mapping[str, TensorEntry]) -> dict[str, TensorEntry]:
    """Return one entry, with the weight's name and shape, for both tensors of a packed matrix. Raises ModelError."""
    found = {name: entry for name, entry in entries.items() if not name.endswith((*LEVELS, SCALES))}
    scales = {name: entry for name, entry in entries.items() if name.endswith(SCALES)}
    for name, entry in entries.items():
        if name.endswith(LEVELS):
            weight = name.rpartition(".")[0]
            if weight in found:
                raise ModelError(f"{entry.shard} holds {quote(weight)} twice", _DAMAGED)
            found[weight] = _joined(weight, entry, scales.pop(weight + SCALES, None))
    return found | scales  # scales of no levels are another program's, which the model does not expect


def _joined(weight: str, levels: TensorEntry, scales: TensorEntry | None) -> TensorEntry:
    dtype = levels.name.rpartition(".")[2].upper()
    where = f"{quote(levels.name)} in {levels.shard}"
    if scales is None or (scales.shard, scales.start) != (levels.shard, levels.end):
        raise ModelError(f"{where} has no scales behind it", _DAMAGED)
    bits = PACKED_DTYPES[dtype]
    size = levels.shape[1] * 4 // bits if len(levels.shape) == len(scales.shape) == 3 else 0
    rows = scales.shape[1] if size else 0
    group = group_size(size, bits) if size else 0
    blocks = -(-rows // ops.PACKED_ROWS)
    expected = (blocks, size * bits // 4, ops.PACKED_ROWS // 2)
    if not rows or not group or levels.shape != expected or scales.shape != (expected[1] // group, rows, 2):
        shapes = f"the shape {list(levels.shape)}, and its scales {list(scales.shape)}"
        raise ModelError(f"{where} has {shapes}, which do not fit", _DAMAGED)
    return replace(levels, name=weight, dtype=dtype, shape=(rows, size), end=scales.end)


def tensors_of(name: str, packed: Tensor, scales: Tensor, rows: int, bits: int) -> dict[str, Tensor]:
    """Return a packed matrix as a file has it, by the names there."""
    return {f"{name}.int{bits}": packed, f"{name}{SCALES}": scales[:, :rows]}


def filled(scales: Tensor) -> Tensor:
    """Return scales (groups, rows, 2) with the rows that fill the last block."""
    missing = -scales.shape[1] % ops.PACKED_ROWS
    return torch.nn.functional.pad(scales, (0, 0, 0, missing)) if missing else scales
