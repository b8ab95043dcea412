"""Read Megalodon (arXiv 2404.08801) in the words of its released code's ModelConf, and write it in them."""

from __future__ import annotations

from typing import Any

from gemma10m.config import MegalodonSpec, ModelConfig
from gemma10m.models.architecture import Architecture
from gemma10m.models.config_reader import ConfigReader


def read(said: ConfigReader) -> ModelConfig:
    """Read the fields, with the released code's defaults."""
    said.must_be("norm_affine", (True,), "true")
    said.must_be("output_size", (-1, said.said.get("vocab_size")), "-1 or vocab_size")
    said.refuse_foreign()
    heads, z_dim = said.count("num_heads", 1), said.count("z_dim", 256)
    chunk = said.count("chunk_size", 2048)
    return ModelConfig(
        hidden_size=said.count("model_dim", 1024),
        layers=said.count("num_layers", 8),
        heads=heads,
        kv_heads=heads,
        head_size=z_dim // heads,
        feed_forward_size=said.count("ffn_hidden_dim", 2048),
        vocabulary=said.count("vocab_size"),
        context=chunk,
        rope_theta=said.number("rope_base", 10000.0),
        norm_eps=said.number("norm_eps", 1e-5),
        architecture="megalodon",
        activation="silu",
        norm_offset=1.0,
        scaled_embedding=bool(said.flag("scale_emb")),
        megalodon=MegalodonSpec(
            z_dim=z_dim,
            value_dim=said.count("value_dim", 2048),
            cema_ndim=said.count("cema_ndim", 16),
            chunk_size=chunk,
            norm_num_groups=said.count("norm_num_groups", 32),
            swiglu=bool(said.flag("swiglu")),
            rescale_nffn=bool(said.flag("rescale_nffn")),
        ),
    )


def write(config: ModelConfig) -> dict[str, Any]:
    """Return the config.json that `read` reads."""
    assert config.megalodon is not None
    mega = config.megalodon
    return {
        "architectures": ["Mega"],
        "model_type": "megalodon",
        "num_layers": config.layers,
        "model_dim": config.hidden_size,
        "z_dim": mega.z_dim,
        "value_dim": mega.value_dim,
        "num_heads": config.heads,
        "ffn_hidden_dim": config.feed_forward_size,
        "cema_ndim": mega.cema_ndim,
        "chunk_size": mega.chunk_size,
        "norm_num_groups": mega.norm_num_groups,
        "norm_affine": True,
        "norm_eps": config.norm_eps,
        "rope_base": config.rope_theta,
        "swiglu": mega.swiglu,
        "rescale_nffn": mega.rescale_nffn,
        "scale_emb": config.scaled_embedding,
        "share_emb": config.tied_head,
        "vocab_size": config.vocabulary,
        "torch_dtype": "float32",
    }


ARCHITECTURE = Architecture(
    name="megalodon",
    model_types=("megalodon",),
    read=read,
    write=write,
    tied=lambda said: bool(said.flag("share_emb")),
    prefixes=(
        ("embed.", "model.embed_tokens."),
        ("layers.", "model.layers."),
        ("rope.", "model.rope."),
        ("output.final_norm.", "model.norm."),
        ("output.output.", "lm_head."),
    ),
    always_prefixed=True,
    words={
        "heads": "num_heads",
        "kv_heads": "num_heads",
        "head_size": "z_dim / num_heads",
        "hidden_size": "model_dim",
        "layers": "num_layers",
        "feed_forward_size": "ffn_hidden_dim",
        "vocabulary": "vocab_size",
        "rope_theta": "rope_base",
    },
)
