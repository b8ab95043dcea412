"""GGUF files byte by byte, so that a test can put anything into one."""

from __future__ import annotations

import struct
from collections.abc import Sequence

UINT8, INT8, UINT16, INT16, UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY, UINT64, INT64, FLOAT64 = range(13)
F32, Q4_0, Q8_0 = 0, 2, 8


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(data)) + data


def key(name: str | bytes, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def array(kind: int, count: int, items: bytes) -> bytes:
    return struct.pack("<IQ", kind, count) + items


def uint32(value: int) -> bytes:
    return struct.pack("<I", value)


def tensor(name: str, sizes: Sequence[int], kind: int = F32, offset: int = 0) -> bytes:
    """Describe a tensor; `sizes` go from the innermost out, as in the file."""
    return text(name) + struct.pack(f"<I{len(sizes)}QIQ", len(sizes), *sizes, kind, offset)


def header(
    keys: Sequence[bytes] = (),
    tensors: Sequence[bytes] = (),
    *,
    version: int = 3,
    key_count: int | None = None,
    tensor_count: int | None = None,
    magic: bytes = b"GGUF",
) -> bytes:
    counts = (
        len(tensors) if tensor_count is None else tensor_count,
        len(keys) if key_count is None else key_count,
    )
    return magic + struct.pack("<IQQ", version, *counts) + b"".join((*keys, *tensors))


def padded(data: bytes, alignment: int = 32) -> bytes:
    return data + bytes(-len(data) % alignment)


def small_file() -> bytes:
    """Return a valid file with a value of every kind and three tensors."""
    keys = (
        key("general.architecture", STRING, text("llama")),
        key("a.small", UINT8, b"\x07"),
        key("a.signed", INT8, b"\xff"),
        key("a.short", UINT16, struct.pack("<H", 65535)),
        key("a.signed_short", INT16, struct.pack("<h", -2)),
        key("a.count", UINT32, uint32(4)),
        key("a.signed_count", INT32, struct.pack("<i", -4)),
        key("a.float", FLOAT32, struct.pack("<f", 0.5)),
        key("a.flag", BOOL, b"\x01"),
        key("a.large", UINT64, struct.pack("<Q", 2**63)),
        key("a.signed_large", INT64, struct.pack("<q", -(2**63))),
        key("a.double", FLOAT64, struct.pack("<d", 1e300)),
        key("a.words", ARRAY, array(STRING, 3, text("a") + text("") + text("é"))),
        key("a.numbers", ARRAY, array(INT32, 3, struct.pack("<3i", 1, -2, 3))),
        key("a.nothing", ARRAY, array(STRING, 0, b"")),
    )
    tensors = (
        tensor("matrix", (3, 5), F32, 0),
        tensor("packed", (64, 2), Q8_0, 64),
        tensor("vector", (7,), F32, 224),
    )
    return padded(header(keys, tensors)) + bytes(64 + 136 + 24 + 28)
