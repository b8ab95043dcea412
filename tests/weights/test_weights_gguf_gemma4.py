"""A Gemma 4 in a GGUF file, written by the rules of llama.cpp's converter, is the model of its Hugging Face folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
import torch
from official_models import OFFICIAL, official_model, random_ids, save
from transformers import PreTrainedModel

import gemma10m
from gemma10m.errors import ModelError

NAMES = [name for name in OFFICIAL if name.startswith("gemma4")]
LOCAL = "sliding_attention"


def write(model: PreTrainedModel, path: Path, factors: list[float] | None = None, **changes: Any) -> Path:
    """Write the model; `changes` replace metadata, by keys whose dots are two underscores."""
    config = model.config
    writer = gguf.GGUFWriter(path, "gemma4")
    slides = [kind == LOCAL for kind in config.layer_types]
    whole, near = (config.per_layer_config[slides.index(kind)] for kind in (False, True))
    shared = config.num_kv_shared_layers
    first = config.num_hidden_layers - shared
    wide = [config.intermediate_size * (1 if layer < first else 2) for layer in range(len(slides))]
    said: dict[str, Any] = {
        "block_count": len(slides),
        "context_length": config.max_position_embeddings,
        "embedding_length": config.hidden_size,
        "attention__head_count": config.num_attention_heads,
        "attention__head_count_kv": near.num_key_value_heads,
        "attention__key_length": whole.head_dim,
        "attention__value_length": whole.head_dim,
        "attention__key_length_swa": near.head_dim,
        "attention__value_length_swa": near.head_dim,
        "attention__layer_norm_rms_epsilon": config.rms_norm_eps,
        "attention__sliding_window": config.sliding_window,
        "attention__sliding_window_pattern": slides,
        "attention__shared_kv_layers": shared,
        "embedding_length_per_layer_input": config.hidden_size_per_layer_input,
        "feed_forward_length": wide if config.use_double_wide_mlp else config.intermediate_size,
        "final_logit_softcapping": config.final_logit_softcapping,
        "rope__freq_base": config.rope_parameters["full_attention"]["rope_theta"],
        "rope__freq_base_swa": config.rope_parameters[LOCAL]["rope_theta"],
        "rope__dimension_count": whole.head_dim,
        "rope__dimension_count_swa": near.head_dim,
    }
    if config.attention_k_eq_v:
        counts = (near if local else whole for local in slides)
        said["attention__head_count_kv"] = [layer.num_key_value_heads for layer in counts]
    for key, value in (said | changes).items():
        _write_key(writer, f"gemma4.{key.replace('__', '.')}", value)
    writer.add_token_list([f"token {number}" for number in range(config.vocab_size)])
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.GEMMA4, len(slides))
    tied = {"lm_head.weight"} if config.tie_word_embeddings else set()
    for name, weight in model.state_dict().items():
        if name not in tied:
            there = names.get_name(name if name.endswith("weight") else f"{name}.weight", try_suffixes=(".weight",))
            assert there is not None, name
            writer.add_tensor(there, weight.numpy())
    turned = whole.head_dim // 8
    factors = [1.0] * turned + [1e30] * (whole.head_dim // 2 - turned) if factors is None else factors
    writer.add_tensor("rope_freqs.weight", np.array(factors, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _write_key(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    match value:
        case None:
            pass
        case list():
            writer.add_array(key, value)
        case float():
            writer.add_float32(key, value)
        case _:
            writer.add_uint32(key, value)


@torch.no_grad()
@pytest.mark.parametrize("name", NAMES)
def test_the_file_is_the_folders_model(tmp_path: Path, name: str) -> None:
    model = official_model(name)
    folder = gemma10m.load_model(save(model, tmp_path / "folder"), memory="full")
    file = gemma10m.load_model(write(model, tmp_path / "model.gguf"), memory="full")
    assert file.config == folder.config
    ids = random_ids()
    expected, _ = folder(ids, folder.empty_state(batch=len(ids)))
    assert torch.equal(file(ids, file.empty_state(batch=len(ids)))[0], expected)


REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"attention__sliding_window_pattern": [True, False]},
        "sliding_window_pattern is .* yes or no for each of 6 layers",
    ),
    ({"attention__head_count_kv": [2, 1, 1, 2, 2, 1]}, "head_count_kv must be alike in all layers of a kind"),
    ({"attention__head_count_kv": [2, 2]}, "head_count_kv is .* for each of 6 layers"),
    ({"feed_forward_length": [40, 40, 80, 80, 80, 80]}, "feed_forward_length must be alike in all layers, or double"),
    ({"attention__value_length": 8}, "value_length differs from key_length"),
    ({"attention__value_length_swa": 8}, "value_length_swa differs from key_length_swa"),
    ({"attention__key_length_swa": None}, "key_length_swa is missing"),
    ({"attention__shared_kv_layers": 5, "feed_forward_length": 40}, "num_kv_shared_layers is 5"),
    ({"factors": [1.0] * 8}, ""),
    ({"factors": [1.0, 2.0] + [1e30] * 6}, "rope_freqs.weight must hold 8 numbers: 1 for rotated pairs, then 1e30"),
    ({"factors": [1.0, 1e30]}, "rope_freqs.weight must hold 8 numbers"),
]


@pytest.mark.parametrize(("changes", "problem"), REFUSED, ids=str)
def test_a_file_that_cannot_be_is_refused_by_its_key(tmp_path: Path, changes: dict[str, Any], problem: str) -> None:
    path = write(official_model("gemma4_text, sharing"), tmp_path / "model.gguf", **changes)
    if not problem:
        assert gemma10m.load_model(path, memory="full").config.attention[2].rope.turned is None
        return
    with pytest.raises(ModelError, match=problem):
        gemma10m.load_model(path, memory="full")
