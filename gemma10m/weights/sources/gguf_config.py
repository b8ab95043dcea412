"""Translate a GGUF file's metadata into the words of Hugging Face's config.json.

What GGUF does not write is known from the architecture, as llama.cpp knows it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from gemma10m.errors import ConfigError, ModelError
from gemma10m.gguf_file import GgufTensor
from gemma10m.strict_json import quote
from gemma10m.weights.sources.gguf_gemma4 import gemma4_fields
from gemma10m.weights.sources.gguf_names import EMBEDDING, HEAD
from gemma10m.weights.sources.gguf_said import Said

MODEL_TYPES = {
    "gemma": "gemma",
    "gemma2": "gemma2",
    "gemma3": "gemma3_text",
    "gemma4": "gemma4_text",
    "llama": "llama",
    "qwen2": "qwen2",
    "qwen3": "qwen3",
}
_GEMMA3_PATTERN = 6  # every sixth layer sees everything
_GEMMA3_LOCAL_THETA = 10_000.0
_GEMMA2_WINDOW = 4096
_GEMMA2_CAPS = {"attn_logit_softcapping": 50.0, "final_logit_softcapping": 30.0}
_LAYERS_OF_27B = {"gemma2": 46, "gemma3": 62}


def check_architecture(metadata: Mapping[str, Any], path: object) -> str:
    """Return the architecture. Raises ModelError for an unknown one, an adapter and a mixture of experts."""
    name, kind = metadata.get("general.architecture"), metadata.get("general.type", "model")
    if kind != "model":
        raise ModelError(f"{path} holds {quote(kind)}, a model expected", hint="name the model itself")
    if not isinstance(name, str) or name not in MODEL_TYPES:
        raise ModelError(
            f"{path} has the architecture {quote(name)}, one of {', '.join(MODEL_TYPES)} expected",
            hint="choose a model of one of these architectures",
        )
    experts = metadata.get(f"{name}.expert_count", 0)
    if experts != 0:
        raise ModelError(
            f"{path} is a mixture of {quote(experts)} experts, which is not read", hint="choose a dense model"
        )
    return name


def build_config(
    architecture: str,
    metadata: Mapping[str, Any],
    tensors: Mapping[str, GgufTensor],
    rope_factors: Sequence[float] | None,
    path: object,
) -> dict[str, Any]:
    """Return a dict like config.json's. Raises ConfigError with everything that is missing or wrong."""
    said = Said(metadata, architecture)
    config = _shape(said, architecture, tensors)
    if architecture == "gemma4":
        config |= gemma4_fields(said, config["num_hidden_layers"], tensors, rope_factors)
    else:
        config |= _heads_and_width(said, config)
        config |= _rope(said, config["head_dim"], rope_factors)
        config |= _special(said, architecture, config, tensors)
    config |= {
        f"{name}_token_id": metadata[f"tokenizer.ggml.{name}_token_id"]
        for name in ("bos", "eos")
        if type(metadata.get(f"tokenizer.ggml.{name}_token_id")) is int
    }
    if said.problems:
        raise ConfigError(
            [f"{path}: {said.problems[0]}", *said.problems[1:]], hint="the file is damaged: download it again"
        )
    return config


def _shape(said: Said, architecture: str, tensors: Mapping[str, GgufTensor]) -> dict[str, Any]:
    if EMBEDDING not in tensors:
        said.problems.append(f"the tensor {EMBEDDING} is missing")
    return {
        "model_type": MODEL_TYPES[architecture],
        "hidden_size": said.count("embedding_length"),
        "num_hidden_layers": said.count("block_count"),
        "num_attention_heads": said.count("attention.head_count"),
        "vocab_size": tensors[EMBEDDING].shape[0] if EMBEDDING in tensors and tensors[EMBEDDING].shape else 0,
        "max_position_embeddings": said.count("context_length"),
        "rms_norm_eps": said.number("attention.layer_norm_rms_epsilon"),
        "tie_word_embeddings": HEAD not in tensors,
    }


def _heads_and_width(said: Said, shape: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is alike in every layer of these families."""
    heads = shape["num_attention_heads"]
    head_dim = said.count("attention.key_length", max(shape["hidden_size"] // heads, 1))
    if said.count("attention.value_length", head_dim) != head_dim:
        said.differs("attention.value_length", "attention.key_length")
    return {
        "num_key_value_heads": said.count("attention.head_count_kv", heads),
        "head_dim": head_dim,
        "intermediate_size": said.count("feed_forward_length"),
    }


_SCALING = {f"rope.scaling.{key}" for key in ("type", "factor", "original_context_length", "finetuned")}
_YARN = {"yarn_beta_fast": "beta_fast", "yarn_beta_slow": "beta_slow"}


def _rope(said: Said, head_dim: int, factors: Sequence[float] | None) -> dict[str, Any]:
    turned = said.count("rope.dimension_count", head_dim)
    if turned != head_dim:
        said.problems.append(f"rotary embedding turns {turned} of a head's {head_dim} numbers, all expected")
    return {"rope_theta": said.number("rope.freq_base", 10_000.0), "rope_scaling": _scaling(said, head_dim, factors)}


def _scaling(said: Said, head_dim: int, factors: Sequence[float] | None) -> dict[str, Any] | None:
    kind = said.any("rope.scaling.type")
    if kind is None and said.any("rope.scale_linear") is not None:
        return {"rope_type": "linear", "factor": said.number("rope.scale_linear")}
    if factors is not None:
        return _factors(said, head_dim, factors, kind)
    if kind in (None, "none"):
        return None
    known = _SCALING | {f"rope.scaling.{key}" for key in _YARN}
    said.problems += [f"{key} is not read" for key in said.keys("rope.scaling.") if key.partition(".")[2] not in known]
    if kind == "linear":
        return {"rope_type": "linear", "factor": said.number("rope.scaling.factor")}
    if kind == "yarn":
        context = said.count("rope.scaling.original_context_length")
        scaling = {"rope_type": "yarn", "factor": said.number("rope.scaling.factor")}
        written = {ours: f"rope.scaling.{key}" for key, ours in _YARN.items()}
        betas = {ours: said.number(key) for ours, key in written.items() if said.any(key) is not None}
        return {**scaling, "original_max_position_embeddings": context, **betas}
    said.problems.append(f"rope.scaling.type is {quote(kind)}, none, linear or yarn expected")
    return None


def _factors(said: Said, head_dim: int, factors: Sequence[float], kind: object) -> dict[str, Any]:
    """Return Llama 3.1's scaling as the file has it: the divisor of each frequency."""
    if kind not in (None, "none"):
        said.problems.append(f"rope.scaling.type is {quote(kind)} beside rope_freqs.weight, one of them expected")
    if len(factors) != head_dim // 2 or not all(math.isfinite(factor) and factor > 0 for factor in factors):
        said.problems.append(f"rope_freqs.weight must hold {head_dim // 2} numbers above 0")
    return {"rope_type": "llama3_factors", "factors": list(factors)}


def _special(
    said: Said, architecture: str, shape: Mapping[str, Any], tensors: Mapping[str, GgufTensor]
) -> dict[str, Any]:
    """Return the fields that only this family has."""
    if architecture == "gemma":
        return {"hidden_activation": "gelu_pytorch_tanh", "attention_bias": False}
    if architecture in _LAYERS_OF_27B:
        return _gemma_2_and_3(said, architecture, shape)
    special: dict[str, Any] = {"hidden_act": "silu"}
    if architecture != "qwen2":  # whose projections of q, k and v always have one
        special["attention_bias"] = "blk.0.attn_q.bias" in tensors
    if said.any("attention.sliding_window") is not None:
        special["sliding_window"] = said.count("attention.sliding_window")
    return special


def _gemma_2_and_3(said: Said, architecture: str, shape: Mapping[str, Any]) -> dict[str, Any]:
    wide = shape["num_hidden_layers"] == _LAYERS_OF_27B[architecture]
    special: dict[str, Any] = {
        "hidden_activation": "gelu_pytorch_tanh",
        "attention_bias": False,
        "query_pre_attn_scalar": shape["hidden_size"] // shape["num_attention_heads"] if wide else shape["head_dim"],
    }
    if architecture == "gemma2":
        special["sliding_window"] = said.count("attention.sliding_window", _GEMMA2_WINDOW)
        return special | {key: said.number(key, default) for key, default in _GEMMA2_CAPS.items()}
    special["sliding_window"] = said.count("attention.sliding_window")
    special |= _pattern(said, shape["num_hidden_layers"])
    special["rope_local_base_freq"] = said.number("rope.freq_base_swa", _GEMMA3_LOCAL_THETA)
    caps = {key: said.number(key) if said.any(key) is not None else None for key in _GEMMA2_CAPS}
    return special | caps


def _pattern(said: Said, layers: int) -> dict[str, Any]:
    """Return which layers see everything: one in so many, or listed one by one."""
    found = said.any("attention.sliding_window_pattern")
    if not isinstance(found, list):
        return {"sliding_window_pattern": said.count("attention.sliding_window_pattern", _GEMMA3_PATTERN)}
    if len(found) != layers or not all(type(local) is bool for local in found):
        said.problems.append(f"attention.sliding_window_pattern must say yes or no for each of {layers} layers")
    return {"layer_types": ["sliding_attention" if local else "full_attention" for local in found]}
