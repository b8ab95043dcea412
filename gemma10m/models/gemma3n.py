"""Read the text model of Gemma 3n: E2B and E4B, whose last layers share keys and values (transformers' Gemma3nText)."""

from __future__ import annotations

from dataclasses import replace

from gemma10m.config import AttentionSpec, ModelConfig
from gemma10m.models.architecture import Architecture, Shape, read_shape
from gemma10m.models.config_reader import ConfigReader
from gemma10m.models.gemma import refuse_variants
from gemma10m.strict_json import quote

_PATTERN = 5  # every fifth layer sees everything, where the file does not say which do
_READ = ("hidden_size_per_layer_input", "altup_num_inputs", "laurel_rank", "activation_sparsity_pattern")


def read(said: ConfigReader) -> ModelConfig:
    refuse_variants(said, known=_READ)
    said.must_be("altup_active_idx", (0,), "0")
    said.must_be("altup_correct_scale", (True,), "true")
    if "num_kv_shared_layers" not in said.said:
        said.problems.append("num_kv_shared_layers is missing")
    shape, widths = _shape(said)
    return ModelConfig(
        **shape,
        architecture="gemma3n",
        attention=_specs(said, shape),
        feed_forward_sizes=widths,
        layer_input_size=said.count("hidden_size_per_layer_input", 256),
        layer_input_rows=said.count("vocab_size_per_layer_input", 262144),
        streams=said.count("altup_num_inputs", 4),
        laurel_rank=said.count("laurel_rank", 64),
        activation_sparsity=_sparsity(said, shape["layers"]),
        norm_offset=0.0,
        post_norms=True,
        logit_cap=said.optional_number("final_logit_softcapping") if said.has("final_logit_softcapping") else 30.0,
    )


def _shape(said: ConfigReader) -> tuple[Shape, tuple[int, ...]]:
    """Return the shape, and the width of each feed-forward where the file has a list of them."""
    found = said.said.get("intermediate_size")
    first = found[0] if isinstance(found, list) and found else found
    inner = ConfigReader({**said.said, "intermediate_size": first})
    shape = read_shape(inner, head_dim=256, max_position_embeddings=32768)
    said.problems += inner.problems
    if not isinstance(found, list) or inner.problems:
        return shape, ()
    if len(found) != shape["layers"] or not all(type(width) is int and 0 < width < 2**31 for width in found):
        said.problems.append(f"intermediate_size must be a positive integer for each layer, found {quote(found)}")
        return shape, ()
    return shape, tuple(found) if len(set(found)) > 1 else ()


def _specs(said: ConfigReader, shape: Shape) -> tuple[AttentionSpec, ...]:
    whole, near = said.ropes_by_layer(shape["head_size"], 1e6, 1e4)
    sees_all = AttentionSpec(
        shape["heads"], shape["kv_heads"], shape["head_size"], whole, scale=1.0, query_key_norm=True, value_norm=True
    )
    slides = replace(sees_all, rope=near, window=said.count("sliding_window"))
    layers = shape["layers"]
    local = said.layer_types(layers, ((number + 1) % _PATTERN != 0 for number in range(layers)))
    return tuple(slides if is_local else sees_all for is_local in local)


def _sparsity(said: ConfigReader, layers: int) -> tuple[float, ...]:
    found = said.said.get("activation_sparsity_pattern")
    if found is None:
        sparse = 10 if layers > 10 else 0
        found = [0.95] * sparse + [0.0] * (layers - sparse)
    is_list = isinstance(found, list) and len(found) == layers
    if not is_list or not all(type(share) in (int, float) and 0 <= share < 1 for share in found):
        said.problems.append(
            f"activation_sparsity_pattern must be from 0 to below 1 for each of {layers} layers, found {quote(found)}"
        )
        return ()
    return tuple(map(float, found)) if any(found) else ()


ARCHITECTURE = Architecture(
    name="gemma3n",
    model_types=("gemma3n_text", "gemma3n"),
    read=read,
    prefixes=(("model.language_model.", "model."),),
    other_parts=tuple(f"model.{part}" for part in ("vision_tower.", "audio_tower.", "embed_vision.", "embed_audio.")),
    text_parts={"gemma3n": "gemma3n_text"},
    unused_when_sharing=("k_proj", "v_proj", "k_norm", "v_norm"),
)
