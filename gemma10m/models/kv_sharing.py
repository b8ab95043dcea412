"""Read which layers attend to the keys and values of other layers, in the spellings of published configurations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from gemma10m.config import ModelConfig
from gemma10m.models.config_reader import ConfigReader
from gemma10m.strict_json import quote


def with_sources(config: ModelConfig, said: ConfigReader) -> ModelConfig:
    """Return the config with the sharing that config.json states, as it is if it states none.

    Spellings: kv_source_layers, a list of layers, their own number for owners (Mistral); use_cla with cla_share_factor,
    groups whose first layer owns (HunYuan; files that say use_cla false may have a factor); num_kv_shared_layers, the
    last layers, each of which takes those of the last owner of its kind (Gemma 3n, Gemma 4).
    """
    is_listed, is_grouped = said.has("kv_source_layers"), said.flag("use_cla")
    if not (is_listed or is_grouped or said.said.get("num_kv_shared_layers")):
        return config
    if not said.can_list(config.layers):
        return config
    specs = [config.attention_of(layer) for layer in range(config.layers)]
    if is_listed:
        sources = _listed(said, config.layers)
    elif is_grouped:
        factor = said.count("cla_share_factor", 1)
        sources = [layer // factor * factor for layer in range(config.layers)]
    else:
        sources = _last_of_a_kind(said, [spec.window is not None for spec in specs])
    if said.problems or all(source == layer for layer, source in enumerate(sources)):
        return config
    named = (None if source == layer else source for layer, source in enumerate(sources))
    return replace(config, attention=tuple(replace(spec, source=name) for spec, name in zip(specs, named, strict=True)))


def _listed(said: ConfigReader, layers: int) -> Sequence[int]:
    found = said.said["kv_source_layers"]
    if not isinstance(found, list) or len(found) != layers or not all(type(layer) is int for layer in found):
        said.problems.append(f"kv_source_layers must be a layer for each of {layers}, found {quote(found)}")
        return range(layers)
    return found


def _last_of_a_kind(said: ConfigReader, local: Sequence[bool]) -> Sequence[int]:
    count, layers = said.count("num_kv_shared_layers"), len(local)
    owners = list(local[: max(0, layers - count)])
    if any(kind not in owners for kind in local):
        said.problems.append(
            f"num_kv_shared_layers is {count:,}, and the first of {layers} layers must include one of each kind"
        )
        return range(layers)
    last = {kind: len(owners) - 1 - owners[::-1].index(kind) for kind in set(local)}
    return [layer if layer < len(owners) else last[kind] for layer, kind in enumerate(local)]
