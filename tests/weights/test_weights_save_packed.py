"""Packed weights that were saved: the same bits come back, without being quantised again, and damage is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import tiny_gemma
from gguf_models import tiny_weights, write_model
from official_models import OFFICIAL, official_model, save
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from gemma10m.cli_models import quantize
from gemma10m.config import QUANTISED
from gemma10m.errors import Gemma10MError, ModelError, UsageError
from gemma10m.library import model_choice
from gemma10m.library.listening import Notices
from gemma10m.library.model_choice import ModelOptions, choose_model
from gemma10m.library.packing import pack_model
from gemma10m.models.decoder import Decoder
from gemma10m.models.quantised import quantised_modules
from gemma10m.tokens import load_tokenizer
from gemma10m.weights.checkpoint import open_checkpoint
from gemma10m.weights.loading import load_model, resolve_model
from gemma10m.weights.save_packed import save_packed

FORMATS = pytest.mark.parametrize("number_format", QUANTISED)
WIDE = {"hidden": 64, "feed_forward": 96, "head_size": 16, "vocabulary": 131}  # the table's last block is not full
GATE = "model.layers.0.mlp.gate_proj.weight"


def saved(tmp_path: Path, number_format: str = "int4", source: Path | None = None) -> Path:
    source = source or tiny_gemma(tmp_path / "floats", gates=0.25, **WIDE)
    save_packed(open_checkpoint(source), tmp_path / "packed", number_format)
    return tmp_path / "packed"


def same(first: Decoder, second: Decoder) -> bool:
    """Tell if two models have the same bits, but for scales of the rows that fill a last block."""
    one, other = (
        model.state_dict()
        | {f"{name}.scales": each.scales[:, : each.out_features] for name, each in quantised_modules(model).items()}
        for model in (first, second)
    )
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def rewritten(folder: Path, **changes: Tensor | None) -> Path:
    """Change tensors of the packed file by the ends of their names, or leave them out."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    for end, tensor in changes.items():
        del tensors[f"{GATE}.{end}"]
        if tensor is not None:
            tensors[f"{GATE}.{end}"] = tensor
    save_file(tensors, path)
    return folder


@FORMATS
def test_what_is_loaded_is_what_was_packed(tmp_path: Path, number_format: str) -> None:
    folder = saved(tmp_path, number_format)
    assert same(load_model(folder, dtype=number_format), load_model(tmp_path / "floats", dtype=number_format))
    assert (folder / "model.safetensors").stat().st_size < (tmp_path / "floats/model.safetensors").stat().st_size / 2


def test_nothing_is_quantised_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = saved(tmp_path)
    monkeypatch.setattr("gemma10m.weights.tensors.quantise", lambda *_: pytest.fail("quantised again"))
    assert load_model(folder, dtype="int4").number_format == "int4"


@FORMATS
def test_other_formats_have_the_packed_numbers(tmp_path: Path, number_format: str) -> None:
    folder = saved(tmp_path, number_format)
    floats = load_model(folder, dtype="bfloat16").state_dict()
    for name, module in quantised_modules(load_model(folder, dtype=number_format)).items():
        assert torch.equal(module.numbers(torch.arange(module.out_features)), floats[f"{name}.weight"])
    assert load_model(folder, dtype="int8").number_format == "int8"


def test_int4_packs_what_is_in_8_bits_as_it_would_floats(tmp_path: Path) -> None:
    modules = quantised_modules(load_model(saved(tmp_path, "int8"), dtype="int4"))
    assert {name.rpartition(".")[2] for name, module in modules.items() if module.bits == 4} == {"gate_proj", "up_proj"}


def test_a_gguf_files_own_bits_are_saved(tmp_path: Path) -> None:
    write_model(tmp_path / "model.gguf", "qwen2", tiny_weights("qwen2"), kind="Q4_0")
    folder = saved(tmp_path, source=tmp_path / "model.gguf")
    assert same(load_model(folder, dtype="int4"), load_model(tmp_path / "model.gguf", dtype="int4"))


def test_scales_lie_behind_their_levels_and_count_in_the_fingerprint(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    before = open_checkpoint(folder)
    entry = before.tensors[GATE]
    assert (entry.dtype, entry.shape) == ("INT4", (96, 64))
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(entry.end - 1)
        last = file.read(1)[0]
        file.seek(entry.end - 1)
        file.write(bytes([last ^ 1]))
    assert open_checkpoint(folder).fingerprint != before.fingerprint


def test_the_format_of_the_file_is_used_where_the_processor_has_a_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_choice, "has_fast_bfloat16", lambda: True)
    options = ModelOptions(str(saved(tmp_path, "int8")), device="cpu")
    for kernel, expected in ((True, "int8"), (False, "float32")):
        monkeypatch.setattr(model_choice, "multiplies_packed", lambda kernel=kernel: kernel)
        assert choose_model(Notices(), options).dtype == expected


@pytest.mark.parametrize(("changes", "fault"), [
    ({"scales": None}, "has no scales behind it"),
    ({"int4": torch.zeros(2, 64, 16, dtype=torch.uint8)}, "has no scales behind it"),  # the library sorts by size
])  # fmt: skip
def test_a_matrix_without_its_scales_is_refused(tmp_path: Path, changes: dict[str, Tensor | None], fault: str) -> None:
    with pytest.raises(ModelError, match=fault) as caught:
        open_checkpoint(rewritten(saved(tmp_path), **changes))
    assert "gemma10m quantize" in caught.value.hint


@pytest.mark.parametrize("shape", [[1, 64, 32], [2, 32, 64], [4096], [2, 64, 16, 2]])
def test_levels_that_do_not_fit_their_scales_are_refused(tmp_path: Path, shape: list[int]) -> None:
    path = saved(tmp_path) / "model.safetensors"
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    fields = header[f"{GATE}.int4"]
    fields["shape"] = shape
    content = json.dumps(header).encode()
    path.write_bytes(len(content).to_bytes(8, "little") + content + data[8 + length :])
    with pytest.raises(ModelError, match=r"bytes, .* expected for shape|which do not fit"):
        open_checkpoint(path.parent)


def test_another_version_is_refused_in_one_sentence(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    assert config["quantization_config"] == {"quant_method": "gemma10m", "version": 1}
    config["quantization_config"]["version"] = 2
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="packed by version 2 of the format, 1 is read"):
        open_checkpoint(folder)


def test_other_programs_packed_models_are_refused_as_before(tmp_path: Path) -> None:
    folder = saved(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["quantization_config"] = {"quant_method": "awq"}
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(Gemma10MError, match="quantization_config"):
        open_checkpoint(folder)


def test_rows_that_cannot_be_packed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="need a multiple of 32"):
        saved(tmp_path, source=tiny_gemma(tmp_path / "narrow"))
    with pytest.raises(UsageError, match="packed weights are int8 or int4, found 'bfloat16'"):
        saved(tmp_path, "bfloat16", source=tiny_gemma(tmp_path / "wide", **WIDE))


def test_other_readers_find_the_tensors(tmp_path: Path) -> None:
    with safe_open(saved(tmp_path) / "model.safetensors", framework="pt") as file:
        assert file.get_tensor(f"{GATE}.int4").shape == (2, 64, 32)
        assert file.get_tensor("model.embed_tokens.weight.scales").shape[1] == 131


@pytest.mark.usefixtures("cache")
def test_the_command_saves_the_tokenizer_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "demo"
    quantize("demo", folder, "int8")
    assert capsys.readouterr().out == f"{folder}\n"
    assert load_tokenizer(folder).fingerprint == load_tokenizer(resolve_model("demo")).fingerprint
    assert same(load_model(folder, dtype="int8"), load_model("demo", dtype="int8"))
    with pytest.raises(UsageError, match="is not an empty folder"):
        pack_model("demo", folder, "int8")


@pytest.mark.parametrize("name", OFFICIAL)
def test_every_architecture_comes_back(tmp_path: Path, name: str) -> None:
    wide: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 96}
    if name not in ("qwen2", "smollm2"):
        wide["head_dim"] = 16
    if name == "gemma3n_text":
        wide["intermediate_size"] = [96] * 6
    if name == "smollm2":
        wide = {"hidden_size": 288, "intermediate_size": 96, "head_dim": 32}
    if name == "llama, linear scaling":
        wide["rope_parameters"] = dict(rope_theta=1000.0, rope_type="linear", factor=4.0)
    source = save(official_model(name, **wide), tmp_path / "floats")
    folder = saved(tmp_path, "int8", source=source)
    assert same(load_model(folder, dtype="int8"), load_model(source, dtype="int8"))
