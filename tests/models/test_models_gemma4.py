"""Test Gemma 4's files: parts beside the text model, tensors that are never used, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from models import difference
from official_models import (
    TOKENS,
    Float64,
    gemma4_with_pictures,
    official_model,
    random_ids,
    rewrite_config,
    rewrite_tensors,
    save,
    true_logits,
)
from torch import Tensor

import gemma10m
from gemma10m.config import ReadingConfig
from gemma10m.errors import ConfigError, ModelError
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder
from gemma10m.training.added_start import untrained_memory
from gemma10m.training.parameters import reading_as
from gemma10m.weights.expected import expected_shapes

IDS = random_ids()
SHARING = "gemma4_text, sharing"


@torch.no_grad()
def read_in_float64(folder: Path) -> Tensor:
    model = gemma10m.load_model(folder, memory="full").double()
    with Float64():
        logits, _ = model(IDS, model.empty_state(batch=len(IDS)))
    return logits


@pytest.mark.parametrize("kind", ["gemma4", "gemma4_unified"])
def test_the_text_part_of_a_file_with_pictures_and_sound_is_read(tmp_path: Path, kind: str) -> None:
    model = gemma4_with_pictures(kind)
    folder = save(model, tmp_path / kind)
    assert difference(read_in_float64(folder), true_logits(model, IDS)) < 1e-10
    names = gemma10m.load_model(folder, memory="full").state_dict()
    assert not [name for name in names if "vision" in name or "audio" in name or "language_model" in name]


def test_what_sharing_layers_hold_and_never_use_is_not_loaded(tmp_path: Path) -> None:
    """Google's files have keys and values of all layers."""
    model = official_model(SHARING)
    folder = save(model, tmp_path / "model")
    parts = {"k_proj": (20, 24), "v_proj": (20, 24), "k_norm": (10,), "v_norm": (10,)}
    unused = {f"model.layers.3.self_attn.{part}.weight": torch.ones(shape) for part, shape in parts.items()}
    rewrite_tensors(folder, lambda tensors: tensors | unused)
    assert difference(read_in_float64(folder), true_logits(model, IDS)) < 1e-10


def test_a_layer_that_should_share_and_lacks_a_projection_is_named(tmp_path: Path) -> None:
    folder = save(official_model(SHARING), tmp_path / "model", num_kv_shared_layers=2, use_double_wide_mlp=False)
    with pytest.raises(ModelError, match=r"model\.layers\.3\.self_attn\.k_proj\.weight"):
        gemma10m.load_model(folder, memory="full")


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"enable_moe_block": True, "num_experts": 128}, "enable_moe_block is True, which this program cannot compute"),
    ({"per_layer_config": {"2": {"head_dim": 16}}}, "per_layer_config must give the layers that see everything one"),
    ({"per_layer_config": {str(n): {"head_dim": 16, "num_attention_heads": 8} for n in (2, 5)}}, "per_layer_config"),
    ({"per_layer_config": {str(n): {"head_dim": -16} for n in (2, 5)}}, "head_dim must be a positive integer"),
    ({"rope_parameters": {"full_attention": {"rope_type": "yarn"}}}, "must be of the type proportional"),
    ({"rope_parameters": {"rope_theta": 1e4}}, "rope_parameters must have full_attention and sliding_attention"),
    ({"vocab_size_per_layer_input": 30}, "vocab_size_per_layer_input must be vocab_size (61), found 30"),
    ({"num_kv_shared_layers": 5}, "num_kv_shared_layers is 5, and the first of 6 layers must include one of each"),
    ({"use_double_wide_mlp": "yes"}, "use_double_wide_mlp must be true or false"),
]


@pytest.mark.parametrize(("changes", "problem"), REFUSED, ids=lambda value: value if isinstance(value, str) else "")
def test_a_field_that_cannot_be_is_refused_by_name(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    folder = save(official_model(SHARING), tmp_path / "model")
    rewrite_config(folder, lambda said: said | changes)
    with pytest.raises(ConfigError) as raised:
        gemma10m.load_model(folder, memory="full")
    assert problem in raised.value.message


@torch.no_grad()
def test_reading_without_the_sharing_layers_leaves_the_same_state(tmp_path: Path) -> None:
    model = gemma10m.load_model(save(official_model(SHARING), tmp_path / "model"), memory="full")
    logits, whole = model(IDS, model.empty_state(batch=len(IDS)), logits="all")
    run: list[int] = []
    for number, layer in enumerate(model.model.layers):
        layer.register_forward_hook(lambda *_, number=number: run.append(number))
    _, state = model(IDS, model.empty_state(batch=len(IDS)), logits="none")
    assert run == [0, 1, 2]
    _same(state, whole)
    last, _ = model(IDS[:, TOKENS // 2 :], _state_after(model, TOKENS // 2), logits="last")
    torch.testing.assert_close(last[:, 0], logits[:, -1], rtol=1e-4, atol=1e-4)


def _state_after(model: Decoder, tokens: int) -> State:
    _, state = model(IDS[:, :tokens], model.empty_state(batch=len(IDS)), logits="none")
    return state


def _same(left: State, right: State) -> None:
    assert left.position == right.position
    for one, other in zip(left.layers, right.layers, strict=True):
        assert one.layout == other.layout
        assert all(torch.equal(tensor, other[name]) for name, tensor in one.tensors())


@torch.no_grad()
def test_a_twin_that_reads_otherwise_has_every_number_of_the_model(tmp_path: Path) -> None:
    model = gemma10m.load_model(save(official_model(SHARING), tmp_path / "model"), memory="full")
    twin = reading_as(model, ReadingConfig("full", 16))
    logits, _ = twin(IDS, twin.empty_state(batch=len(IDS)))
    expected, _ = model(IDS, model.empty_state(batch=len(IDS)))
    assert torch.equal(logits, expected)


def test_only_global_layers_with_keys_of_their_own_get_an_added_memory(tmp_path: Path) -> None:
    config = gemma10m.load_model(save(official_model(SHARING), tmp_path / "model"), memory="full").config
    memory = untrained_memory(config, ReadingConfig("added", 16), rank=3, seed=0)
    expected = {name for name in expected_shapes(replace(config, added_rank=3)) if ".added_memory." in name}
    assert memory.tensors.keys() == expected
    assert {name.split(".")[2] for name in expected} == {"2"}
