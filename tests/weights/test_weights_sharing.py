"""Test the spellings of shared keys and values in config.json, and checkpoints that have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import gemma_shapes, random_tensors, tiny_config, write_checkpoint
from safetensors.torch import load_file, save_file

from gemma10m.errors import ConfigError, ModelError
from gemma10m.weights.checkpoint import open_checkpoint
from gemma10m.weights.config_file import parse_config
from gemma10m.weights.loading import load_model

LOCAL, GLOBAL = "sliding_attention", "full_attention"
GEMMA_3 = {
    "model_type": "gemma3_text",
    "hidden_size": 24,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
    "num_key_value_heads": 1,
    "head_dim": 8,
    "intermediate_size": 40,
    "vocab_size": 131,
    "sliding_window": 16,
    "layer_types": [LOCAL, LOCAL, GLOBAL, LOCAL, LOCAL, GLOBAL],
}


def sources_of(said: dict[str, Any]) -> list[int | None]:
    config = parse_config(said).config
    return [config.attention_of(layer).source for layer in range(config.layers)]


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"kv_source_layers": [0, 0, 2, 2, 0]}, [None, 0, None, 2, 0]),
        ({"kv_source_layers": [0, 1, 2, 3, 4]}, [None] * 5),
        ({"use_cla": True, "cla_share_factor": 2}, [None, 0, None, 2, None]),
        ({"use_cla": True, "cla_share_factor": 3}, [None, 0, 0, None, 3]),
        ({"use_cla": True}, [None] * 5),
        ({"use_cla": False, "cla_share_factor": 2}, [None] * 5),  # as later files of HunYuan have it
        ({"cla_share_factor": 2}, [None] * 5),
        ({"num_kv_shared_layers": 2}, [None, None, None, 2, 2]),
        ({"num_kv_shared_layers": 0}, [None] * 5),
        ({"kv_source_layers": [0, 0, 0, 0, 0], "use_cla": True, "cla_share_factor": 2}, [None, 0, 0, 0, 0]),
    ],
)
def test_every_spelling_says_whose_keys_and_values_a_layer_attends_to(
    said: dict[str, Any], expected: list[int | None]
) -> None:
    assert sources_of(tiny_config(layers=5, **said)) == expected


def test_the_last_layers_take_those_of_their_own_kind() -> None:
    assert sources_of(GEMMA_3 | {"num_kv_shared_layers": 3}) == [None, None, None, 1, 1, 2]
    assert sources_of(GEMMA_3 | {"num_kv_shared_layers": 1}) == [None, None, None, None, None, 2]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"kv_source_layers": [0, 0]}, "kv_source_layers must be a layer for each of 6, found"),
        ({"kv_source_layers": "0_0_2_2_4_4"}, "kv_source_layers must be a layer for each of 6, found"),
        ({"kv_source_layers": [0, 0, 2, 3, 4, 5]}, None),
        ({"kv_source_layers": [0, 1, 0, 3, 4, 5]}, "layer 2 takes keys and values of layer 0, whose attention is of"),
        ({"use_cla": 1}, "use_cla must be true or false, found 1"),
        ({"use_cla": True, "cla_share_factor": 0}, "cla_share_factor must be a positive integer, found 0"),
        ({"num_kv_shared_layers": 4}, "num_kv_shared_layers is 4, and the first of 6 layers must include one of each"),
        ({"num_kv_shared_layers": -1}, "num_kv_shared_layers must be a positive integer, found -1"),
        ({"num_kv_shared_layers": 7}, "num_kv_shared_layers is 7, and the first of 6 layers must include one of each"),
    ],
)
def test_a_sharing_that_cannot_be_is_refused(said: dict[str, Any], message: str | None) -> None:
    if message is None:
        assert sources_of(GEMMA_3 | said)[1] == 0
        return
    with pytest.raises(ConfigError, match=message):
        parse_config(GEMMA_3 | said)


@pytest.mark.parametrize("said", [{"use_cla": True, "cla_share_factor": 2}, {"num_kv_shared_layers": 2}, {}])
def test_a_billion_layers_are_not_listed(said: dict[str, Any]) -> None:
    described = tiny_config(layers=10**9, **said)
    if said:
        with pytest.raises(ConfigError, match="num_hidden_layers must be at most 4,096, found 1,000,000,000"):
            parse_config(described)
    else:
        assert parse_config(described).config.layers == 10**9


def write_shared(folder: Path, without: tuple[str, ...], seed: int = 0) -> Path:
    """Write a checkpoint of four layers in pairs, without some of its tensors."""
    said = tiny_config(layers=4, use_cla=True, cla_share_factor=2)
    tensors = random_tensors(gemma_shapes(said), seed=seed)
    return write_checkpoint(folder, said, {name: tensor for name, tensor in tensors.items() if name not in without})


CONSUMED = tuple(f"model.layers.{layer}.self_attn.{part}_proj.weight" for layer in (1, 3) for part in "kv")


def test_a_checkpoint_without_the_shared_layers_projections_is_read(tmp_path: Path) -> None:
    model = load_model(write_shared(tmp_path, CONSUMED))
    ids = torch.randint(131, (1, 40), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits, state = model(ids, model.empty_state())
    assert bool(logits.isfinite().all())
    assert [bool(layer.layout) for layer in state.layers] == [True, False, True, False]


def test_a_checkpoint_whose_tensors_contradict_its_sharing_is_refused_with_the_layer(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"2 unexpected \('model\.layers\.3\.self_attn\.k_proj"):
        open_checkpoint(write_shared(tmp_path / "more", CONSUMED[:2]))
    with pytest.raises(ModelError, match=r"1 missing \(model\.layers\.2\.self_attn\.k_proj\.weight\)"):
        open_checkpoint(write_shared(tmp_path / "fewer", (*CONSUMED, "model.layers.2.self_attn.k_proj.weight")))


def test_a_norm_of_the_owners_keys_and_values_is_read(tmp_path: Path) -> None:
    folder = write_shared(tmp_path, CONSUMED)
    tensors = load_file(folder / "model.safetensors")
    tensors |= {f"model.layers.{layer}.kv_layernorm.weight": torch.full((24,), 0.5) for layer in (0, 2)}
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    assert load_model(folder).config.has_kv_norms
    del tensors["model.layers.2.kv_layernorm.weight"]
    save_file(tensors, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ModelError, match=r"1 missing \(model\.layers\.2\.kv_layernorm\.weight\)"):
        open_checkpoint(folder)


def test_other_sharing_is_another_model(tmp_path: Path) -> None:
    """Weights alone do not say it where two layers have the same shapes."""
    said = tiny_config(layers=3, kv_source_layers=[0, 1, 0])
    without = tuple(f"model.layers.2.self_attn.{part}_proj.weight" for part in "kv")
    tensors = {name: tensor for name, tensor in random_tensors(gemma_shapes(said)).items() if name not in without}
    one = open_checkpoint(write_checkpoint(tmp_path / "one", said, tensors))
    other = open_checkpoint(write_checkpoint(tmp_path / "other", said | {"kv_source_layers": [0, 1, 1]}, tensors))
    assert one.fingerprint != other.fingerprint
