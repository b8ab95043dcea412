"""Cast a checkpoint's tensors and move them to the device one at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from gemma10m.errors import ModelError, OutOfMemoryError, is_out_of_memory
from gemma10m.weights.checkpoint import Checkpoint
from gemma10m.weights.constants import check_constants
from gemma10m.weights.expected import LAYER_TABLE, loaded_device, loaded_dtype, stays_float32
from gemma10m.weights.headers import TensorEntry

_FLOATS = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}


def load_weights(checkpoint: Checkpoint, *, device: str, dtype: torch.dtype) -> dict[str, Tensor]:
    """Return every tensor of the checkpoint, in `dtype` on `device`; gates stay float32.

    On the CPU a tensor that needs no cast stays a view of the mapped file. Host memory beyond the result: one tensor.
    The table of layers' own inputs stays on the CPU and, where that is a float type, in its dtype in the file.
    Raises ModelError for files that changed since the checkpoint was opened, for gates that are not finite, and for
    what must have another value (`check_constants`),
    OutOfMemoryError when the GPU is too small.
    """
    in_order = sorted(checkpoint.tensors.items(), key=lambda item: (item[1].shard, item[1].start))
    weights: dict[str, Tensor] = {}
    with telling_what_is_needed(checkpoint, device, dtype):
        for name, entry in in_order:
            tensor = checkpoint.source.load(entry, _dtype_of(name, entry, dtype), loaded_device(name, device))
            weights[name] = _finite(name, tensor) if stays_float32(name) else tensor
    check_constants(checkpoint.config, weights)
    return weights


@contextmanager
def telling_what_is_needed(checkpoint: Checkpoint, device: str, dtype: torch.dtype) -> Iterator[None]:
    """Raise OutOfMemoryError with the sizes of weights and device where memory runs out."""
    free = torch.cuda.mem_get_info()[0] if device == "cuda" else 0
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        entries = checkpoint.tensors.items()
        here = [(name, entry) for name, entry in entries if loaded_device(name, device) == device]
        needed = sum(math.prod(entry.shape) * _dtype_of(name, entry, dtype).itemsize for name, entry in here)
        if device == "cuda":
            found, hint = f" on the GPU, {free:,} were free", "use --dtype bfloat16, free the GPU, or use --device cpu"
        else:
            found, hint = ", and memory ran out", "close other programs, use --dtype bfloat16, or a smaller model"
        raise OutOfMemoryError(f"{checkpoint.name} needs {needed:,} bytes{found}", hint=hint) from None


def _dtype_of(name: str, entry: TensorEntry, dtype: torch.dtype) -> torch.dtype:
    in_file = _FLOATS.get(entry.dtype) if name == LAYER_TABLE else None
    return in_file or loaded_dtype(name, dtype)


def _finite(name: str, tensor: Tensor) -> Tensor:
    if not bool(tensor.isfinite().all()):
        raise ModelError(f"{name} holds numbers that are not finite", hint="download the model again")
    return tensor
