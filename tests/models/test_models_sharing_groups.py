"""Test which layers of a model are made to share keys and values, and which models and factors are refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cla_oracle import share_factor_sources

from gemma10m.config import AttentionSpec, ModelConfig
from gemma10m.errors import UsageError
from gemma10m.models.sharing_groups import kv_source_layers, share_in_groups, sharing_groups


def uniform(layers: int) -> ModelConfig:
    return ModelConfig(16, layers, 4, 2, 8, 24, 50)


def gemma3(layers: int) -> ModelConfig:
    """Return a model in which every sixth layer sees everything."""
    near, whole = AttentionSpec(4, 1, 8, window=16), AttentionSpec(4, 1, 8)
    specs = tuple(whole if layer % 6 == 5 else near for layer in range(layers))
    return replace(uniform(layers), attention=specs)


@pytest.mark.parametrize(("layers", "factor"), [(4, 2), (7, 2), (7, 3), (8, 3), (3, 3), (10, 3)])
def test_alike_layers_share_as_in_the_paper(layers: int, factor: int) -> None:
    found = kv_source_layers(share_in_groups(uniform(layers), factor))
    assert found == share_factor_sources(layers, factor, short_group_first=True)


def test_layers_share_with_those_of_their_own_kind() -> None:
    assert sharing_groups(share_in_groups(gemma3(18), 2)) == [
        [0], [1, 2], [3, 4], [5], [6, 7], [8, 9], [10, 12], [11, 17], [13, 14], [15, 16]
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("config", "factor", "says"),
    [
        (uniform(4), 1, "the sharing factor is 1, and is from 2 to the 4 layers of the model"),
        (uniform(4), 0, "the sharing factor is 0"),
        (uniform(4), 5, "the sharing factor is 5"),
        (share_in_groups(uniform(4), 2), 2, "the model shares keys and values already"),
        (replace(uniform(4), has_state_vectors=True), 2, "the model has state vectors"),
        (
            replace(uniform(2), attention=(AttentionSpec(4, 1, 8, window=16), AttentionSpec(4, 1, 8))),
            2,
            "no two layers of the model have attention that is alike",
        ),
    ],
)
def test_what_cannot_share_is_refused(config: ModelConfig, factor: int, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        share_in_groups(config, factor)
