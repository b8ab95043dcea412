"""Turn tensors into bytes and into a safetensors file, whose own writer needs numpy as nothing else here does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

from gemma10m.strict_json import canonical_json

if TYPE_CHECKING:
    from torch import Tensor

_NAMES = {
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "int64": "I64",
    "int32": "I32",
    "uint8": "U8",
    "bool": "BOOL",
}
_ALIGNMENT = 8


def bytes_of(tensor: Tensor) -> bytearray:
    """Return the tensor's values in order, wherever and however it lies in memory."""
    import torch

    data = bytearray(tensor.nbytes)
    if data:
        torch.frombuffer(data, dtype=tensor.dtype).view(tensor.shape).copy_(tensor)
    return data


def all_finite(tensor: Tensor) -> bool:
    # NaN passes through minimum and maximum; one pass, where isfinite().all() makes several and copies.
    return not tensor.numel() or all(math.isfinite(bound.item()) for bound in tensor.aminmax())


def safetensors_bytes(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """Return a whole file: equal tensors and metadata give equal bytes. Wide values come first, for alignment."""
    ordered = dict(sorted(tensors.items(), key=lambda named: (-named[1].dtype.itemsize, named[0])))
    return b"".join((safetensors_header(ordered, metadata), *map(bytes_of, ordered.values())))


def safetensors_header(tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """Return what a file begins with whose tensors' bytes follow in this order."""
    header: dict[str, object] = {"__metadata__": dict(sorted(metadata.items()))} if metadata else {}
    offset = 0
    for name, tensor in tensors.items():
        stop = offset + tensor.nbytes
        dtype = _NAMES[str(tensor.dtype).removeprefix("torch.")]
        header[name] = {"dtype": dtype, "shape": list(tensor.shape), "data_offsets": [offset, stop]}
        offset = stop
    text = canonical_json(header).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text
