"""Test layers that attend to the keys and values of others, against an oracle written from the paper alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from cla_oracle import cla_logits, share_factor_sources
from models import random_ids, read_cut
from torch import Tensor

from gemma10m.bench.flops import needed_flops
from gemma10m.config import AttentionSpec, MemoryKind, ModelConfig, ReadingConfig
from gemma10m.errors import ConfigError
from gemma10m.memory.state import State
from gemma10m.models.decoder import Decoder

TOKENS = 60
PATTERNS = {
    "groups of two": share_factor_sources(6, 2, short_group_first=False),
    "short group first": share_factor_sources(7, 3, short_group_first=True),
    "short group last": share_factor_sources(7, 3, short_group_first=False),
    "ends kept": [0, 1, 1, 3, 3, 5],
    "the last ones share": [0, 1, 2, 2, 2, 2],
    "one for all": [0] * 5,
}


def shared_config(sources: Sequence[int], **changes: Any) -> ModelConfig:
    spec = AttentionSpec(4, 2, 6)
    named = (None if source == layer else source for layer, source in enumerate(sources))
    sizes: dict[str, Any] = dict(
        hidden_size=14,
        layers=len(sources),
        heads=4,
        kv_heads=2,
        head_size=6,
        feed_forward_size=20,
        vocabulary=37,
        architecture="llama",
        activation="silu",
        norm_offset=0.0,
        scaled_embedding=False,
        attention=tuple(replace(spec, source=source) for source in named),
    )
    return ModelConfig(**(sizes | changes))


def shared_model(sources: Sequence[int], memory: MemoryKind, **changes: Any) -> Decoder:
    reading = ReadingConfig(memory, segment=8, carry=8 if memory == "window" else 0, sinks=2)
    model = Decoder(shared_config(sources, **changes), reading)
    generator = torch.Generator().manual_seed(len(sources))
    for name, parameter in model.requires_grad_(False).named_parameters():
        parameter.copy_(torch.randn(parameter.shape, generator=generator) * parameter.shape[-1] ** -0.5)
        if "norm" in name:
            parameter.mul_(0.2 * parameter.shape[0] ** 0.5).add_(1.0)
        elif ".self_attn." in name and parameter.dim() == 2:
            parameter.mul_(1.5)
    return model.double().eval()


def read(model: Decoder, ids: Tensor, cuts: Sequence[int] = ()) -> tuple[Tensor, State]:
    with torch.no_grad():
        return read_cut(model, ids, cuts)


def assert_same_bits(one: State, other: State) -> None:
    for mine, theirs in zip(one.layers, other.layers, strict=True):
        assert mine.layout == theirs.layout
        assert all(torch.equal(tensor, theirs[name]) for name, tensor in mine.tensors())


@pytest.mark.parametrize("sources", PATTERNS.values(), ids=PATTERNS)
def test_logits_are_those_of_the_paper(sources: list[int]) -> None:
    model = shared_model(sources, "full")
    ids = random_ids(model, TOKENS)
    weights = {name: weight.numpy().astype(np.float64) for name, weight in model.state_dict().items()}
    expected = cla_logits(
        weights, ids[0].tolist(), layers=len(sources), heads=4, kv_heads=2, head_size=6, rope_theta=1e4, eps=1e-6,
        sources=sources,
    )  # fmt: skip
    assert 0.3 < expected.std() < 3.0
    for cuts in ((), (1, 2, 7, 8, 9, 33, 59)):
        assert np.abs(read(model, ids, cuts)[0][0].numpy() - expected).max() < 1e-10


def test_a_norm_of_keys_and_values_is_the_papers() -> None:
    """A weight of the norm times a column of the projection is all there is: the oracle gets their product."""
    sources = PATTERNS["groups of two"]
    model = shared_model(sources, "full", has_kv_norms=True)
    weights = {name: weight.numpy().astype(np.float64) for name, weight in model.state_dict().items()}
    for layer in (0, 2, 4):
        ratio = weights.pop(f"model.layers.{layer}.kv_layernorm.weight")
        ratio = ratio / weights[f"model.layers.{layer}.input_layernorm.weight"]
        assert abs(ratio - 1).max() > 0.1
        for part in ("k_proj", "v_proj"):
            weights[f"model.layers.{layer}.self_attn.{part}.weight"] *= ratio
    assert not any("kv_layernorm" in name for name in weights)
    ids = random_ids(model, TOKENS)
    expected = cla_logits(
        weights, ids[0].tolist(), layers=6, heads=4, kv_heads=2, head_size=6, rope_theta=1e4, eps=1e-6, sources=sources
    )
    for cuts in ((), (1, 2, 7, 8, 9, 33, 59)):
        assert np.abs(read(model, ids, cuts)[0][0].numpy() - expected).max() < 1e-10
    model.fuse()
    assert np.abs(read(model, ids)[0][0].numpy() - expected).max() < 1e-10


def test_a_norm_of_keys_and_values_is_not_for_every_model() -> None:
    with pytest.raises(ConfigError, match="layers with a norm for keys and values cannot have state vectors"):
        shared_config([0, 1], has_kv_norms=True, added_rank=4)


@pytest.mark.parametrize("memory", ["window", "linear", "delta", "gated", "full"])
@pytest.mark.parametrize("sources", [PATTERNS["groups of two"], PATTERNS["the last ones share"]], ids=["pairs", "last"])
def test_cuts_change_nothing_and_a_read_leaves_what_all_layers_leave(memory: MemoryKind, sources: list[int]) -> None:
    has = {"has_gates": memory not in ("window", "full"), "has_write_gates": memory == "gated"}
    model = shared_model(sources, memory, **has)
    ids = random_ids(model, TOKENS, batch=2)
    logits, state = read(model, ids)
    cut, _ = read(model, ids, (3, 8, 20, 21, 47))
    torch.testing.assert_close(cut, logits, atol=1e-10, rtol=0)
    with torch.no_grad():
        _, only_read = model(ids, model.empty_state(2), logits="none")
        last, after_last = model(ids, model.empty_state(2), logits="last")
    assert_same_bits(only_read, state)
    assert_same_bits(after_last, state)
    torch.testing.assert_close(last, logits[:, -1:], atol=1e-10, rtol=0)
    assert [bool(layer.layout) for layer in state.layers] == [source == at for at, source in enumerate(sources)]


def test_what_leaves_nothing_in_the_state_is_not_computed() -> None:
    model, ran = shared_model(PATTERNS["the last ones share"], "window"), list[int]()
    for number, layer in enumerate(model.model.layers):
        layer.register_forward_hook(lambda *_, number=number: ran.append(number))
    with torch.no_grad():
        model(random_ids(model, TOKENS), model.empty_state(), logits="none")
    assert ran == [0, 1, 2]
    alone = shared_model(range(3), "window")
    assert needed_flops(model, 64) == needed_flops(alone, 64)
    assert needed_flops(model, 64) < 0.5 * needed_flops(shared_model(range(6), "window"), 64)


def test_the_state_shrinks_by_the_sharing_factor() -> None:
    for memory in ("window", "gated"):
        has = {"has_gates": memory == "gated", "has_write_gates": memory == "gated"}
        own, shared = (
            shared_model(sources, memory, **has).empty_state() for sources in (range(6), PATTERNS["groups of two"])
        )
        ids = torch.zeros(1, 20, dtype=torch.int64)
        sizes = [
            read(shared_model(sources, memory, **has), ids)[1].nbytes
            for sources in (range(6), PATTERNS["groups of two"])
        ]
        assert sizes[0] == 2 * sizes[1]
        assert own.nbytes == 2 * shared.nbytes


def test_a_shared_model_goes_back_inside_its_open_segment() -> None:
    model = shared_model(PATTERNS["groups of two"], "window")
    ids = random_ids(model, 21)
    _, state = read(model, ids)
    back = model.rewind(state, 3)
    assert back is not None
    again, _ = read(model, ids)
    found, _ = model(ids[:, 18:], back)
    torch.testing.assert_close(found, again[:, 18:], atol=1e-10, rtol=0)


def test_every_layer_keeps_its_own_projections_of_queries() -> None:
    names = shared_model(PATTERNS["groups of two"], "window").state_dict()
    for layer in range(6):
        parts = {name.split(".")[4] for name in names if name.startswith(f"model.layers.{layer}.self_attn.")}
        assert parts == ({"q_proj", "o_proj"} if layer % 2 else {"q_proj", "k_proj", "v_proj", "o_proj"})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({1: {"source": 1}}, "layer 1 must take keys and values of an earlier layer, found 1"),
        ({1: {"source": 2}}, "layer 1 must take keys and values of an earlier layer, found 2"),
        ({1: {"source": 0}, 2: {"source": 1}}, "layer 2 takes keys and values of layer 1, which has none of its own"),
        ({2: {"source": 0, "kv_heads": 4}}, "layer 2 takes keys and values of layer 0, whose attention is of another"),
        ({2: {"source": 0, "window": 4}}, "layer 2 takes keys and values of layer 0, whose attention is of another"),
    ],
)
def test_sharing_that_cannot_be_is_refused(changes: dict[int, dict[str, Any]], message: str) -> None:
    specs = [AttentionSpec(4, 2, 6) for _ in range(3)]
    for layer, change in changes.items():
        specs[layer] = replace(specs[layer], **change)
    with pytest.raises(ConfigError, match=message):
        shared_config(range(3), attention=tuple(specs))
