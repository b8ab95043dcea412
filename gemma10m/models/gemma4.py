"""Read the text model of Gemma 4: E2B, E4B, 12B and 31B; the last layers may share keys and values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gemma10m.config import AttentionSpec, ModelConfig, Rope, is_positive_number
from gemma10m.models.architecture import Architecture, Shape, read_shape
from gemma10m.models.config_reader import GLOBAL, LOCAL, ConfigReader
from gemma10m.models.gemma import refuse_variants
from gemma10m.strict_json import quote

_PATTERN = 6  # every sixth layer sees everything, where the file does not say which do
_READ = ("hidden_size_per_layer_input", "attention_k_eq_v")


def read(said: ConfigReader) -> ModelConfig:
    refuse_variants(said, known=_READ, bidirectional=("vision",))  # which is for the tokens of pictures
    shape = read_shape(said, max_position_embeddings=131072)
    local = _local(said, shape["layers"])
    return ModelConfig(
        **shape,
        architecture="gemma4",
        attention=_specs(said, shape, local),
        norm_offset=0.0,
        post_norms=True,
        layer_scalars=True,
        layer_input_size=_layer_input_size(said, shape["vocabulary"]),
        feed_forward_sizes=_feed_forward_sizes(said, shape),
        logit_cap=said.optional_number("final_logit_softcapping"),
    )


def _local(said: ConfigReader, layers: int) -> tuple[bool, ...]:
    """Say for each layer if it has a sliding window; the last one never has."""
    local = said.layer_types(layers, ((number + 1) % _PATTERN != 0 for number in range(layers)))
    return (*local[:-1], False) if local else ()


def _specs(said: ConfigReader, shape: Shape, local: Sequence[bool]) -> tuple[AttentionSpec, ...]:
    size, kv_heads = _global_shape(said, shape, local)
    whole, near = _ropes(said, size)
    window, key_is_value = said.count("sliding_window"), bool(said.flag("attention_k_eq_v"))
    slides = AttentionSpec(
        shape["heads"],
        shape["kv_heads"],
        shape["head_size"],
        near,
        window=window,
        scale=1.0,
        query_key_norm=True,
        value_norm=True,
    )
    sees_all = replace(slides, kv_heads=kv_heads, head_size=size, rope=whole, window=None, key_is_value=key_is_value)
    return tuple(slides if is_local else sees_all for is_local in local)


def _global_shape(said: ConfigReader, shape: Shape, local: Sequence[bool]) -> tuple[int, int]:
    """Return the head size and the K/V heads of layers that see everything, in the older spelling or the newer."""
    by_layer = said.said.get("per_layer_config")
    if by_layer is not None:
        return _in_per_layer_config(said, by_layer, shape, local)
    size = said.count("global_head_dim", 512)
    if not said.flag("attention_k_eq_v"):
        return size, shape["kv_heads"]
    return size, said.count("num_global_key_value_heads", shape["kv_heads"])


def _in_per_layer_config(said: ConfigReader, by_layer: Any, shape: Shape, local: Sequence[bool]) -> tuple[int, int]:
    plain = shape["head_size"], shape["kv_heads"]
    whole = {str(layer) for layer, is_local in enumerate(local) if not is_local}
    if by_layer == {}:  # what is like in all layers is not listed
        return plain
    fields = list(by_layer.values()) if isinstance(by_layer, dict) else []
    alike = bool(fields) and all(one == fields[0] for one in fields) and set(by_layer) == whole
    if not alike or not isinstance(fields[0], dict) or not fields[0].keys() <= {"head_dim", "num_key_value_heads"}:
        said.problems.append(
            f"per_layer_config must give the layers that see everything one head_dim and num_key_value_heads, "
            f"found {quote(by_layer)}"
        )
        return plain
    inner = ConfigReader(fields[0])
    found = inner.count("head_dim", plain[0]), inner.count("num_key_value_heads", plain[1])
    said.problems += inner.problems
    return found


def _ropes(said: ConfigReader, size: int) -> tuple[Rope, Rope]:
    """Return the rotary embeddings of layers that see everything, `size` numbers a head, and of those with a window."""
    stated = said.said.get("rope_parameters")
    said.optional_number("rope_theta")
    if stated is None:
        return Rope(1e6, turned=size // 8), Rope(1e4)
    if not isinstance(stated, dict) or not {GLOBAL, LOCAL} >= set(stated) or not isinstance(stated.get(GLOBAL), dict):
        said.problems.append(f"rope_parameters must have {GLOBAL} and {LOCAL}, found {quote(stated)}")
        return Rope(), Rope()
    near = ConfigReader({"rope_parameters": stated.get(LOCAL)})
    found = _proportional(said, stated[GLOBAL], size), near.rope(size, 1e4)
    said.problems += near.problems
    return found


def _proportional(said: ConfigReader, stated: dict[str, Any], size: int) -> Rope:
    """Read a rotary embedding of a share of each head's pairs; their frequencies are those of whole heads."""
    fields = {"rope_theta": 1e6, "partial_rotary_factor": 1.0, "factor": 1.0} | stated
    kind = fields.pop("rope_type", None)
    share = fields["partial_rotary_factor"]
    if kind != "proportional" or len(fields) != 3 or not all(map(is_positive_number, fields.values())) or share > 1:
        said.problems.append(f"rope_parameters of {GLOBAL} must be of the type proportional, found {quote(stated)}")
        return Rope()
    turned, factor = int(share * size // 2), float(fields["factor"])
    return Rope(float(fields["rope_theta"]), () if factor == 1.0 else (factor,), turned if turned < size // 2 else None)


def _layer_input_size(said: ConfigReader, vocabulary: int) -> int:
    default = 256 if said.said.get("model_type") == "gemma4_text" else 0  # the unified models' files do not have it
    if said.said.get("hidden_size_per_layer_input", default) in (0, None):
        return 0
    rows = said.count("vocab_size_per_layer_input", vocabulary)
    if rows != vocabulary:
        said.problems.append(f"vocab_size_per_layer_input must be vocab_size ({vocabulary:,}), found {rows:,}")
    return said.count("hidden_size_per_layer_input", 256)


def _feed_forward_sizes(said: ConfigReader, shape: Shape) -> tuple[int, ...]:
    """Return twice the size for layers without keys and values of their own, where the file says so."""
    is_wide, shared = said.flag("use_double_wide_mlp"), said.said.get("num_kv_shared_layers")
    if not is_wide or not shared or not said.can_list(shape["layers"]):
        return ()
    first, size = shape["layers"] - said.count("num_kv_shared_layers"), shape["feed_forward_size"]
    return tuple(size if layer < first else 2 * size for layer in range(shape["layers"]))


ARCHITECTURE = Architecture(
    name="gemma4",
    model_types=("gemma4_text", "gemma4", "gemma4_unified_text", "gemma4_unified"),
    read=read,
    prefixes=(("model.language_model.", "model."),),
    other_parts=tuple(f"model.{part}" for part in ("vision_", "audio_", "embed_vision.", "embed_audio.")),
    text_parts={"gemma4": "gemma4_text", "gemma4_unified": "gemma4_unified_text"},
    unused_when_sharing=("k_proj", "v_proj", "k_norm", "v_norm"),
)
