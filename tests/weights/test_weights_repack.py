"""Matrices of 4 bits stay as they are in a GGUF file: the same levels, and scales rounded once to bfloat16."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from gguf_models import tiny_weights, write_model
from tiny_adapters import write_tiny
from torch import Tensor

from gemma10m import ops
from gemma10m.config import ReadingConfig
from gemma10m.errors import ModelError
from gemma10m.library import model_choice
from gemma10m.library.listening import Notices
from gemma10m.library.model_choice import ModelOptions, choose_model
from gemma10m.library.number_format import fitting_format
from gemma10m.models.quantised import quantised_modules
from gemma10m.weights.checkpoint import open_checkpoint
from gemma10m.weights.headers import TensorEntry
from gemma10m.weights.loading import load_checkpoint, load_model
from gemma10m.weights.options import resolve_reading
from gemma10m.weights.plan import memory_plan
from gemma10m.weights.sources import FOUR_BITS, repack
from gemma10m.weights.sources.repack import load_packed
from gemma10m.weights.tensors import packed_format

KINDS = pytest.mark.parametrize("kind", sorted(FOUR_BITS))
SIZE = 512


def blocks_of(kind: str, rows: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Return random blocks of `rows` rows, with steps and offsets that are finite."""
    weights, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    packed = np.random.default_rng(0).integers(0, 256, (rows, SIZE // weights * size), np.uint8)
    packed.reshape(-1, size)[:, 1] &= 0x3F
    packed.reshape(-1, size)[:, 3] &= 0x3F
    return packed


def entry_of(tmp_path: Path, kind: str, packed: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> TensorEntry:
    (tmp_path / "packed").write_bytes(b"before" + packed.tobytes() + b"after")
    return TensorEntry("a", kind, (len(packed), SIZE), tmp_path / "packed", 6, 6 + packed.nbytes)


def unpacked(packed: Tensor, scales: Tensor, rows: int) -> Tensor:
    return ops.packed_weights(packed, scales.float(), SIZE).T[:rows]


@KINDS
@pytest.mark.parametrize("rows", [3, 64, 150])
def test_the_numbers_are_the_gguf_librarys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, rows: int
) -> None:
    monkeypatch.setattr(repack, "PIECE", 1)  # a block of rows at a time
    blocks = blocks_of(kind, rows)
    expected = torch.from_numpy(gguf.dequantize(blocks, gguf.GGMLQuantizationType[kind]))
    packed, scales = load_packed(entry_of(tmp_path, kind, blocks))
    assert (packed.shape[0] - 1) * ops.PACKED_ROWS < rows <= packed.shape[0] * ops.PACKED_ROWS
    found = unpacked(packed, scales, rows)
    steps, offsets = (each.repeat_interleave(32, dim=0).T[:rows].abs() for each in scales.float().unbind(-1))
    assert bool(((found - expected).abs() <= 2**-8 * (8 * steps + offsets) * (1 + 1e-5)).all())
    assert float(expected.std()) > 0
    assert torch.equal(unpacked(packed, scales, len(packed) * ops.PACKED_ROWS)[rows:], torch.zeros(-rows % 64, SIZE))


@KINDS
def test_scales_that_bfloat16_holds_give_the_very_numbers(tmp_path: Path, kind: str) -> None:
    blocks = blocks_of(kind, 64)
    size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]][1]
    each = blocks.reshape(-1, size)
    each[:, 0], each[:, 1] = 0, 0x3C  # 1
    if kind != "Q4_0":
        each[:, 2], each[:, 3] = 0, 0x40  # 2
    if kind == "Q4_K":
        each[:, 4:16] &= 0x07  # steps and offsets of 3 bits
    expected = torch.from_numpy(gguf.dequantize(blocks, gguf.GGMLQuantizationType[kind]))
    assert torch.equal(unpacked(*load_packed(entry_of(tmp_path, kind, blocks)), 64), expected)


def test_rows_go_to_their_places(tmp_path: Path) -> None:
    entry, places = entry_of(tmp_path, "Q4_K", blocks_of("Q4_K", 100)), torch.randperm(100)
    as_they_are, placed = (unpacked(*load_packed(entry, where), 100) for where in (None, places))
    assert torch.equal(placed[places], as_they_are)


def test_a_scale_that_is_not_finite_is_refused(tmp_path: Path) -> None:
    blocks = blocks_of("Q4_0", 64)
    blocks[5, :2] = 0, 0x7C  # infinity
    with pytest.raises(ModelError, match="holds numbers that are not finite"):
        load_packed(entry_of(tmp_path, "Q4_0", blocks))


def test_a_file_that_was_cut_is_an_error(tmp_path: Path) -> None:
    entry = entry_of(tmp_path, "Q4_0", blocks_of("Q4_0", 64))
    entry.shard.write_bytes(b"before")
    with pytest.raises(ModelError, match="was changed while it was read"):
        load_packed(entry)


# --- a whole model


def four_bit_model(tmp_path: Path, architecture: str = "llama", kind: str = "Q4_0") -> Path:
    write_model(tmp_path / "model.gguf", architecture, tiny_weights(architecture), kind=kind)
    return tmp_path / "model.gguf"


@pytest.mark.parametrize("architecture", ["llama", "qwen2"])
def test_int4_keeps_the_files_bits_in_every_matrix(tmp_path: Path, architecture: str) -> None:
    path = four_bit_model(tmp_path, architecture)
    floats = load_model(path, dtype="float32").state_dict()
    model = load_model(path, dtype="int4")
    modules = quantised_modules(model)
    assert len(modules) == 22
    for name, module in modules.items():
        assert module.bits == 4
        expected = floats[f"{name}.weight"]
        found = module.numbers(torch.arange(module.out_features)).float()
        assert float((found - expected).abs().max()) <= 2**-7 * float(expected.abs().max())
    plan = memory_plan(model.config, model.reading, "int4", 1, stored=open_checkpoint(path).stored_bits)
    assert plan.weights == sum(tensor.nbytes for tensor in model.state_dict().values())


def test_what_an_adapter_updates_goes_into_8_bits_and_the_rest_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, updated = four_bit_model(tmp_path), ("k_proj", "v_proj")
    folder = write_tiny(tmp_path / "adapter", path, modules=updated)
    floats = load_model(path, dtype="float32", adapter=folder).state_dict()
    monkeypatch.setattr(model_choice, "multiplies_packed", lambda: True)
    monkeypatch.setattr(model_choice, "has_fast_bfloat16", lambda: True)
    options = ModelOptions(str(path), device="cpu", adapter=str(folder))
    chosen = choose_model(Notices(), options)
    assert chosen.dtype == "int4"
    reading = resolve_reading(chosen.checkpoint)
    model = load_checkpoint(chosen.checkpoint, reading, "cpu", chosen.dtype, chosen.adapter)
    for name, module in quantised_modules(model).items():
        assert module.bits == (8 if name.endswith(updated) else 4)
        expected = floats[f"{name}.weight"]
        found = module.numbers(torch.arange(module.out_features)).float()
        assert float((found - expected).abs().max()) <= 2**-7 * float(expected.abs().max())
    plan = memory_plan(model.config, reading, "int4", 1, stored=chosen.checkpoint.stored_bits)
    assert plan.weights == sum(tensor.nbytes for tensor in model.state_dict().values())


def test_with_an_adapter_of_all_matrices_nothing_is_packed_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_choice, "multiplies_packed", lambda: True)
    monkeypatch.setattr(model_choice, "has_fast_bfloat16", lambda: True)
    path = four_bit_model(tmp_path)
    folder = write_tiny(tmp_path / "adapter", path)
    assert choose_model(Notices(), ModelOptions(str(path), device="cpu", adapter=str(folder))).dtype == "float32"


def test_int8_and_floats_take_no_notice_of_the_files_bits(tmp_path: Path) -> None:
    modules = quantised_modules(load_model(four_bit_model(tmp_path), dtype="int8"))
    assert {module.bits for module in modules.values()} == {8}


def test_int4_leaves_what_the_file_has_in_more_bits_in_8(tmp_path: Path) -> None:
    weights = tiny_weights("qwen2")
    name = "model.layers.0.mlp.gate_proj.weight"
    write_model(tmp_path / "model.gguf", "qwen2", weights, kind="Q4_0", kinds={name: "Q5_0"})
    model = load_model(tmp_path / "model.gguf", dtype="int4")
    bits = {each: module.bits for each, module in quantised_modules(model).items()}
    assert bits.pop("model.layers.0.mlp.gate_proj") == 8
    assert set(bits.values()) == {4}


def test_a_file_in_8_bits_is_not_one_of_4(tmp_path: Path) -> None:
    checkpoint = open_checkpoint(four_bit_model(tmp_path, kind="Q8_0"))
    assert not checkpoint.stored_bits
    assert packed_format(checkpoint) is None


@pytest.mark.parametrize(("kernel", "is_fast", "expected"), [
    (True, True, "int4"), (False, True, "float32"), (True, False, "float32"),
])  # fmt: skip
def test_a_file_of_4_bits_stays_so_where_the_processor_has_a_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: bool, is_fast: bool, expected: str
) -> None:
    monkeypatch.setattr(model_choice, "multiplies_packed", lambda: kernel)
    monkeypatch.setattr(model_choice, "has_fast_bfloat16", lambda: is_fast)
    path = str(four_bit_model(tmp_path))
    options = ModelOptions(path, device="cpu")
    assert choose_model(Notices(), options).dtype == expected
    assert choose_model(Notices(), options, trains=True).dtype == "float32"


def test_where_even_4_bits_do_not_fit_no_wider_format_is_tried(tmp_path: Path) -> None:
    checkpoint, notices = open_checkpoint(four_bit_model(tmp_path)), Notices()
    assert fitting_format(notices, checkpoint, ReadingConfig("window", 64, 64, 4), "cpu", "int4", 1000) == "int4"
    assert len(notices.warnings) == 1
