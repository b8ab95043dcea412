"""Read Llama 2 (arXiv 2307.09288), Llama 3 (arXiv 2407.21783), SmolLM2, and models built like them."""

from __future__ import annotations

from gemma10m.config import AttentionSpec, ModelConfig
from gemma10m.models.architecture import Architecture, read_shape
from gemma10m.models.config_reader import GLOBAL, ConfigReader


def read_llama_like(
    said: ConfigReader,
    name: str,
    *,
    theta: float = 10000.0,
    query_key_norm: bool = False,
    projection_bias: bool = False,
    head_size: int | None = None,
) -> ModelConfig:
    """Read a decoder with pre-norms, SiLU and plain embeddings. head_size None: hidden_size / heads by default."""
    said.must_be("hidden_act", ("silu",), "silu")
    for key in ("attention_bias", "use_sliding_window"):
        said.must_be(key, (False,), "false")
    for key in ("query_pre_attn_scalar", "attn_logit_softcapping", "final_logit_softcapping"):
        said.must_be(key, (), "null")
    said.refuse_foreign()
    hidden, heads = said.said.get("hidden_size"), said.said.get("num_attention_heads")
    if head_size is None and type(hidden) is int and type(heads) is int and heads > 0:
        head_size = hidden // heads
    kv_heads = heads if type(heads) is int else None
    shape = read_shape(said, head_dim=head_size, num_key_value_heads=kv_heads, max_position_embeddings=2048)
    rope = said.rope(shape["head_size"], theta)
    spec = AttentionSpec(
        shape["heads"],
        shape["kv_heads"],
        shape["head_size"],
        rope,
        query_key_norm=query_key_norm,
        projection_bias=projection_bias,
    )
    local = said.layer_types(shape["layers"], (False for _ in range(shape["layers"])))
    if any(local):
        said.problems.append(f"layer_types must be {GLOBAL} alone")
    return ModelConfig(
        **shape,
        architecture=name,
        rope_theta=rope.theta,
        attention=(spec,) * len(local),
        activation="silu",
        norm_offset=0.0,
        scaled_embedding=False,
    )


def read(said: ConfigReader) -> ModelConfig:
    said.must_be("sliding_window", (), "null")
    return read_llama_like(said, "llama")


ARCHITECTURE = Architecture(name="llama", model_types=("llama",), read=read, ties_head=False)
