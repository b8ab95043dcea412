"""Choose which layers of a model are to share keys and values (Cross-Layer Attention, arXiv 2405.12981)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

from gemma10m.config import AttentionSpec, ModelConfig
from gemma10m.errors import UsageError


def share_in_groups(config: ModelConfig, factor: int) -> ModelConfig:
    """Return the config in which groups of `factor` layers attend to the keys and values of their first layer.

    Groups are formed among layers whose attention is alike, in order. Layers that are left over are the first group, as
    in the paper's figure 2. Raises UsageError for a model that shares already, has state vectors or is a
    Megalodon, and for a factor with which no layer would share.
    """
    if config.shares or config.has_state_vectors or config.megalodon:
        own = "state vectors" if config.has_state_vectors else "layers that are not attention alone"
        what = "shares keys and values already" if config.shares else f"has {own}"
        raise UsageError(f"the model {what}", hint="name another model")
    if not 2 <= factor <= config.layers:
        raise UsageError(
            f"the sharing factor is {factor}, and is from 2 to the {config.layers} layers of the model", hint="use 2"
        )
    specs = [config.attention_of(layer) for layer in range(config.layers)]
    alike: dict[AttentionSpec, list[int]] = defaultdict(list)
    for layer, spec in enumerate(specs):
        alike[spec].append(layer)
    sources = {
        layer: group[0] for layers in alike.values() for group in _in_groups(layers, factor) for layer in group[1:]
    }
    if not sources:
        raise UsageError("no two layers of the model have attention that is alike", hint="name another model")
    return replace(
        config, attention=tuple(replace(spec, source=sources.get(layer)) for layer, spec in enumerate(specs))
    )


def sharing_groups(config: ModelConfig) -> list[list[int]]:
    """Return each owner with the layers that attend to its keys and values, in order."""
    groups: dict[int, list[int]] = {}
    for layer, source in enumerate(kv_source_layers(config)):
        groups.setdefault(source, []).append(layer)
    return list(groups.values())


def kv_source_layers(config: ModelConfig) -> list[int]:
    """Return for each layer the one whose keys and values it attends to, its own number for an owner."""
    sources = [config.attention_of(layer).source for layer in range(config.layers)]
    return [layer if source is None else source for layer, source in enumerate(sources)]


def _in_groups(layers: list[int], factor: int) -> Iterator[list[int]]:
    first = len(layers) % factor
    if first:
        yield layers[:first]
    for start in range(first, len(layers), factor):
        yield layers[start : start + factor]
