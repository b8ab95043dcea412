"""Save a model as a checkpoint: in gemma-2B-10M's layout, or in its architecture's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gemma10m.atomic_file import write_bytes, write_json
from gemma10m.config import ModelConfig, ReadingConfig
from gemma10m.errors import UsageError
from gemma10m.models import architecture_of
from gemma10m.models.decoder import Decoder
from gemma10m.models.sharing_groups import kv_source_layers
from gemma10m.tensor_bytes import safetensors_bytes
from gemma10m.weights.shards import SINGLE


def save_model(model: Decoder, folder: Path) -> None:
    """Write config.json and model.safetensors. Raises DiskError."""
    in_file = architecture_of(model.config).file_name
    tensors = {in_file(name): tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    write_json(folder / "config.json", config_json(model.config, model.reading))
    write_bytes(folder / SINGLE, safetensors_bytes(tensors, {"format": "pt"}))


def config_json(config: ModelConfig, reading: ReadingConfig) -> dict[str, Any]:
    if write := architecture_of(config).write:
        return write(config)
    if config.architecture != "gemma":
        raise UsageError(f"no config.json is written for {config.architecture}", hint="name a shape of gemma")
    return ({"kv_source_layers": kv_source_layers(config)} if config.shares else {}) | {
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
        "tie_word_embeddings": config.tied_head,
        "torch_dtype": "float32",
        "vocab_size": config.vocabulary,
        "memory": reading.memory,
        "segment_size": reading.segment,
        "carry": reading.carry,
        "sinks": reading.sinks,
    }
