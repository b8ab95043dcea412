"""A trained model as a folder in the layout of the released gemma-2B-10M, each file replaced whole."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save

from gemma10m.atomic_file import atomic_file
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.models.gemma import Gemma
from gemma10m.training.recipe import Recipe


def save_checkpoint(model: Gemma, folder: Path, recipe: Recipe) -> None:
    """config.json, model.safetensors and the recipe. Raises DiskError."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    _write(folder / "model.safetensors", save(tensors, metadata={"format": "pt"}))
    _write(folder / "config.json", _json(config_json(model.config, model.reading)))
    _write(folder / "recipe.json", _json(asdict(recipe)))


def _json(value: object) -> bytes:
    return (json.dumps(value, indent=1) + "\n").encode()


def _write(path: Path, data: bytes) -> None:
    with atomic_file(path) as file:
        file.write(data)


def config_json(config: ModelConfig, reading: ReadingConfig) -> dict[str, Any]:
    return {
        "architectures": ["GemmaForCausalLM"],
        "attention_bias": False,
        "bos_token_id": 2,
        "eos_token_id": 1,
        "pad_token_id": 0,
        "head_dim": config.head_size,
        "hidden_act": "gelu_pytorch_tanh",
        "hidden_size": config.hidden_size,
        "intermediate_size": config.feed_forward_size,
        "max_position_embeddings": config.context,
        "model_type": "gemma",
        "num_attention_heads": config.heads,
        "num_hidden_layers": config.layers,
        "num_key_value_heads": config.kv_heads,
        "rms_norm_eps": config.norm_eps,
        "rope_theta": config.rope_theta,
        "tie_word_embeddings": True,
        "torch_dtype": "float32",
        "vocab_size": config.vocabulary,
        "memory": reading.memory,
        "segment_size": reading.segment,
        "carry": reading.carry,
        "sinks": reading.sinks,
    }
