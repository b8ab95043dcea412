"""Megalodon's files: the released code's names and shapes, presets, and what is refused before a weight is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import tiny_gemma
from megalodons import SIZES, VARIANTS, megalodon_weights, save_megalodon
from torch import Tensor

import gemma10m
from gemma10m.commands.info import info
from gemma10m.errors import ConfigError, ModelError
from gemma10m.library.model_choice import ModelOptions
from gemma10m.models import megalodon
from gemma10m.terminal import Terminal
from gemma10m.weights.checkpoint import open_checkpoint
from gemma10m.weights.config_file import parse_config
from gemma10m.weights.published import PUBLISHED, find_published

PRESETS = {
    "mega200M": 220_627_968,
    "mega1.3B": 1_342_832_640,
    "mega1.3B_pg19": 1_327_628_288,
    "mega7.1B": 7_117_381_632,
    "mega7.3B": 7_385_817_088,
    "megalodon-7B": 7_385_817_088,
}
RELEASED = dict(
    num_layers=2, model_dim=32, z_dim=16, value_dim=64, num_heads=2, ffn_hidden_dim=48, cema_ndim=4,
    norm_num_groups=4, vocab_size=64,
)  # fmt: skip
NORM = {"prior_count": (), "prior_mean": (4,), "prior_logv": (4,), "weight": (32,), "bias": (32,)}
LAYER: dict[str, tuple[int, ...]] = {
    **{f"mega.timenorm.{name}": shape for name, shape in NORM.items()},
    "mega.cema.alpha": (32, 4, 1), "mega.cema.delta": (32, 4, 1), "mega.cema.theta": (32, 1, 1),
    "mega.cema.gamma": (32, 4, 2), "mega.cema.omega": (32, 1), "mega.rmsnorm.weight": (32,),
    "mega.wz.weight": (16, 32), "mega.wz.bias": (16,), "mega.wv.weight": (64, 32), "mega.wv.bias": (64,),
    "mega.wr.weight": (64, 32), "mega.wr.bias": (64,), "mega.wh1.weight": (32, 32), "mega.wh1.bias": (32,),
    "mega.wh2.weight": (32, 64), "mega.gamma": (2, 16), "mega.beta": (2, 16),
    "nffn.norm.weight": (32,), "nffn.norm.bias": (32,), "nffn.fc1.weight": (48, 32), "nffn.fc2.weight": (32, 48),
    "nffn.fc3.weight": (48, 32), "nffn.alpha": (32,),
}  # fmt: skip


def test_names_and_shapes_are_those_of_the_released_code() -> None:
    expected = {
        "embed.weight": (64, 32),
        "rope.freqs": (4,),
        "output.output.weight": (64, 32),
        **{f"layers.{layer}.{name}": shape for layer in range(2) for name, shape in LAYER.items()},
        **{f"output.final_norm.{name}": shape for name, shape in NORM.items()},
    }
    found = megalodon_weights(SIZES | RELEASED)
    assert {name: tuple(tensor.shape) for name, tensor in found.items()} == expected
    assert found["output.final_norm.prior_count"].dtype == torch.int64
    plain = megalodon_weights(SIZES | RELEASED | VARIANTS["plain"]).keys()
    missing = {
        "output.output.weight",
        *(f"layers.{n}.nffn.{name}" for n in range(2) for name in ("fc3.weight", "alpha")),
    }
    assert expected.keys() - plain == missing


@pytest.mark.parametrize("name", PRESETS)
def test_the_presets_have_no_weights_and_are_found_by_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    entry = find_published(name)
    assert entry is not None
    assert (entry.parameters, entry.has_weights) == (PRESETS[name], False)
    info(Terminal(), name, ModelOptions(device="cpu"))
    told = capsys.readouterr().out
    assert "a configuration without published weights" in told
    assert f"{PRESETS[name]:,}" in told
    assert "a state of its own" in told


def test_all_other_published_models_have_weights() -> None:
    assert sum(not entry.has_weights for entry in PUBLISHED) == len(PRESETS)


@pytest.mark.parametrize("variant", VARIANTS)
def test_what_is_written_is_read_as_the_same_model(variant: str) -> None:
    described = parse_config(SIZES | VARIANTS[variant])
    assert parse_config(megalodon.write(described.config)).config == described.config


def test_what_changes_training_alone_is_read_over() -> None:
    said = dict(dropout=0.1, attention_dropout=0.1, efficient_attn="swift", init_mode="xavier", output_size=-1)
    assert parse_config(SIZES | said).config == parse_config(SIZES).config
    assert parse_config(SIZES | dict(output_size=61, rope_base=None)).config.rope_theta == 10000.0


def test_the_fingerprint_knows_the_chunk(tmp_path: Path) -> None:
    folders = save_megalodon(tmp_path / "7"), save_megalodon(tmp_path / "8", chunk_size=8)
    assert len({open_checkpoint(folder).fingerprint for folder in folders}) == 2


# --- hostile config.json ----------------------------------------------------------------------------------------------

COUNTS = (
    "num_layers", "model_dim", "z_dim", "value_dim", "num_heads", "cema_ndim", "chunk_size", "ffn_hidden_dim",
    "norm_num_groups", "vocab_size",
)  # fmt: skip
WRONG: list[tuple[str, Any]] = [
    *((name, value) for name in COUNTS for value in (0, -1, 1.5, "8", True, 2**31)),
    *((name, value) for name in ("norm_eps", "rope_base") for value in (0, -1.0, "x", True)),
    *((name, value) for name in ("swiglu", "rescale_nffn", "scale_emb", "share_emb") for value in (1, "true")),
    *(("z_dim", value) for value in (7, 1, 6)),
    *(("norm_num_groups", value) for value in (5, 12)),
    ("norm_affine", False),
    ("output_size", 5),
    ("value_dim", 21),
    ("num_heads", 3),
    ("num_experts", 4),
]


@pytest.mark.parametrize(("field", "value"), WRONG, ids=str)
def test_a_wrong_field_is_refused_by_its_name(field: str, value: Any) -> None:
    with pytest.raises(ConfigError, match=field):
        parse_config(SIZES | {field: value})


def test_a_config_without_a_vocabulary_is_refused() -> None:
    with pytest.raises(ConfigError, match="vocab_size is missing"):
        parse_config({"model_type": "megalodon"})


@pytest.mark.parametrize(
    "field", ["num_layers", "model_dim", "z_dim", "value_dim", "cema_ndim", "ffn_hidden_dim", "vocab_size"]
)
def test_a_size_beyond_the_files_is_refused_before_anything_is_made(field: str, tmp_path: Path) -> None:
    weights = megalodon_weights(SIZES)
    size = 2**30 // 12 * 12
    with pytest.raises(ModelError, match=r"more|layers, but"):
        open_checkpoint(save_megalodon(tmp_path, weights, **{field: size}))


# --- hostile files ----------------------------------------------------------------------------------------------------


def refusal(folder: Path, weights: dict[str, Tensor], **changes: Any) -> str:
    with pytest.raises(ModelError) as caught:
        gemma10m.load_model(save_megalodon(folder, weights, **changes))
    return caught.value.message


@pytest.mark.parametrize(
    "name",
    ["embed.weight", "layers.1.mega.cema.theta", "output.final_norm.prior_mean", "rope.freqs", "output.output.weight"],
)
def test_a_missing_or_misshapen_tensor_is_refused_by_the_files_name(tmp_path: Path, name: str) -> None:
    weights = megalodon_weights(SIZES)
    wrong = torch.zeros(3, 3, 3)
    assert f"{name}: found [3, 3, 3]" in refusal(tmp_path, weights | {name: wrong})
    del weights[name]
    assert f"1 missing ({name})" in refusal(tmp_path, weights)


def test_a_tensor_too_many_is_refused(tmp_path: Path) -> None:
    extra = {"layers.0.mega.wh2.bias": torch.zeros(12)}
    assert "1 unexpected ('layers.0.mega.wh2.bias')" in refusal(tmp_path, megalodon_weights(SIZES) | extra)


def test_a_prior_is_refused(tmp_path: Path) -> None:
    name = "layers.1.mega.timenorm.prior_count"
    weights = megalodon_weights(SIZES)
    assert "layers.1.mega.timenorm.prior_count is 3, expected 0" in refusal(tmp_path, weights | {name: torch.tensor(3)})
    assert "has the dtype 'F32', I64 expected" in refusal(tmp_path, weights | {name: torch.tensor(0.0)})


def test_whole_numbers_are_read_as_counts_alone(tmp_path: Path) -> None:
    weights = megalodon_weights(SIZES)
    weights["embed.weight"] = weights["embed.weight"].long()
    assert "'embed.weight'" in refusal(tmp_path / "a", weights)
    gemma = tiny_gemma(tmp_path / "b")
    assert open_checkpoint(gemma)


def test_frequencies_of_another_base_are_refused(tmp_path: Path) -> None:
    assert refusal(tmp_path, megalodon_weights(SIZES), rope_base=60.0).startswith(
        "rope.freqs does not fit the rope_base 60"
    )
    weights = megalodon_weights(SIZES)
    weights["rope.freqs"] = weights["rope.freqs"].bfloat16()
    assert gemma10m.load_model(save_megalodon(tmp_path, weights)).config.rope_theta == 50.0


def test_an_average_that_is_no_number_is_refused(tmp_path: Path) -> None:
    weights = megalodon_weights(SIZES)
    weights["layers.0.mega.cema.alpha"][3, 1] = float("nan")
    assert "cema.alpha holds numbers that are not finite" in refusal(tmp_path, weights)


def test_a_shared_embedding_may_be_there_twice_and_a_head_of_its_own_must_be(tmp_path: Path) -> None:
    said = SIZES | VARIANTS["plain"]
    weights = megalodon_weights(said)
    once = gemma10m.load_model(save_megalodon(tmp_path / "once", weights, **VARIANTS["plain"]))
    twice = weights | {"output.output.weight": weights["embed.weight"].clone()}
    model = gemma10m.load_model(save_megalodon(tmp_path / "twice", twice, **VARIANTS["plain"]))
    assert model.config == once.config
    assert any("ignored" in warning for warning in model.warnings)
    assert "output.output.weight" in refusal(tmp_path / "none", weights, **VARIANTS["plain"] | {"share_emb": False})
