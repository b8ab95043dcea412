"""Write the config.json of a Gemma 4 that has no file: random weights of a published shape."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gemma10m.config import AttentionSpec, ModelConfig
from gemma10m.models.config_reader import GLOBAL, LOCAL

_TINY: dict[str, Any] = dict(
    hidden_size=64, intermediate_size=96, num_hidden_layers=6, num_attention_heads=4, num_key_value_heads=2,
    head_dim=16, global_head_dim=32, vocab_size=99, vocab_size_per_layer_input=99, sliding_window=16,
    layer_types=[LOCAL, LOCAL, GLOBAL] * 2,
)  # fmt: skip


def tiny_gemma4_json(config: ModelConfig) -> dict[str, Any]:
    """Return the same of a tiny model that has every part of the one described: windows, sharing, own inputs."""
    return gemma4_json(config) | _TINY | {"num_kv_shared_layers": 3 if config.shares else 0}


def gemma4_json(config: ModelConfig) -> dict[str, Any]:
    """Return the fields that `models.gemma4` reads the config from."""
    specs = config.attention
    near = next(spec for spec in specs if spec.window is not None)
    whole = next(spec for spec in specs if spec.window is None)
    return dict(
        model_type="gemma4_text",
        vocab_size=config.vocabulary,
        hidden_size=config.hidden_size,
        intermediate_size=config.feed_forward_size,
        num_hidden_layers=config.layers,
        num_attention_heads=near.heads,
        num_key_value_heads=near.kv_heads,
        num_global_key_value_heads=whole.kv_heads,
        head_dim=near.head_size,
        global_head_dim=whole.head_size,
        attention_k_eq_v=whole.key_is_value,
        hidden_activation="gelu_pytorch_tanh",
        max_position_embeddings=config.context,
        rms_norm_eps=config.norm_eps,
        sliding_window=near.window,
        final_logit_softcapping=config.logit_cap,
        hidden_size_per_layer_input=config.layer_input_size,
        vocab_size_per_layer_input=config.vocabulary,
        num_kv_shared_layers=sum(spec.source is not None for spec in specs),
        use_double_wide_mlp=bool(config.feed_forward_sizes),
        layer_types=[GLOBAL if spec.window is None else LOCAL for spec in specs],
        rope_parameters={GLOBAL: _rope(whole), LOCAL: _rope(near)},
    )


def _rope(spec: AttentionSpec) -> dict[str, Any]:
    said = asdict(spec.rope)
    if said["turned"] is None:
        return dict(rope_type="default", rope_theta=said["theta"])
    share = 2 * said["turned"] / spec.head_size
    return dict(rope_type="proportional", rope_theta=said["theta"], partial_rotary_factor=share)
