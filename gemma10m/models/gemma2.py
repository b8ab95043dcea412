"""Read Gemma 2 (arXiv 2408.00118): local and global layers in turn, norms on both sides, capped scores and logits."""

from __future__ import annotations

from gemma10m.config import AttentionSpec, ModelConfig
from gemma10m.models.architecture import Architecture, read_shape
from gemma10m.models.config_reader import ConfigReader
from gemma10m.models.gemma import refuse_variants


def read(said: ConfigReader) -> ModelConfig:
    refuse_variants(said)
    shape = read_shape(said)
    rope = said.rope(shape["head_size"], 10000.0, scalable=False)
    window = said.count("sliding_window")
    scalar = said.number("query_pre_attn_scalar", 256.0)
    score_cap = said.optional_number("attn_logit_softcapping")
    logit_cap = said.optional_number("final_logit_softcapping")
    local = said.layer_types(shape["layers"], (number % 2 == 0 for number in range(shape["layers"])))
    specs = tuple(
        AttentionSpec(
            shape["heads"],
            shape["kv_heads"],
            shape["head_size"],
            rope,
            window=window if slides else None,
            scale=scalar**-0.5,
            score_cap=score_cap,
        )
        for slides in local
    )
    return ModelConfig(
        **shape,
        architecture="gemma2",
        rope_theta=rope.theta,
        attention=specs,
        post_norms=True,
        logit_cap=logit_cap,
    )


ARCHITECTURE = Architecture(name="gemma2", model_types=("gemma2",), read=read)
