"""Read Gemma 3 (arXiv 2503.19786): five local layers per global one, two rotary embeddings, query and key norms."""

from __future__ import annotations

from gemma10m.config import AttentionSpec, ModelConfig
from gemma10m.models.architecture import Architecture, read_shape
from gemma10m.models.config_reader import ConfigReader
from gemma10m.models.gemma import refuse_variants


def read(said: ConfigReader) -> ModelConfig:
    refuse_variants(said)
    # The files of the models that see images leave out what is transformers' default.
    shape = read_shape(
        said,
        num_attention_heads=8,
        num_key_value_heads=4,
        head_dim=256,
        vocab_size=262208,
        max_position_embeddings=131072,
    )
    whole, near = said.ropes_by_layer(shape["head_size"], 1e6, 1e4)
    window = said.count("sliding_window")
    scalar = said.number("query_pre_attn_scalar", 256.0)
    said.must_be("attn_logit_softcapping", (), "null")
    logit_cap = said.optional_number("final_logit_softcapping")
    key = "_sliding_window_pattern" if said.has("_sliding_window_pattern") else "sliding_window_pattern"
    pattern = said.count(key, 6)
    local = said.layer_types(shape["layers"], ((number + 1) % pattern != 0 for number in range(shape["layers"])))
    specs = tuple(
        AttentionSpec(
            shape["heads"],
            shape["kv_heads"],
            shape["head_size"],
            near if slides else whole,
            window=window if slides else None,
            scale=scalar**-0.5,
            query_key_norm=True,
        )
        for slides in local
    )
    return ModelConfig(
        **shape,
        architecture="gemma3",
        rope_theta=whole.theta,
        attention=specs,
        post_norms=True,
        logit_cap=logit_cap,
    )


ARCHITECTURE = Architecture(
    name="gemma3",
    model_types=("gemma3_text", "gemma3"),
    text_parts={"gemma3": "gemma3_text"},
    read=read,
    prefixes=(
        ("language_model.model.", "model."),
        ("model.language_model.", "model."),
        ("language_model.lm_head.", "lm_head."),
    ),
    other_parts=("vision_tower.", "model.vision_tower.", "multi_modal_projector.", "model.multi_modal_projector."),
)
