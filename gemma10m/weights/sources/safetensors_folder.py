"""Read a checkpoint folder in Hugging Face's layout: config.json and memory-mapped safetensors files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gemma10m import ops
from gemma10m.errors import ModelError
from gemma10m.weights.files import read_json_object
from gemma10m.weights.headers import SCALES, TensorEntry
from gemma10m.weights.shards import read_tensors
from gemma10m.weights.sources.packed_tensors import PACKED_DTYPES, filled, joined, without_own

_TORCH_DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16, "I64": torch.int64}


class SafetensorsFolder:
    """Read one folder. Raises ModelError for a missing folder or a Hugging Face cache."""

    def __init__(self, folder: Path) -> None:
        _check_folder(folder)
        self.path = folder

    def config(self) -> Mapping[str, Any]:
        return without_own(read_json_object(self.path, "config.json"))

    def entries(self) -> Mapping[str, TensorEntry]:
        return joined(read_tensors(self.path))

    def load(self, entry: TensorEntry, dtype: torch.dtype, device: str) -> Tensor:
        """Load one tensor; on the CPU it stays a view of the mapped file if it needs no cast."""
        if entry.dtype in PACKED_DTYPES:
            packed, scales = self.load_packed(entry)
            return ops.packed_weights(packed, scales, entry.shape[1]).T[: entry.shape[0]].to(device, dtype)
        (tensor,) = _tensors(entry, entry.name)
        if tensor.dtype != _TORCH_DTYPES[entry.dtype] or tuple(tensor.shape) != entry.shape:
            raise _changed(entry)
        moved: Tensor = tensor.to(device=device, dtype=dtype)
        return moved

    def load_packed(self, entry: TensorEntry) -> tuple[Tensor, Tensor]:
        """Load a packed matrix, as views of the mapped file unless rows are missing in its last block."""
        packed, scales = _tensors(entry, f"{entry.name}.{entry.dtype.lower()}", entry.name + SCALES)
        if (packed.dtype, scales.dtype) != (torch.uint8, torch.bfloat16) or scales.shape[1] != entry.shape[0]:
            raise _changed(entry)
        return packed, filled(scales)


def _tensors(entry: TensorEntry, *names: str) -> list[Tensor]:
    try:
        with safe_open(entry.shard, framework="pt", device="cpu") as file:
            return [file.get_tensor(name) for name in names]
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{entry.shard} cannot be read: {error}", hint="download the model again") from None


def _changed(entry: TensorEntry) -> ModelError:
    return ModelError(f"{entry.shard} was changed while it was read", hint="run the command again")


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        found = "is not a folder" if folder.exists() else "does not exist"
        raise ModelError(f"{folder} {found}", hint="name the folder that holds config.json and the weights")
    if not (folder / "config.json").exists() and (folder / "snapshots").is_dir():
        inside = next((path.name for path in sorted((folder / "snapshots").iterdir())), "")
        raise ModelError(f"{folder} is a Hugging Face cache, not a model", hint=f"name {folder / 'snapshots' / inside}")
