"""Headers of GGUF files: what is read, what is refused, and that nothing a header claims costs memory or time."""

from __future__ import annotations

import os
import random
import struct
import time
import tracemalloc
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf_bytes import (
    ARRAY,
    BOOL,
    F32,
    FLOAT32,
    Q4_0,
    STRING,
    UINT8,
    UINT32,
    UINT64,
    array,
    header,
    key,
    padded,
    small_file,
    tensor,
    text,
    uint32,
)

from gemma10m import gguf_file
from gemma10m.errors import ModelError
from gemma10m.gguf_file import TENSOR_TYPES, GgufTensor, read_gguf


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "model.gguf"


def test_every_kind_of_value_comes_back_as_pythons_own(path: Path) -> None:
    path.write_bytes(small_file())
    assert dict(read_gguf(path).metadata) == {
        "general.architecture": "llama",
        "a.small": 7,
        "a.signed": -1,
        "a.short": 65535,
        "a.signed_short": -2,
        "a.count": 4,
        "a.signed_count": -4,
        "a.float": 0.5,
        "a.flag": True,
        "a.large": 2**63,
        "a.signed_large": -(2**63),
        "a.double": 1e300,
        "a.words": ["a", "", "é"],
        "a.numbers": [1, -2, 3],
        "a.nothing": [],
    }


def test_tensors_have_pytorchs_shapes_and_places_in_the_file(path: Path) -> None:
    content = small_file()
    path.write_bytes(content)
    start = len(content) - 252
    assert list(read_gguf(path).tensors.values()) == [
        GgufTensor("matrix", "F32", (5, 3), start, start + 60),
        GgufTensor("packed", "Q8_0", (2, 64), start + 64, start + 200),
        GgufTensor("vector", "F32", (7,), start + 224, start + 252),
    ]


def test_a_file_of_the_gguf_library_is_read_as_it_reads_it_itself(path: Path) -> None:
    writer = gguf.GGUFWriter(path, "gemma3")
    writer.add_custom_alignment(64)
    writer.add_block_count(2)
    writer.add_token_list(["a", "▁b", "<0x00>"])
    writer.add_token_scores([0.0, -1.5, -2.5])
    rng = np.random.default_rng(0)
    writer.add_tensor("token_embd.weight", rng.standard_normal((3, 32), np.float32))
    for kind in ("Q8_0", "Q5_0"):
        quantised = gguf.quantize(rng.standard_normal((4, 64), np.float32), gguf.GGMLQuantizationType[kind])
        writer.add_tensor(f"{kind}.weight", quantised, raw_dtype=gguf.GGMLQuantizationType[kind])
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    ours, theirs = read_gguf(path), gguf.GGUFReader(path)
    said = {name: field.contents() for name, field in theirs.fields.items() if not name.startswith("GGUF.")}
    assert dict(ours.metadata) == said
    places = [
        (one.name, one.tensor_type.name, tuple(int(size) for size in reversed(one.shape)), int(one.data_offset))
        for one in theirs.tensors
    ]
    assert [(one.name, one.type, one.shape, one.start) for one in ours.tensors.values()] == places
    assert [one.end - one.start for one in ours.tensors.values()] == [int(one.n_bytes) for one in theirs.tensors]


def test_block_sizes_are_ggmls_own() -> None:
    sizes = {number: (kind.name, *gguf.GGML_QUANT_SIZES[kind]) for number, kind in _types().items()}
    assert sizes == TENSOR_TYPES


def _types() -> dict[int, gguf.GGMLQuantizationType]:
    return {int(kind): kind for kind in gguf.GGMLQuantizationType}


def test_version_2_is_read_like_version_3(path: Path) -> None:
    content = small_file()
    path.write_bytes(content)
    expected = read_gguf(path)
    path.write_bytes(content[:4] + uint32(2) + content[8:])
    assert read_gguf(path) == expected


HUGE = 2**60
ONE = tensor("a", (4,))
HOSTILE = {
    "empty": (b"", "is not a GGUF file: found 0 bytes"),
    "another-magic": (header(magic=b"GGML"), "is not a GGUF file: found 24 bytes that start with b'GGML'"),
    "version-0": (header(version=0), "of version 0, 2 or 3 expected"),
    "version-1": (header(version=1), "of version 1, 2 or 3 expected"),
    "version-99": (header(version=99), "of version 99, 2 or 3 expected"),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "is a GGUF file of big-endian numbers"),
    "2**60-tensors": (header(tensor_count=HUGE), "is cut short"),
    "2**60-keys": (header(key_count=HUGE), "is cut short"),
    "2**64-1-keys": (header(key_count=2**64 - 1), "is cut short"),
    "long-key": (header([struct.pack("<Q", HUGE)], key_count=1) + bytes(99), "needs 1,152,921,504,606,846,976 more"),
    "long-string": (header([key("a", STRING, struct.pack("<Q", 2**63))]) + bytes(99), "is cut short"),
    "2**60-items": (header([key("a", ARRAY, array(FLOAT32, HUGE, b""))]) + bytes(99), "is cut short"),
    "2**60-strings": (header([key("a", ARRAY, array(STRING, HUGE, b""))]) + bytes(99), "is cut short"),
    "unknown-value": (header([key("a", 13, bytes(8))]), "the value of 'a' in .* has the unknown type 13"),
    "unknown-items": (header([key("a", ARRAY, array(99, 1, bytes(8)))]), "has the unknown type 99"),
    "nested-arrays": (header([key("a", ARRAY, array(ARRAY, 1, array(UINT8, 1, b"a")))]), "has an array of arrays"),
    "same-key": (header([key("a", UINT8, b"a")] * 2), "has the key 'a' twice"),
    "same-tensor": (padded(header([], [ONE, ONE])) + bytes(99), "has the tensor 'a' twice"),
    "key-not-text": (header([key(b"\xff", UINT8, b"a")]), "has text that is not UTF-8, in the 1 bytes before byte 33"),
    "value-not-text": (header([key("a", STRING, text(b"\xc3"))]), "has text that is not UTF-8"),
    "alignment-0": (header([key("general.alignment", UINT32, uint32(0))]), "has the alignment 0, a power of two"),
    "alignment-24": (header([key("general.alignment", UINT32, uint32(24))]), "has the alignment 24, a power of two"),
    "alignment-true": (header([key("general.alignment", BOOL, b"\1")]), "has the alignment True, a power of two"),
    "alignment-text": (header([key("general.alignment", STRING, text("32"))]), "has the alignment '32', a power"),
    "large-alignment": (
        header([key("general.alignment", UINT64, struct.pack("<Q", HUGE))], [ONE]) + bytes(99),
        "tensor 'a' ends at 1152921504606846992",
    ),
    "beyond-the-end": (padded(header([], [tensor("a", (25,))])) + bytes(99), "is cut short: .* tensor 'a' ends at"),
    "far-beyond": (padded(header([], [tensor("a", (2**63, 2**63, 2**63, 2**63))])) + bytes(99), "is cut short"),
    "far-offset": (padded(header([], [tensor("a", (4,), F32, 2**64 - 32)])) + bytes(99), "is cut short"),
    "overlap": (
        padded(header([], [tensor("a", (9,)), tensor("b", (4,), F32, 32)])) + bytes(99),
        "tensor 'b' in .* overlaps the one before it",
    ),
    "odd-offset": (padded(header([], [tensor("a", (4,), F32, 4)])) + bytes(99), "begins 4 bytes into the data"),
    "five-dimensions": (header([], [tensor("a", (1,) * 5)]), "has 5 dimensions, at most 4 expected"),
    "2**32-1-dimensions": (header([], [text("a") + uint32(2**32 - 1) + bytes(99)]), "has 4,294,967,295 dimensions"),
    "unknown-tensor-type": (header([], [tensor("a", (4,), 4)]), "tensor 'a' in .* has the unknown type 4"),
    "half-a-block": (header([], [tensor("a", (48, 2), Q4_0)]), "has rows of 48 weights, a multiple of 32 expected"),
}


@pytest.mark.parametrize(("content", "expected"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_header_is_refused_by_what_is_wrong_with_it(path: Path, content: bytes, expected: str) -> None:
    path.write_bytes(content)
    with pytest.raises(ModelError, match=expected) as caught:
        read_gguf(path)
    assert "\n" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("limit", "value", "content", "expected"),
    [
        ("MAX_HEADER_BYTES", 100, small_file(), "has a header of more than 100 bytes"),
        ("MAX_ARRAY_ITEMS", 5, small_file(), r"has 3 items in the array 'a.numbers', at most 2 expected"),
        ("MAX_KEYS", 14, small_file(), "has 15 keys, at most 14 expected"),
        ("MAX_TENSORS", 2, small_file(), "has 3 tensors, at most 2 expected"),
    ],
)
def test_a_header_larger_than_any_models_is_refused(
    path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, content: bytes, expected: str
) -> None:
    monkeypatch.setattr(gguf_file, limit, value)
    path.write_bytes(content)
    with pytest.raises(ModelError, match=expected):
        read_gguf(path)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read: No such file"):
        read_gguf(tmp_path / "absent.gguf")
    with pytest.raises(ModelError, match="is not a regular file"):
        read_gguf(tmp_path)
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(ModelError, match="is not a regular file"):
        read_gguf(tmp_path / "pipe.gguf")


def test_a_file_cut_anywhere_is_refused(path: Path) -> None:
    content = small_file()
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ModelError):
            read_gguf(path)


def test_two_thousand_damaged_files_are_read_or_refused_in_little_memory_and_time(path: Path) -> None:
    content, rng = small_file(), random.Random(0)
    outcomes = {"read": 0, "refused": 0}
    began = time.monotonic()
    tracemalloc.start()
    try:
        for _ in range(2_000):
            path.write_bytes(_damaged(content, rng))
            try:
                found = read_gguf(path)
            except ModelError:
                outcomes["refused"] += 1
            else:
                size = path.stat().st_size
                assert all(0 < one.start <= one.end <= size for one in found.tensors.values())
                outcomes["read"] += 1
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert min(outcomes.values()) > 100
    assert peak < 8 * 2**20  # the file's own buffer is one MiB
    assert time.monotonic() - began < 60


def _damaged(content: bytes, rng: random.Random) -> bytes:
    """Make one to four changes: a byte, a number of eight bytes, a stretch left out or written twice."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[at] = rng.randrange(256)
            case 1:
                value = rng.choice((0, 1, 2**16, 2**31, 2**32 - 1, 2**60, 2**63, 2**64 - 1))
                data[at : at + 8] = struct.pack("<Q", value)
            case 2:
                del data[at : at + rng.randint(1, 16)]
            case _:
                data[at:at] = data[at : at + rng.randint(1, 16)]
    return bytes(data)
