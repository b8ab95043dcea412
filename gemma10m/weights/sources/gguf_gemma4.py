"""Translate what a GGUF file says of a Gemma 4: two head sizes, lists by layer, rotation by factors of 1 and 1e30."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gemma10m.gguf_file import GgufTensor
from gemma10m.models.config_reader import GLOBAL, LOCAL, MOST_LAYERS
from gemma10m.weights.sources.gguf_said import Said

_UNTURNED = 1e29  # a factor above it stops a pair's rotation: converters write 1e30


def gemma4_fields(
    said: Said, layers: int, tensors: Mapping[str, GgufTensor], factors: Sequence[float] | None
) -> dict[str, Any]:
    """Return the fields of config.json beside the shape that all architectures have."""
    local = _local(said, layers)
    whole, near = said.count("attention.key_length"), said.count("attention.key_length_swa")
    for length in ("", "_swa"):
        key = f"attention.value_length{length}"
        if said.count(key) != (near if length else whole):
            said.differs(key, f"attention.key_length{length}")
    return {
        "head_dim": near,
        "global_head_dim": whole,
        **_kv_heads(said, local, tensors),
        **_feed_forward(said, layers),
        "hidden_activation": "gelu_pytorch_tanh",
        "attention_bias": False,
        "sliding_window": said.count("attention.sliding_window"),
        "layer_types": [LOCAL if slides else GLOBAL for slides in local],
        "num_kv_shared_layers": said.whole("attention.shared_kv_layers"),
        "hidden_size_per_layer_input": said.whole("embedding_length_per_layer_input"),
        "final_logit_softcapping": said.number("final_logit_softcapping"),
        "rope_parameters": {
            GLOBAL: {
                "rope_type": "proportional",
                "rope_theta": said.number("rope.freq_base"),
                "partial_rotary_factor": _turned_share(said, whole, factors),
            },
            LOCAL: {"rope_type": "default", "rope_theta": said.number("rope.freq_base_swa")},
        },
    }


def _local(said: Said, layers: int) -> list[bool]:
    key = "attention.sliding_window_pattern"
    found = said.any(key)
    if isinstance(found, list) and len(found) == layers <= MOST_LAYERS and all(type(one) is bool for one in found):
        return found
    said.complain(key, found, f"yes or no for each of {layers:,} layers")
    return []


def _kv_heads(said: Said, local: Sequence[bool], tensors: Mapping[str, GgufTensor]) -> dict[str, Any]:
    """Return the K/V heads of both kinds of layers; layers that see everything and lack values take keys for them."""
    counts = list(zip(said.counts("attention.head_count_kv", len(local)), local, strict=True))
    near, whole = ({count for count, slides in counts if slides is kind} for kind in (True, False))
    if len(near) > 1 or len(whole) > 1:
        said.problems.append("gemma4.attention.head_count_kv must be alike in all layers of a kind")
    first = next((layer for layer, slides in enumerate(local) if not slides), 0)
    return {
        "num_key_value_heads": min(near or whole, default=1),
        "num_global_key_value_heads": min(whole, default=None),
        "attention_k_eq_v": f"blk.{first}.attn_v.weight" not in tensors,
    }


def _feed_forward(said: Said, layers: int) -> dict[str, Any]:
    """Return the width of the first layer, and if the layers that share keys and values have twice that."""
    widths, shared = said.counts("feed_forward_length", layers), said.whole("attention.shared_kv_layers")
    first, owners = next(iter(widths), 1), max(0, layers - shared)
    is_wide = len(set(widths)) > 1
    if is_wide and widths != [first] * owners + [2 * first] * (layers - owners):
        said.problems.append("gemma4.feed_forward_length must be alike in all layers, or double in those that share")
    return {"intermediate_size": first, "use_double_wide_mlp": is_wide}


def _turned_share(said: Said, size: int, factors: Sequence[float] | None) -> float:
    """Return the share of a head's pairs that are rotated: those whose frequency is not divided by 1e30."""
    if factors is None:
        return 1.0
    turned = sum(factor == 1.0 for factor in factors)
    rest = factors[turned:]
    if len(factors) != size // 2 or not turned or any(factor < _UNTURNED for factor in rest):
        said.problems.append(f"rope_freqs.weight must hold {size // 2} numbers: 1 for rotated pairs, then 1e30")
        return 1.0
    return 2 * turned / size
