"""Checkpoint folders for tests: random tiny Gemma 1 models in Hugging Face layout."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

Shapes = dict[str, tuple[int, ...]]

INDEX = "model.safetensors.index.json"
SHARD_BYTES = 5 * 10**9


def tiny_config(
    *,
    layers: int = 2,
    heads: int = 4,
    kv_heads: int = 2,
    head_size: int = 8,
    hidden: int = 24,
    feed_forward: int = 40,
    vocabulary: int = 131,
    **extra: Any,
) -> dict[str, Any]:
    """Return a config.json in the old spelling; `extra` adds or replaces keys (`segment_size`, `memory`, ...)."""
    return {
        "architectures": ["GemmaForCausalLM"],
        "model_type": "gemma",
        "attention_bias": False,
        "head_dim": head_size,
        "hidden_act": "gelu",
        "hidden_activation": None,
        "hidden_size": hidden,
        "intermediate_size": feed_forward,
        "max_position_embeddings": 8192,
        "num_attention_heads": heads,
        "num_hidden_layers": layers,
        "num_key_value_heads": kv_heads,
        "rms_norm_eps": 1e-06,
        "rope_scaling": None,
        "rope_theta": 10000.0,
        "torch_dtype": "float32",
        "vocab_size": vocabulary,
        **extra,
    }


def gemma_shapes(
    config: dict[str, Any], *, gates: bool = False, write_gates: bool = False, state_vectors: bool = False
) -> Shapes:
    """Return every tensor a checkpoint with this config.json must hold."""
    hidden, feed_forward, head_size = config["hidden_size"], config["intermediate_size"], config["head_dim"]
    heads, kv_heads = config["num_attention_heads"], config["num_key_value_heads"]
    layer: Shapes = {
        "self_attn.q_proj.weight": (heads * head_size, hidden),
        "self_attn.k_proj.weight": (kv_heads * head_size, hidden),
        "self_attn.v_proj.weight": (kv_heads * head_size, hidden),
        "self_attn.o_proj.weight": (hidden, heads * head_size),
        "mlp.gate_proj.weight": (feed_forward, hidden),
        "mlp.up_proj.weight": (feed_forward, hidden),
        "mlp.down_proj.weight": (hidden, feed_forward),
        "input_layernorm.weight": (hidden,),
        "post_attention_layernorm.weight": (hidden,),
    }
    if gates:
        layer["self_attn.gate"] = (1, heads, 1, 1)
    if write_gates:
        layer |= {"self_attn.write_gate.weight": (kv_heads, hidden), "self_attn.write_gate.bias": (kv_heads,)}
    if state_vectors:
        layer |= {
            "self_attn.state_vector.first": (hidden,),
            "self_attn.state_vector.up.weight": (hidden, 2 * hidden),
            "self_attn.state_vector.down.weight": (2 * hidden, hidden),
            "self_attn.state_vector.down.bias": (2 * hidden,),
        }
    shapes: Shapes = {"model.embed_tokens.weight": (config["vocab_size"], hidden)}
    for index in range(config["num_hidden_layers"]):
        shapes |= {f"model.layers.{index}.{name}": shape for name, shape in layer.items()}
    return shapes | {"model.norm.weight": (hidden,)}


def random_tensors(shapes: Shapes, *, gates: float = 0.0, dtype: torch.dtype = torch.float32, seed: int = 0) -> Any:
    """Normal weights of spread 1/sqrt(fan in); norms around 0.1; gates around `gates`, always float32."""
    generator = torch.Generator().manual_seed(seed)
    tensors: dict[str, Tensor] = {}
    for name, shape in shapes.items():
        noise = torch.randn(shape, generator=generator)
        if name.endswith("self_attn.gate"):
            tensors[name] = gates + noise / 2
        elif "write_gate" in name:
            tensors[name] = noise
        elif "norm" in name:
            tensors[name] = (0.1 + 0.2 * noise).to(dtype)
        else:
            tensors[name] = (noise / shape[-1] ** 0.5).to(dtype)
    return tensors


def write_checkpoint(folder: Path, config: dict[str, Any], tensors: dict[str, Tensor], shards: int = 1) -> Path:
    """Write config.json and the shards (an index too, where there are several); returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    if shards == 1:
        save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
        return folder
    weight_map: dict[str, str] = {}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = {name: tensors[name] for name in list(tensors)[shard::shards]}
        save_file(part, folder / file, metadata={"format": "pt"})
        weight_map |= dict.fromkeys(part, file)
    index = {"metadata": {"total_size": sum(t.nbytes for t in tensors.values())}, "weight_map": weight_map}
    (folder / INDEX).write_text(json.dumps(index, indent=2))
    return folder


def tiny_gemma(
    folder: Path,
    *,
    gates: float | None = None,
    write_gates: bool = False,
    state_vectors: bool = False,
    dtype: torch.dtype = torch.float32,
    shards: int = 1,
    seed: int = 0,
    **config: Any,
) -> Path:
    """Return a random tiny checkpoint; `gates` is what the betas lie around (None: a stock Gemma without gates).

    Other keywords go to `tiny_config`: sizes by our names, anything else straight into config.json.
    """
    description = tiny_config(**config)
    shapes = gemma_shapes(description, gates=gates is not None, write_gates=write_gates, state_vectors=state_vectors)
    return write_checkpoint(
        folder, description, random_tensors(shapes, gates=gates or 0.0, dtype=dtype, seed=seed), shards
    )


def write_sparse_shard(path: Path, shapes: Shapes, dtype: str = "F32") -> None:
    """Write a shard of zeros as the safetensors library lays it out; it takes no room on the disk."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    position = 0
    for name, shape in sorted(shapes.items()):
        end = position + math.prod(shape) * (4 if dtype == "F32" else 2)
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, end]}
        position = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        file.truncate(8 + len(text) + position)


def released_checkpoint(folder: Path) -> Path:
    """Write mustafaaljadery/gemma-2B-10M's layout: F32 in three shards of at most 5 GB, 18 closed gates, no head."""
    config = tiny_config(
        layers=18, heads=8, kv_heads=1, head_size=256, hidden=2048, feed_forward=16384, vocabulary=256000,
        segment_size=2048,
    )  # fmt: skip
    shards: list[Shapes] = [{}]
    room = SHARD_BYTES
    for name, shape in _in_module_order(gemma_shapes(config, gates=True)).items():
        size = 4 * math.prod(shape)
        if size > room:
            shards.append({})
            room = SHARD_BYTES
        shards[-1][name] = shape
        room -= size
    folder.mkdir(parents=True)
    weight_map: dict[str, str] = {}
    for number, shapes in enumerate(shards, start=1):
        file = f"model-{number:05}-of-{len(shards):05}.safetensors"
        write_sparse_shard(folder / file, shapes)
        weight_map |= dict.fromkeys(sorted(shapes), file)
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    (folder / INDEX).write_text(json.dumps({"metadata": {"total_size": 10_024_690_240}, "weight_map": weight_map}))
    return folder


def _in_module_order(shapes: Shapes) -> Shapes:
    """Order names as transformers fills shards: a layer's own parameters come before its children's."""
    return dict(sorted(shapes.items(), key=lambda item: (_layer_number(item[0]), not item[0].endswith(".gate"))))


def _layer_number(name: str) -> float:
    found = re.search(r"layers\.(\d+)\.", name)
    return int(found[1]) if found else (-1 if "embed" in name else math.inf)


def write_raw_shard(path: Path, header: object, data: bytes) -> None:
    """Write a shard with whatever header: bytes as they are, anything else as JSON."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
