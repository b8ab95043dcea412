"""States with quantised keys and values: saved bit for bit, refused by a model that keeps them otherwise."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from models import assert_same_state, random_ids, read_cut, tiny_model
from safetensors import safe_open
from states import DTYPES, expectation, same_bits, sample_header, small_config

from gemma10m.config import KeyValueFormat, MemoryKind, ReadingConfig
from gemma10m.errors import StateError, UsageError
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.state_file import StateHeader, load_state, read_header, save_state

CONFIG = small_config()
FORMATS: tuple[KeyValueFormat, ...] = ("int8", "int4")


def saved(
    path: Path, kind: MemoryKind = "window", position: int = 29, dtype: str = "float32", kv: KeyValueFormat = "int8"
) -> tuple[State, StateHeader]:
    """Read random ids with random weights, and save the state."""
    torch.manual_seed(position)
    reading = ReadingConfig(kind, segment=8, carry=0 if kind == "full" else 16, sinks=3, kv=kv)
    model = Decoder(CONFIG, reading).to(DTYPES[dtype]).requires_grad_(False).eval()
    state = model.empty_state()
    if position:
        state = model(torch.randint(CONFIG.vocabulary, (1, position)), state, logits="none")[1]
    header = sample_header(CONFIG, reading, position, dtype)
    save_state(path, state, header)
    return state, header


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("kv", FORMATS)
@pytest.mark.parametrize("kind", ["window", "linear", "full"])
@pytest.mark.parametrize("position", [0, 5, 8, 29])
def test_what_is_saved_is_loaded_bit_for_bit(
    tmp_path: Path, kind: MemoryKind, position: int, kv: KeyValueFormat, dtype: str
) -> None:
    state, header = saved(tmp_path / "state", kind, position, dtype, kv)
    loaded, loaded_header = load_state(tmp_path / "state", expect=expectation(CONFIG, header))
    assert same_bits(loaded, state)
    assert loaded_header == header == read_header(tmp_path / "state")


def test_a_read_goes_on_from_a_file_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    model = tiny_model("window", segment=8, carry=16, sinks=3, kv="int4", dtype=torch.float32)
    ids = random_ids(model, 50)
    _, whole = read_cut(model, ids, [21])
    _, half = read_cut(model, ids[:, :21])
    header = sample_header(model.config, model.reading, 21, "float32")
    save_state(tmp_path / "state", half, header)
    loaded, _ = load_state(tmp_path / "state", expect=expectation(model.config, header))
    assert_same_state(read_cut(model, ids[:, 21:], state=loaded)[1], whole)


def test_other_programs_read_the_codes(tmp_path: Path) -> None:
    state, _ = saved(tmp_path / "state", kv="int4", position=27)
    with safe_open(tmp_path / "state", "pt") as file:
        assert json.loads(file.metadata()["reading"])["kv"] == "int4"
        for number, layer in enumerate(state.layers):
            for name, tensor in layer.tensors():
                assert torch.equal(file.get_tensor(f"layers.{number}.{name}"), tensor)


def test_a_file_with_numbers_as_they_were_does_not_name_a_format(tmp_path: Path) -> None:
    """So the files of earlier versions are what this version writes, and reads."""
    _, header = saved(tmp_path / "state", kv="float")
    with safe_open(tmp_path / "state", "pt") as file:
        assert json.loads(file.metadata()["reading"]) == {"memory": "window", "segment": 8, "carry": 16, "sinks": 3}
    assert load_state(tmp_path / "state", expect=expectation(CONFIG, header))[1].reading.kv == "float"


@pytest.mark.parametrize(("kv", "wanted"), [("int8", "float"), ("float", "int8"), ("int8", "int4")])
def test_a_state_of_another_format_is_refused_in_one_sentence(
    tmp_path: Path, kv: KeyValueFormat, wanted: KeyValueFormat
) -> None:
    _, header = saved(tmp_path / "state", kv=kv)
    expect = expectation(CONFIG, replace(header, reading=replace(header.reading, kv=wanted)))
    with pytest.raises(StateError, match=f"was read with kv {kv}, expected {wanted}") as refused:
        load_state(tmp_path / "state", expect=expect)
    assert refused.value.hint == f"ask with kv {kv}, or read the document again"


def test_codes_in_a_state_that_says_it_has_none_are_not_saved(tmp_path: Path) -> None:
    state, header = saved(tmp_path / "state")
    with pytest.raises(UsageError, match="key_codes"):
        save_state(tmp_path / "other", state, replace(header, reading=replace(header.reading, kv="float")))
