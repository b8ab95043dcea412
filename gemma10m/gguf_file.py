"""Read and check the header of a GGUF file without touching the tensors.

The format (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): "GGUF", a version, two counts, metadata (key,
type, value), tensors (name, sizes from the innermost out, type, offset), padding, the data. Numbers are little endian.
The file is untrusted: a count is compared with the bytes that are left before anything is allocated.
"""

from __future__ import annotations

import math
import os
import stat
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from gemma10m.errors import ModelError
from gemma10m.strict_json import quote

MAGIC = b"GGUF"
VERSIONS = (2, 3)

# A model of 262,144 tokens has 7 MB of header in 786,432 array items. Python makes some 60 bytes of each item.
MAX_HEADER_BYTES = 64 * 2**20
MAX_ARRAY_ITEMS = 2**22
MAX_KEYS = 2**16
MAX_TENSORS = 2**16
MAX_DIMENSIONS = 4
_DEFAULT_ALIGNMENT = 32

_DAMAGED = "the file is damaged: download it again"
_CONVERT = "look for a version of the model that llama.cpp of 2024 or later wrote"

_STRING, _ARRAY = 8, 9
_NUMBERS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

# Number in the file -> name, weights in a block, bytes of a block; the names are ggml's.
TENSOR_TYPES: dict[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4),
    1: ("F16", 1, 2),
    2: ("Q4_0", 32, 18),
    3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24),
    8: ("Q8_0", 32, 34),
    9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84),
    11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176),
    14: ("Q6_K", 256, 210),
    15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66),
    17: ("IQ2_XS", 256, 74),
    18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18),
    21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82),
    23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1),
    25: ("I16", 1, 2),
    26: ("I32", 1, 4),
    27: ("I64", 1, 8),
    28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2),
    34: ("TQ1_0", 256, 54),
    35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36),
    41: ("Q1_0", 128, 18),
}


@dataclass(frozen=True)
class GgufTensor:
    """Say where a tensor lies: bytes `start` to `end` of the file. `shape` is outermost first, as in PyTorch."""

    name: str
    type: str
    shape: tuple[int, ...]
    start: int
    end: int


@dataclass(frozen=True)
class GgufFile:
    metadata: Mapping[str, Any]  # str, int, float, bool, or a list of one of these
    tensors: Mapping[str, GgufTensor]
    metadata_end: int  # the byte after the last key's value


def read_gguf(path: Path) -> GgufFile:
    """Read the metadata and the places of the tensors. Raises ModelError that says what is wrong with the file."""
    try:
        with _open(path) as file:
            return _read(_Header(file, path, os.fstat(file.fileno()).st_size))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}", "check the file and its disk") from None


def metadata_bytes(path: Path) -> bytes:
    """Return a GGUF file that holds the metadata of the one at `path`, and no tensor. Raises ModelError."""
    end = read_gguf(path).metadata_end
    with _open(path) as file:
        data = file.read(end)
    if len(data) != end:
        raise ModelError(f"{path} was changed while it was read", "run the command again")
    return data[:8] + struct.pack("<Q", 0) + data[16:]  # in between: how many tensors there are


def _open(path: Path) -> BinaryIO:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)  # opening a pipe would wait for its writer
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ModelError(f"{path} is not a regular file", "name a .gguf file")
    return os.fdopen(descriptor, "rb", buffering=2**20)


class _Header:
    """Hold the part of the header that is not read yet."""

    def __init__(self, file: BinaryIO, path: Path, size: int) -> None:
        self.path, self.size = path, size
        self.position = 0
        self._file = file
        self._end = min(size, MAX_HEADER_BYTES)
        self._array_items = MAX_ARRAY_ITEMS

    def take(self, count: int) -> bytes:
        if count > self._end - self.position:
            raise self._too_short(count)
        taken = self._file.read(count)
        if len(taken) != count:
            raise ModelError(f"{self.path} was changed while it was read", "run the command again")
        self.position += count
        return taken

    def number(self, code: str) -> Any:
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def count(self, what: str, least_bytes: int, most: int) -> int:
        """Read a number of things that take at least so many bytes each."""
        found: int = self.number("Q")
        if found * least_bytes > self._end - self.position:
            raise self._too_short(found * least_bytes)
        if found > most:
            raise ModelError(f"{self.path} has {found:,} {what}, at most {most:,} expected", _DAMAGED)
        return found

    def text(self) -> str:
        (length,) = struct.unpack("<Q", self.take(8))
        try:
            return self.take(length).decode()
        except UnicodeDecodeError:
            where = f"{length:,} bytes before byte {self.position:,}"
            raise ModelError(f"{self.path} has text that is not UTF-8, in the {where}", _DAMAGED) from None

    def _texts(self, count: int) -> list[str]:
        """Read texts in one short loop: a vocabulary has a quarter of a million. `text` says what is wrong with one."""
        first = end = self.position
        found, read = list[str](), self._file.read
        with suppress(UnicodeDecodeError):
            for _ in range(count):
                length = int.from_bytes(read(8), "little")
                end += 8 + length
                if end > self._end:
                    break
                found.append(read(length).decode())
        if len(found) == count and self._file.tell() == end:
            self.position = end
            return found
        self._file.seek(first)
        return [self.text() for _ in range(count)]

    def value(self, key: str) -> Any:
        kind = self.number("I")
        return self._array(key) if kind == _ARRAY else self._single(kind, key)

    def _single(self, kind: int, key: str) -> Any:
        if kind == _STRING:
            return self.text()
        return self.number(self._code(kind, key))

    def _array(self, key: str) -> list[Any]:
        kind = self.number("I")
        if kind == _STRING:
            return self._texts(self._items(key, 8))
        code = self._code(kind, key)
        count = self._items(key, struct.calcsize("<" + code))
        return list(struct.unpack(f"<{count}{code}", self.take(count * struct.calcsize("<" + code))))

    def _items(self, key: str, least_bytes: int) -> int:
        count = self.count(f"items in the array {quote(key)}", least_bytes, self._array_items)
        self._array_items -= count
        return count

    def _code(self, kind: int, key: str) -> str:
        if kind not in _NUMBERS:
            found = "an array of arrays" if kind == _ARRAY else f"the unknown type {kind}"
            raise ModelError(f"the value of {quote(key)} in {self.path} has {found}", _DAMAGED)
        return _NUMBERS[kind]

    def _too_short(self, count: int) -> ModelError:
        if self._end < self.size and count <= self.size - self.position:
            return ModelError(f"{self.path} has a header of more than {MAX_HEADER_BYTES:,} bytes", _DAMAGED)
        return ModelError(
            f"{self.path} is cut short: found {self.size:,} bytes, "
            f"its header needs {count:,} more from byte {self.position:,}",
            _DAMAGED,
        )


def _read(header: _Header) -> GgufFile:
    _check_start(header)
    tensor_count = header.count("tensors", 24, MAX_TENSORS)
    key_count = header.count("keys", 13, MAX_KEYS)
    metadata: dict[str, Any] = {}
    for _ in range(key_count):
        key = header.text()
        if key in metadata:
            raise ModelError(f"{header.path} has the key {quote(key)} twice", _DAMAGED)
        metadata[key] = header.value(key)
    metadata_end = header.position
    alignment = _alignment(metadata, header.path)
    offsets = [_tensor(header) for _ in range(tensor_count)]  # from the start of the data
    start = -(-header.position // alignment) * alignment
    tensors: dict[str, GgufTensor] = {}
    for tensor in offsets:
        if tensor.name in tensors:
            raise ModelError(f"{header.path} has the tensor {quote(tensor.name)} twice", _DAMAGED)
        if tensor.start % alignment:
            raise ModelError(
                f"tensor {quote(tensor.name)} in {header.path} begins {tensor.start:,} bytes into the data, "
                f"a multiple of {alignment:,} expected",
                _DAMAGED,
            )
        tensors[tensor.name] = GgufTensor(
            tensor.name, tensor.type, tensor.shape, start + tensor.start, start + tensor.end
        )
    _check_layout(tensors, header)
    return GgufFile(MappingProxyType(metadata), MappingProxyType(tensors), metadata_end)


def _check_start(header: _Header) -> None:
    head = header.take(min(4, header.size))
    if head != MAGIC:
        raise ModelError(
            f"{header.path} is not a GGUF file: found {header.size:,} bytes that start with {head!r}", _DAMAGED
        )
    version: int = header.number("I")
    if version in VERSIONS:
        return
    if version and version % 2**16 == 0:
        raise ModelError(f"{header.path} is a GGUF file of big-endian numbers", "use the little-endian version")
    raise ModelError(f"{header.path} is a GGUF file of version {version}, 2 or 3 expected", _CONVERT)


def _alignment(metadata: Mapping[str, Any], path: Path) -> int:
    found = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if type(found) is not int or found < 1 or found & (found - 1):
        raise ModelError(f"{path} has the alignment {quote(found)}, a power of two expected", _DAMAGED)
    return found


def _tensor(header: _Header) -> GgufTensor:
    """Read a tensor's entry, its bytes counted from the start of the data."""
    name = header.text()
    where = f"tensor {quote(name)} in {header.path}"
    dimensions: int = header.number("I")
    if dimensions > MAX_DIMENSIONS:
        raise ModelError(f"{where} has {dimensions:,} dimensions, at most {MAX_DIMENSIONS} expected", _DAMAGED)
    shape = tuple(reversed([int(header.number("Q")) for _ in range(dimensions)]))
    kind, offset = int(header.number("I")), int(header.number("Q"))
    if kind not in TENSOR_TYPES:
        raise ModelError(f"{where} has the unknown type {kind}", _CONVERT)
    type_name, block_weights, block_bytes = TENSOR_TYPES[kind]
    blocks, rest = divmod(shape[-1] if shape else 1, block_weights)
    if rest:
        raise ModelError(
            f"{where} has rows of {shape[-1] if shape else 1:,} weights, "
            f"a multiple of {block_weights} expected for {type_name}",
            _DAMAGED,
        )
    return GgufTensor(name, type_name, shape, offset, offset + math.prod(shape[:-1]) * blocks * block_bytes)


def _check_layout(tensors: Mapping[str, GgufTensor], header: _Header) -> None:
    """Refuse tensors beyond the file's end and bytes in two tensors; gaps are padding."""
    position = 0
    for tensor in sorted(tensors.values(), key=lambda tensor: (tensor.start, tensor.end)):
        if tensor.end > header.size:
            raise ModelError(
                f"{header.path} is cut short: found {header.size:,} bytes, "
                f"tensor {quote(tensor.name)} ends at {quote(tensor.end)}",
                _DAMAGED,
            )
        if tensor.start < position:
            raise ModelError(f"tensor {quote(tensor.name)} in {header.path} overlaps the one before it", _DAMAGED)
        position = tensor.end
