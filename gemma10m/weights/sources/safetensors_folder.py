"""Read a checkpoint folder in Hugging Face's layout: config.json and memory-mapped safetensors files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gemma10m.errors import ModelError
from gemma10m.weights.files import read_json_object
from gemma10m.weights.headers import TensorEntry
from gemma10m.weights.shards import read_tensors

_TORCH_DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16, "I64": torch.int64}


class SafetensorsFolder:
    """Read one folder. Raises ModelError for a missing folder or a Hugging Face cache."""

    def __init__(self, folder: Path) -> None:
        _check_folder(folder)
        self.path = folder

    def config(self) -> Mapping[str, Any]:
        return read_json_object(self.path, "config.json")

    def entries(self) -> Mapping[str, TensorEntry]:
        return read_tensors(self.path)

    def load(self, entry: TensorEntry, dtype: torch.dtype, device: str) -> Tensor:
        """Load one tensor; on the CPU it stays a view of the mapped file if it needs no cast."""
        try:
            with safe_open(entry.shard, framework="pt", device="cpu") as file:
                tensor = file.get_tensor(entry.name)
        except (SafetensorError, OSError) as error:
            raise ModelError(f"{entry.shard} cannot be read: {error}", hint="download the model again") from None
        if tensor.dtype != _TORCH_DTYPES[entry.dtype] or tuple(tensor.shape) != entry.shape:
            raise ModelError(f"{entry.shard} was changed while it was read", hint="run the command again")
        moved: Tensor = tensor.to(device=device, dtype=dtype)
        return moved

    def load_packed(self, entry: TensorEntry) -> tuple[Tensor, Tensor]:
        """Refuse: these files hold floats. Raises ModelError."""
        raise ModelError(f"{entry.shard} holds {entry.name} as floats", hint="use --dtype bfloat16")


def _check_folder(folder: Path) -> None:
    if not folder.is_dir():
        found = "is not a folder" if folder.exists() else "does not exist"
        raise ModelError(f"{folder} {found}", hint="name the folder that holds config.json and the weights")
    if not (folder / "config.json").exists() and (folder / "snapshots").is_dir():
        inside = next((path.name for path in sorted((folder / "snapshots").iterdir())), "")
        raise ModelError(f"{folder} is a Hugging Face cache, not a model", hint=f"name {folder / 'snapshots' / inside}")
