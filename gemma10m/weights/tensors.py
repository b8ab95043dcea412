"""Cast a checkpoint's tensors and move them to the device one at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor

from gemma10m.config import computed_in
from gemma10m.errors import OutOfMemoryError, is_out_of_memory
from gemma10m.models.quantised import group_size
from gemma10m.weights.checkpoint import Checkpoint
from gemma10m.weights.constants import check_constants
from gemma10m.weights.expected import LAYER_TABLE, loaded_device, loaded_dtype, stays_float32
from gemma10m.weights.finite import check_finite
from gemma10m.weights.headers import TensorEntry
from gemma10m.weights.quantising import packed_bytes, packed_tensors, quantise, quantised_bits

# What to try where memory runs out.
NARROWER_FORMAT = {
    "float32": "use --dtype bfloat16, int8 or int4, ",
    "bfloat16": "use --dtype int8 or int4, ",
    "int8": "use --dtype int4, ",
    "int4": "",
}
_FLOATS = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}


def load_weights(
    checkpoint: Checkpoint, *, device: str, dtype: torch.dtype, number_format: str = ""
) -> dict[str, Tensor]:
    """Return every tensor of the checkpoint, in `dtype` on `device`; gates stay float32.

    number_format "int8" or "int4": the matrices packed, one after another. An adapter's updates are added to each
    weight before that. A matrix that the file holds as packed as this is taken as it is, unless it is updated.

    On the CPU a tensor that needs no cast stays a view of the mapped file. Host memory beyond the result: one tensor.
    The table of layers' own inputs stays on the CPU and, where that is a float type, in its dtype in the file.
    Raises ModelError for files that changed since the checkpoint was opened, for gates that are not finite, and for
    what must have another value (`check_constants`),
    OutOfMemoryError when the GPU is too small.
    """
    in_order = sorted(checkpoint.tensors.items(), key=lambda item: (item[1].shard, item[1].start))
    weights: dict[str, Tensor] = {}
    number_format = number_format or str(dtype).removeprefix("torch.")
    updates, stored = checkpoint.updates, checkpoint.stored_bits
    with telling_what_is_needed(checkpoint, device, number_format):
        for name, entry in in_order:
            bits = quantised_bits(name, number_format, stored)
            if bits and bits == stored.get(name):
                parts = packed_tensors(name, *checkpoint.source.load_packed(entry))
                weights |= {part: tensor.to(device) for part, tensor in parts.items()}
                continue
            # What is quantised is not rounded twice where the file has more than bfloat16.
            kept = _FLOATS.get(entry.dtype, dtype) if bits else _dtype_of(name, entry, dtype)
            tensor = checkpoint.source.load(entry, kept, loaded_device(name, device))
            tensor = updates[name].added_to(tensor) if name in updates else tensor
            if stays_float32(name):
                weights[name] = check_finite(name, tensor)
            else:
                weights |= quantise(name, tensor, bits) if bits else {name: tensor}
    check_constants(checkpoint.config, weights)
    return weights


def packed_format(checkpoint: Checkpoint) -> str | None:
    """Return the format in which a file has most of its numbers, "int4" or "int8", if all matrices can be packed."""
    stored = checkpoint.stored_bits
    number_format = "int4" if 4 in stored.values() else "int8"
    shapes = {name: entry.shape for name, entry in checkpoint.tensors.items()}
    packed = {name: bits for name in shapes if (bits := quantised_bits(name, number_format, stored))}
    can_be = all(group_size(shapes[name][-1], bits) for name, bits in packed.items())
    most = 2 * sum(math.prod(shapes[name]) for name, bits in stored.items() if packed.get(name) == bits)
    return number_format if can_be and most > checkpoint.parameters else None


@contextmanager
def telling_what_is_needed(checkpoint: Checkpoint, device: str, number_format: str) -> Iterator[None]:
    """Raise OutOfMemoryError with the sizes of weights and device where memory runs out."""
    free = torch.cuda.mem_get_info()[0] if device == "cuda" else 0
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        entries = checkpoint.tensors.items()
        here = [(name, entry) for name, entry in entries if loaded_device(name, device) == device]
        stored = checkpoint.stored_bits
        needed = sum(_bytes_of(name, entry, number_format, stored) for name, entry in here)
        less = NARROWER_FORMAT[number_format]
        if device == "cuda":
            found, hint = f" on the GPU, {free:,} were free", f"{less}free the GPU, or use --device cpu"
        else:
            found, hint = ", and memory ran out", f"{less}close other programs, or use a smaller model"
        raise OutOfMemoryError(f"{checkpoint.name} needs {needed:,} bytes{found}", hint=hint) from None


def _bytes_of(name: str, entry: TensorEntry, number_format: str, stored: Mapping[str, int]) -> int:
    bits = quantised_bits(name, number_format, stored)
    if bits:
        return packed_bytes(entry.shape, bits)
    return math.prod(entry.shape) * _dtype_of(name, entry, getattr(torch, computed_in(number_format))).itemsize


def _dtype_of(name: str, entry: TensorEntry, dtype: torch.dtype) -> torch.dtype:
    in_file = _FLOATS.get(entry.dtype) if name == LAYER_TABLE else None
    return in_file or loaded_dtype(name, dtype)
