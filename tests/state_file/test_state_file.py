"""Saving and loading: every kind, every awkward position, bit for bit; and only for what the state was made with."""

from __future__ import annotations

import json
import os
import re
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from states import expectation, random_state, same_bits, sample_document, sample_header, small_config

from gemma10m.config import MEMORY_KINDS, MemoryKind, ModelConfig, ReadingConfig
from gemma10m.errors import DiskError, DocumentError, StateError, UsageError
from gemma10m.memory.state import State
from gemma10m.state_file import SourceRecord, StateHeader, is_state_file, load_state, read_header, save_state

CONFIG = small_config()


def reading_of(kind: MemoryKind) -> ReadingConfig:
    return ReadingConfig(kind, segment=8, carry=0 if kind == "full" else 16, sinks=3)


def saved(
    path: Path, kind: MemoryKind = "gated", position: int = 21, dtype: str = "bfloat16", seed: int = 0
) -> tuple[State, StateHeader]:
    state = random_state(CONFIG, reading_of(kind), position, dtype, seed)
    header = sample_header(CONFIG, reading_of(kind), position, dtype)
    save_state(path, state, header)
    return state, header


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kind", MEMORY_KINDS)
# nothing, fewer tokens than sinks, an open first segment, a boundary before, at and after the carry is full, many
@pytest.mark.parametrize("position", [0, 1, 5, 8, 13, 16, 24, 8 * 40, 8 * 40 + 7])
def test_what_is_saved_is_loaded_bit_for_bit(tmp_path: Path, kind: MemoryKind, position: int, dtype: str) -> None:
    path = tmp_path / "state.safetensors"
    state, header = saved(path, kind, position, dtype)
    loaded, loaded_header = load_state(path, expect=expectation(CONFIG, header))
    assert same_bits(loaded, state)
    assert loaded_header == header
    assert read_header(path) == header
    assert is_state_file(path)


def test_signed_zeros_subnormals_and_strides_survive(tmp_path: Path) -> None:
    state, header = saved(tmp_path / "first")
    odd = torch.tensor([-0.0, 1e-40, 3.4e38, -1.5]).repeat(CONFIG.kv_heads * 9).view(1, CONFIG.kv_heads, 6, 6)
    first = state.layers[0].replace(
        memory=odd.transpose(2, 3),
        keys=state.layers[0]["keys"].repeat_interleave(2, dim=2)[:, :, ::2],
    )
    state = replace(state, layers=(first, *state.layers[1:]))
    save_state(tmp_path / "second", state, header)
    loaded, _ = load_state(tmp_path / "second", expect=expectation(CONFIG, header))
    assert same_bits(loaded, state)


def test_equal_states_give_equal_bytes(tmp_path: Path) -> None:
    saved(tmp_path / "one")
    saved(tmp_path / "two")
    saved(tmp_path / "other", seed=1)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one").read_bytes() != (tmp_path / "other").read_bytes()


def test_the_file_is_a_safetensors_file_that_the_library_reads_alike(tmp_path: Path) -> None:
    state, header = saved(tmp_path / "state")
    with safe_open(tmp_path / "state", "pt") as file:
        metadata = file.metadata()
        assert metadata["format"] == "gemma10m.state/1"
        assert json.loads(metadata["position"]) == 21
        assert json.loads(metadata["document"])["sources"][0][0] == "books/a b.txt"
        assert file.get_tensor("open_ids").tolist() == list(header.open_ids)
        for number, layer in enumerate(state.layers):
            for name, tensor in layer.tensors():
                assert torch.equal(file.get_tensor(f"layers.{number}.{name}"), tensor)


def test_the_payload_starts_at_a_multiple_of_eight(tmp_path: Path) -> None:
    for position in range(8):
        saved(tmp_path / "state", position=position)
        assert int.from_bytes((tmp_path / "state").read_bytes()[:8], "little") % 8 == 0


def test_the_header_never_holds_the_documents_tokens(tmp_path: Path) -> None:
    _, header = saved(tmp_path / "state", position=23)
    raw = (tmp_path / "state").read_bytes()
    text = raw[8 : 8 + int.from_bytes(raw[:8], "little")].decode()
    assert ",".join(map(str, header.open_ids)) not in text


def test_the_file_is_private(tmp_path: Path) -> None:
    saved(tmp_path / "new folder" / "state")
    assert stat.S_IMODE((tmp_path / "new folder" / "state").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "new folder").stat().st_mode) == 0o700


@contextmanager
def files_no_larger_than(nbytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (nbytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_the_old_file_survives_wherever_the_room_ends(tmp_path: Path) -> None:
    path = tmp_path / "state"
    _, header = saved(path)
    before = path.read_bytes()
    newer = random_state(CONFIG, header.reading, header.position, header.dtype, seed=9)
    for room in (*range(0, len(before), 41), len(before) - 1):
        with files_no_larger_than(room), pytest.raises(DiskError, match="larger than the system lets a file grow"):
            save_state(path, newer, header)
        assert path.read_bytes() == before
        assert os.listdir(tmp_path) == ["state"]
    with files_no_larger_than(len(before)):
        save_state(path, newer, header)
    loaded, _ = load_state(path, expect=expectation(CONFIG, header))
    assert same_bits(loaded, newer)


@pytest.mark.parametrize(
    ("changes", "found", "hint"),
    [
        ({"model_fingerprint": "c" * 64}, "was read by the model 'tiny'", "use the model"),
        ({"tokenizer_fingerprint": "c" * 64}, "was read with the tokenizer", "use the tokenizer"),
        ({"reading": ReadingConfig("delta", 8, 16, 3)}, "was read with memory gated, expected delta", "memory gated"),
        ({"reading": ReadingConfig("gated", 16, 16, 3)}, "was read with segment 8, expected 16", "segment 8"),
        ({"reading": ReadingConfig("gated", 8, 8, 3)}, "was read with carry 16, expected 8", "carry 16"),
        ({"reading": ReadingConfig("gated", 8, 16, 4)}, "was read with sinks 3, expected 4", "sinks 3"),
        ({"dtype": "float32"}, "was read in bfloat16, expected float32", "--dtype bfloat16"),
    ],
)
def test_a_state_of_something_else_is_refused(tmp_path: Path, changes: dict[str, Any], found: str, hint: str) -> None:
    _, header = saved(tmp_path / "state")
    with pytest.raises(StateError, match=found) as error:
        load_state(tmp_path / "state", expect=replace(expectation(CONFIG, header), **changes))
    assert hint in error.value.hint
    assert error.value.exit_code == 5


def test_a_state_of_quantised_weights_is_in_bfloat16_and_for_those_weights_alone(tmp_path: Path) -> None:
    state, header = saved(tmp_path / "floats")
    quantised = replace(header, dtype="int8")
    save_state(tmp_path / "state", state, quantised)
    loaded, _ = load_state(tmp_path / "state", expect=replace(expectation(CONFIG, header), dtype="int8"))
    assert same_bits(loaded, state)
    with pytest.raises(StateError, match="was read in int8, expected bfloat16") as error:
        load_state(tmp_path / "state", expect=expectation(CONFIG, header))
    assert "--dtype int8" in error.value.hint


@pytest.mark.parametrize(
    ("other", "found"),
    [
        (small_config(layers=4), "has no tensor layers.3.keys"),
        (small_config(layers=2), "holds a tensor layers.2.keys that this model's state has not"),
        (small_config(kv_heads=1), r"of \[1, 2, .*expected \[1, 1, "),
        (small_config(head_size=4), r"6\] in \w+, expected .*4\]"),
        (small_config(vocabulary=7), "the vocabulary has 7"),
    ],
)
def test_a_state_of_another_shape_is_refused(tmp_path: Path, other: ModelConfig, found: str) -> None:
    _, header = saved(tmp_path / "state")
    with pytest.raises(StateError, match=found) as error:
        load_state(tmp_path / "state", expect=expectation(other, header))
    assert "use the model" in error.value.hint


def test_state_vectors_of_another_size_are_refused(tmp_path: Path) -> None:
    _, header = saved(tmp_path / "state", "state-vector")
    expect = expectation(small_config(hidden_size=10), header)
    with pytest.raises(StateError, match=r"layers\.\d\.\w+ of \[1, 12\] in float32, expected \[1, 10\]"):
        load_state(tmp_path / "state", expect=expect)
    _, header = saved(tmp_path / "state", "window")
    load_state(tmp_path / "state", expect=expectation(small_config(hidden_size=10), header))


@pytest.mark.parametrize(
    "changes",
    [
        {"position": 20},
        {"open_ids": ()},
        {"open_ids": (1, 2, 3, 4, -5)},
        {"open_ids": (1, 2, 3, 4, 2**31)},
        {"open_ids": (1, 2, 3, 4, True)},
        {"dtype": "float32"},
        {"dtype": "float16"},
        {"reading": ReadingConfig("gated", 4, 16, 3)},
        {"seconds": float("nan")},
        {"seconds": -1.0},
        {"ids_sha256": "abc"},
        {"model": None},
        {"complete": 1},
        {"format": "gemma10m.state/2"},
    ],
)
def test_a_header_that_is_not_the_states_is_not_saved(tmp_path: Path, changes: dict[str, Any]) -> None:
    state, header = saved(tmp_path / "state")
    with pytest.raises(UsageError):
        save_state(tmp_path / "other", state, replace(header, **changes))
    assert os.listdir(tmp_path) == ["state"]


def test_only_one_document_fits_a_file(tmp_path: Path) -> None:
    state, header = saved(tmp_path / "state")

    two = state.map(lambda tensor: torch.cat((tensor, tensor)))
    with pytest.raises(UsageError, match=r"\[2, 2, 21, 6\].*expected batch 1") as error:
        save_state(tmp_path / "two", two, header)
    assert "batch 1" in error.value.hint


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", ["keys", "values", "sink_keys", "sink_values", "memory", "write_gates"])
def test_values_that_are_not_finite_are_not_saved(tmp_path: Path, name: str, value: float) -> None:
    state, header = saved(tmp_path / "state")
    before = (tmp_path / "state").read_bytes()
    broken = state.layers[1][name].clone()
    broken.view(-1)[-1] = value
    layers = (state.layers[0], state.layers[1].replace(**{name: broken}), state.layers[2])
    with pytest.raises(StateError, match=rf"layers\.1\.{name} .* after 21 tokens"):
        save_state(tmp_path / "state", replace(state, layers=layers), header)
    assert (tmp_path / "state").read_bytes() == before
    assert os.listdir(tmp_path) == ["state"]


def test_a_manifest_too_long_for_a_header(tmp_path: Path) -> None:
    state, header = saved(tmp_path / "state")
    rows = (SourceRecord("p" * 2**20, 1, "c" * 64, 1),) * 16
    with pytest.raises(DocumentError, match="list of the document's files"):
        save_state(tmp_path / "long", state, replace(header, document=replace(sample_document(), sources=rows)))
    assert os.listdir(tmp_path) == ["state"]


def test_a_long_manifest_that_fits(tmp_path: Path) -> None:
    state, header = saved(tmp_path / "state")
    rows = tuple(SourceRecord(f"folder/file {number}", 1, "c" * 64, 1) for number in range(10_000))
    header = replace(header, document=replace(sample_document(), sources=rows))
    save_state(tmp_path / "long", state, header)
    assert read_header(tmp_path / "long") == header


def test_loading_leaves_nothing_tied_to_the_file(tmp_path: Path) -> None:
    state, header = saved(tmp_path / "state")
    loaded, _ = load_state(tmp_path / "state", expect=expectation(CONFIG, header))
    (tmp_path / "state").write_bytes(b"overwritten" * 1000)
    assert same_bits(loaded, state)
    loaded.layers[0]["keys"].zero_()


def test_the_documentation_names_every_field_and_tensor(tmp_path: Path) -> None:
    saved(tmp_path / "state")
    raw = (tmp_path / "state").read_bytes()
    metadata = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])["__metadata__"]
    text = (Path(__file__).parents[2] / "docs" / "state-file.md").read_text(encoding="utf-8")
    documented = re.findall(r"^\| `(\w+)` \|", text.split("### Tensors")[0], re.MULTILINE)
    assert documented == list(metadata)
    names = {
        name for kind in MEMORY_KINDS for name in random_state(CONFIG, reading_of(kind), 9, "float32").layers[0].layout
    }
    assert {"keys", "sink_values", "memory", "normaliser", "write_gates", "state_vector", "output_mean"} <= names
    assert all(f".{name}`" in text for name in names)
