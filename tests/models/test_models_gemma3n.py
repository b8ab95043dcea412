"""Test Gemma 3n's files: parts beside the text model, ids without a row in the layers' table, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from models import difference
from official_models import VOCABULARY, Float64, official_model, random_ids, rewrite_config, rewrite_tensors, save
from official_models import true_logits as truth
from torch import Tensor

import gemma10m
from gemma10m.errors import ConfigError

NAME = "gemma3n_text"
IDS = random_ids()


@torch.no_grad()
def read_in_float64(folder: Path, ids: Tensor = IDS) -> Tensor:
    model = gemma10m.load_model(folder, memory="full").double()
    with Float64():
        logits, _ = model(ids, model.empty_state(batch=len(ids)))
    return logits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save(official_model(NAME), tmp_path / "model")


def test_the_text_part_of_a_file_with_pictures_and_sound_is_read(folder: Path) -> None:
    beside = ("vision_tower.stem.weight", "audio_tower.stem.weight", "embed_vision.a.weight", "embed_audio.a.weight")
    others = {f"model.{name}": torch.ones(3) for name in beside}
    rewrite_tensors(
        folder,
        lambda tensors: {f"model.language_{name}": tensor for name, tensor in tensors.items()} | others,
    )
    rewrite_config(folder, lambda said: {"model_type": "gemma3n", "text_config": said})
    assert difference(read_in_float64(folder), truth(official_model(NAME), IDS)) < 1e-10


def test_ids_without_a_row_of_their_own_take_the_first(folder: Path) -> None:
    ids = torch.full((1, 20), VOCABULARY - 1)  # the table of the layers' inputs is four rows shorter
    assert difference(read_in_float64(folder, ids), truth(official_model(NAME), ids)) < 1e-10


def test_the_last_layers_own_nothing_and_are_not_run(folder: Path) -> None:
    model = gemma10m.load_model(folder, memory="full")
    run: list[int] = []
    for number, layer in enumerate(model.model.layers):
        layer.register_forward_hook(lambda *_, number=number: run.append(number))
    _, state = model(IDS, model.empty_state(batch=len(IDS)), logits="none")
    assert run == [0, 1, 2]
    assert [bool(layer.layout) for layer in state.layers] == [True] * 3 + [False] * 3


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"intermediate_size": [40] * 5}, "intermediate_size must be a positive integer for each layer"),
    ({"intermediate_size": [40, 40, 40, 36, 36, 0]}, "intermediate_size must be a positive integer for each layer"),
    ({"intermediate_size": []}, "intermediate_size must be a positive integer"),
    ({"activation_sparsity_pattern": [0.5] * 5}, "activation_sparsity_pattern must be from 0 to below 1"),
    ({"activation_sparsity_pattern": [1.0] * 6}, "activation_sparsity_pattern must be from 0 to below 1"),
    ({"activation_sparsity_pattern": 0.95}, "activation_sparsity_pattern must be from 0 to below 1"),
    ({"altup_active_idx": 1}, "altup_active_idx must be 0, found 1"),
    ({"altup_num_inputs": 0}, "altup_num_inputs must be a positive integer"),
    ({"num_kv_shared_layers": 6}, "num_kv_shared_layers is 6"),
]


@pytest.mark.parametrize(("changes", "problem"), REFUSED, ids=str)
def test_a_field_that_cannot_be_is_refused_by_name(folder: Path, changes: dict[str, Any], problem: str) -> None:
    rewrite_config(folder, lambda said: said | changes)
    with pytest.raises(ConfigError) as raised:
        gemma10m.load_model(folder, memory="full")
    assert problem in raised.value.message


def test_a_file_that_does_not_say_how_many_layers_share_is_refused(folder: Path) -> None:
    """The field's default in transformers is 15 layers, whatever the model."""
    rewrite_config(folder, lambda said: {key: value for key, value in said.items() if key != "num_kv_shared_layers"})
    with pytest.raises(ConfigError, match="num_kv_shared_layers is missing"):
        gemma10m.load_model(folder, memory="full")
