"""Tiny models of transformers, written as llama.cpp's converter writes them: its names, its norms, its rows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import gguf
import numpy as np
import torch
import transformers
from torch import Tensor

NONE: Mapping[str, str] = MappingProxyType({})
SHAPE = {
    "hidden_size": 64,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 32,
    "intermediate_size": 96,
    "vocab_size": 50,
    "max_position_embeddings": 256,
}
FAMILIES = {
    "gemma": (transformers.GemmaConfig, transformers.GemmaForCausalLM),
    "gemma2": (transformers.Gemma2Config, transformers.Gemma2ForCausalLM),
    "gemma3": (transformers.Gemma3TextConfig, transformers.Gemma3ForCausalLM),
    "llama": (transformers.LlamaConfig, transformers.LlamaForCausalLM),
    "qwen2": (transformers.Qwen2Config, transformers.Qwen2ForCausalLM),
    "qwen3": (transformers.Qwen3Config, transformers.Qwen3ForCausalLM),
}


def tiny_weights(architecture: str, **changes: Any) -> dict[str, Tensor]:
    """Return the weights of a random model, norms and biases among them; no lm_head where it is tied."""
    torch.manual_seed(0)
    config_class, model_class = FAMILIES[architecture]
    config = config_class(**SHAPE | {"tie_word_embeddings": True} | changes)
    model = model_class(config)
    weights = {name: torch.randn(tensor.shape) / 8 for name, tensor in model.state_dict().items()}
    if config.tie_word_embeddings:
        del weights["lm_head.weight"]
    return weights


def write_model(
    path: Path,
    architecture: str,
    weights: dict[str, Tensor],
    *,
    kind: str = "F32",
    kinds: Mapping[str, str] = NONE,
    keys: dict[str, Any] | None = None,
    extra: dict[str, np.ndarray[Any, Any]] | None = None,
    tokenizer: dict[str, Any] | None = None,
) -> None:
    """Write a model. kind: the matrices' type; kinds: that of some, by name.

    keys: what to say beside the shape; None: what to leave out.

    tokenizer: its keys and values, for one that can be loaded.
    """
    writer = gguf.GGUFWriter(path, architecture)
    for key, value in (_SAID | (keys or {})).items():
        _write_key(writer, f"{architecture}.{key}", value)
    if tokenizer is None:
        writer.add_token_list([f"token {number}" for number in range(SHAPE["vocab_size"])])
        writer.add_bos_token_id(2)
    for key, value in (tokenizer or {}).items():
        _write_key(writer, key, value)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH[architecture.upper()], SHAPE["num_hidden_layers"])
    for name, weight in weights.items():
        there = names.get_name(name, try_suffixes=(".weight", ".bias"))
        assert there is not None
        _write_tensor(writer, there, converted(architecture, name, weight).numpy(), kinds.get(name, kind))
    for there, array in (extra or {}).items():
        writer.add_tensor(there, array)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


_SAID = {
    "embedding_length": SHAPE["hidden_size"],
    "block_count": SHAPE["num_hidden_layers"],
    "attention.head_count": SHAPE["num_attention_heads"],
    "attention.head_count_kv": SHAPE["num_key_value_heads"],
    "attention.key_length": SHAPE["head_dim"],
    "attention.value_length": SHAPE["head_dim"],
    "feed_forward_length": SHAPE["intermediate_size"],
    "context_length": SHAPE["max_position_embeddings"],
    "attention.layer_norm_rms_epsilon": 1e-6,
}


def _write_key(writer: gguf.GGUFWriter, key: str, value: Any) -> None:
    match value:
        case None:
            pass
        case bool():
            writer.add_bool(key, value)
        case int():
            writer.add_uint32(key, value)
        case float():
            writer.add_float32(key, value)
        case str():
            writer.add_string(key, value)
        case _:
            writer.add_array(key, value)


def _write_tensor(writer: gguf.GGUFWriter, name: str, array: np.ndarray[Any, Any], kind: str) -> None:
    quantisation = gguf.GGMLQuantizationType[kind if array.ndim > 1 else "F32"]
    writer.add_tensor(name, gguf.quantize(array, quantisation), raw_dtype=quantisation)


def converted(architecture: str, name: str, weight: Tensor) -> Tensor:
    """Convert as the file has it: Gemma's norms with their 1, a llama's rows of q and k interleaved for each head."""
    if architecture.startswith("gemma") and name.endswith("norm.weight"):
        return weight + 1.0
    if architecture == "llama" and (".q_proj." in name or ".k_proj." in name):
        heads = SHAPE["num_attention_heads" if ".q_proj." in name else "num_key_value_heads"]
        halves = weight.view(heads, 2, len(weight) // heads // 2, *weight.shape[1:])
        return halves.swapaxes(1, 2).reshape(weight.shape)
    return weight
