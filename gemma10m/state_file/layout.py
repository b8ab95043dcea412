"""A file lists a state's tensors by name, dtype and shape, in the order of their bytes."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from reprlib import repr as shortened
from typing import TYPE_CHECKING, Any

from gemma10m.config import ReadingConfig

if TYPE_CHECKING:
    from gemma10m.memory.state import Layout

OPEN_IDS = "open_ids"
LENGTH_BYTES = 8
MAX_HEADER_BYTES = 16 * 2**20
UNKNOWN_DIGEST = "0" * 64
_CODES = {"float32": "F32", "bfloat16": "BF16", "int32": "I32", "uint8": "U8"}
_ITEM_BYTES = {"float32": 4, "bfloat16": 2, "int32": 4, "uint8": 1}
_DTYPES_BY_CODE = {code: dtype for dtype, code in _CODES.items()}
_TENSOR_NAME = re.compile(r"layers\.(0|[1-9][0-9]{0,5})\.([a-z_]{1,40})")
_LARGEST_SIZE = 2**53


@dataclass(frozen=True)
class TensorSpec:
    name: str
    dtype: str
    shape: tuple[int, ...]

    @property
    def nbytes(self) -> int:
        return math.prod(self.shape) * _ITEM_BYTES[self.dtype]


def state_layout(layers: Sequence[Layout], reading: ReadingConfig, position: int) -> Iterator[TensorSpec]:
    """Return every tensor of a state file, in the order of its bytes."""
    yield TensorSpec(OPEN_IDS, "int32", (reading.open_tokens(position),))
    for number, layer in enumerate(layers):
        for name, (dtype, shape) in layer.items():
            yield TensorSpec(f"layers.{number}.{name}", str(dtype).removeprefix("torch."), shape)


def tensor_table(layout: Sequence[TensorSpec]) -> dict[str, dict[str, Any]]:
    """Return the tensors as a safetensors header lists them."""
    table, start = {}, 0
    for spec in layout:
        end = start + spec.nbytes
        table[spec.name] = {"dtype": _CODES[spec.dtype], "shape": list(spec.shape), "data_offsets": [start, end]}
        start = end
    return table


def parse_table(table: dict[str, Any], open_ids: int) -> tuple[TensorSpec, ...]:
    """Invert `tensor_table`: names, types, sizes and the absence of holes are checked, nothing is allocated.

    The model's own layout decides if these are its tensors. Raises ValueError that says what was found.
    """
    position, layout = 0, list[TensorSpec]()
    for name, fields in table.items():
        spec, start, end = _row(name, fields)
        if start != position or end - start != spec.nbytes:
            found = f"the bytes {start} to {end}, expected {spec.nbytes} from {position}"
            raise ValueError(f"its tensor {name} is in {found}")
        position = end
        layout.append(spec)
    if not layout or layout[0] != TensorSpec(OPEN_IDS, "int32", (open_ids,)):
        raise ValueError(f"its first tensor is not {OPEN_IDS} with {open_ids} ids")
    return tuple(layout)


def _row(name: str, fields: object) -> tuple[TensorSpec, int, int]:
    if name != OPEN_IDS and not _TENSOR_NAME.fullmatch(name):
        raise ValueError(f"it holds a tensor {shortened(name)} that no state has")
    match fields:
        case {"dtype": str(code), "shape": [*shape], "data_offsets": [start, end], **rest} if (
            not rest and code in _DTYPES_BY_CODE and len(shape) <= 4 and all(map(_is_size, (*shape, start, end)))
        ):
            return TensorSpec(name, _DTYPES_BY_CODE[code], tuple(shape)), start, end
    raise ValueError(f"its tensor {name} is {shortened(fields)}")


def _is_size(value: object) -> bool:
    return type(value) is int and 0 <= value < _LARGEST_SIZE
