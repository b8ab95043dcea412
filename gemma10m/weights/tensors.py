"""A checkpoint's tensors, memory-mapped, cast and moved to the device one at a time."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from gemma10m.errors import ModelError, OutOfMemoryError
from gemma10m.weights.checkpoint import Checkpoint
from gemma10m.weights.expected import stays_float32
from gemma10m.weights.headers import TensorEntry

_TORCH_DTYPES = {"F32": torch.float32, "BF16": torch.bfloat16, "F16": torch.float16}


def load_weights(checkpoint: Checkpoint, *, device: str, dtype: torch.dtype) -> dict[str, Tensor]:
    """Every tensor of the checkpoint, in `dtype` on `device`; gates stay float32.

    On the CPU a tensor that needs no cast stays a view of the mapped file. Host memory beyond the result: one tensor.
    Raises ModelError for files that changed since the checkpoint was opened and for gates that are not finite,
    OutOfMemoryError when the GPU is too small.
    """
    free = torch.cuda.mem_get_info()[0] if device == "cuda" else 0
    by_shard: dict[Path, list[TensorEntry]] = defaultdict(list)
    for entry in checkpoint.tensors.values():
        by_shard[entry.shard].append(entry)
    weights: dict[str, Tensor] = {}
    try:
        for shard, entries in by_shard.items():
            weights |= _load_shard(shard, entries, device, dtype)
    except torch.OutOfMemoryError:
        needed = sum(_loaded_bytes(entry, dtype) for entry in checkpoint.tensors.values())
        raise OutOfMemoryError(
            f"{checkpoint.name} needs {needed:,} bytes on the GPU, {free:,} were free",
            hint="use --dtype bfloat16, free the GPU, or use --device cpu",
        ) from None
    return weights


def _load_shard(shard: Path, entries: list[TensorEntry], device: str, dtype: torch.dtype) -> dict[str, Tensor]:
    weights: dict[str, Tensor] = {}
    try:
        with safe_open(shard, framework="pt", device="cpu") as file:
            for entry in entries:
                tensor = _checked(file.get_tensor(entry.name), entry)
                weights[entry.name] = tensor.to(device=device, dtype=_loaded_dtype(entry.name, dtype))
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{shard} cannot be read: {error}", hint="download the model again") from None
    return weights


def _checked(tensor: Tensor, entry: TensorEntry) -> Tensor:
    if tensor.dtype != _TORCH_DTYPES[entry.dtype] or tuple(tensor.shape) != entry.shape:
        raise ModelError(f"{entry.shard} was changed while it was read", hint="run the command again")
    if stays_float32(entry.name) and not bool(tensor.isfinite().all()):
        raise ModelError(f"{entry.name} holds numbers that are not finite", hint="download the model again")
    return tensor


def _loaded_dtype(name: str, dtype: torch.dtype) -> torch.dtype:
    return torch.float32 if stays_float32(name) else dtype


def _loaded_bytes(entry: TensorEntry, dtype: torch.dtype) -> int:
    on_disk = _TORCH_DTYPES[entry.dtype].itemsize
    return entry.nbytes // on_disk * _loaded_dtype(entry.name, dtype).itemsize
