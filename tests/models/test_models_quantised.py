"""Models with quantised keys and values: any cut gives the same result, and a state says what it holds."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest
import torch
from megalodons import tiny_megalodon
from models import (
    KINDS,
    assert_close_state,
    assert_same_state,
    copy_of,
    difference,
    random_ids,
    read_cut,
    tiny_model,
)

from gemma10m.config import AttentionSpec, KeyValueFormat, MemoryKind, ReadingConfig
from gemma10m.errors import ConfigError, UsageError
from gemma10m.models.decoder import Decoder
from gemma10m.weights.plan import memory_plan

FORMATS: tuple[KeyValueFormat, ...] = ("int8", "int4")
LENGTH = 45


def sliding(window: int) -> dict[str, Any]:
    """Return a first layer with a window of its own, and a second without."""
    spec = AttentionSpec(4, 2, 6)
    return {"attention": (replace(spec, window=window), spec), "has_gates": False}


@pytest.mark.parametrize("kv", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("cuts", ["token by token", "ragged", "at borders"])
def test_any_cut_gives_the_same_logits_and_codes(kind: MemoryKind, kv: KeyValueFormat, cuts: str) -> None:
    model = tiny_model(kind, segment=4, carry=0 if kind == "full" else 8, sinks=3, kv=kv)
    ids = random_ids(model, LENGTH, batch=2)
    places = {
        "token by token": range(1, LENGTH),
        "ragged": random.Random(kind).sample(range(1, LENGTH), 6),
        "at borders": [3, 4, 5, 12, 17],
    }[cuts]
    expected, expected_state = read_cut(model, ids)
    found, state = read_cut(model, ids, places)
    assert difference(found, expected) <= 1e-10
    assert_close_state(state, expected_state)


@pytest.mark.parametrize("kv", FORMATS)
@pytest.mark.parametrize("kind", ["window", "full"])
@pytest.mark.parametrize("window", [1, 2, 7, 8, 30])
def test_any_cut_gives_the_same_with_local_layers(kind: MemoryKind, kv: KeyValueFormat, window: int) -> None:
    model = tiny_model(kind, segment=8, carry=0 if kind == "full" else 8, kv=kv, **sliding(window))
    ids = random_ids(model, LENGTH, batch=2)
    expected, expected_state = read_cut(model, ids)
    for cuts in (range(1, LENGTH), [5, 16, 19, 40], range(3, LENGTH, 3)):
        found, state = read_cut(model, ids, cuts)
        assert difference(found, expected) <= 1e-10
        assert_close_state(state, expected_state)


def test_groups_are_shorter_than_a_segment() -> None:
    """The keys of a segment of 128 tokens have two scales a channel; a local layer quantises every 64 tokens."""
    model = tiny_model("window", segment=128, carry=128, sinks=2, kv="int4", **sliding(100))
    ids = random_ids(model, 400)
    expected, expected_state = read_cut(model, ids)
    found, state = read_cut(model, ids, [1, 63, 64, 65, 127, 200, 383, 399])
    assert difference(found, expected) <= 1e-10
    assert_close_state(state, expected_state)
    local, other = state.layers
    assert (local["keys"].shape[2], other["keys"].shape[2]) == (400 % 64, 400 % 128)
    assert (local["key_scales"].shape[2], other["key_scales"].shape[2]) == (2, 2)
    assert local["key_codes"].shape == (1, 2, 99 + 400 % 128 - 400 % 64, 3)


def test_a_segment_is_exact_until_it_closes_and_quantised_afterwards() -> None:
    exact, coarse = (tiny_model("window", segment=8, carry=8, kv=kv) for kv in ("float", "int4"))
    ids = random_ids(exact, 16)
    (expected, _), (found, _) = (read_cut(model, ids) for model in (exact, coarse))
    assert torch.equal(found[:, :8], expected[:, :8])
    assert difference(found[:, 8:], expected[:, 8:]) > 1e-4


def test_eight_bits_are_nearer_than_four_and_both_are_near() -> None:
    models = {kv: tiny_model("full", segment=8, kv=kv) for kv in ("float", *FORMATS)}
    ids = random_ids(models["float"], 40)
    found = {kv: read_cut(model, ids)[0] for kv, model in models.items()}
    errors = {kv: difference(found[kv], found["float"]) / float(found["float"].abs().max()) for kv in FORMATS}
    assert 0 < 4 * errors["int8"] < errors["int4"] < 0.5
    assert errors["int8"] < 0.02


def test_what_answering_adds_leaves_the_state_as_it_was() -> None:
    model = tiny_model("window", segment=4, carry=8, sinks=2, kv="int8")
    _, state = read_cut(model, random_ids(model, 18))
    kept = copy_of(state)
    read_cut(model, random_ids(model, 9, seed=1), state=state)
    assert_same_state(state, kept)


@pytest.mark.parametrize("kind", ["window", "gated", "full"])
@pytest.mark.parametrize("tokens", [1, 2, 5])
def test_tokens_of_the_open_segment_are_taken_back(kind: MemoryKind, tokens: int) -> None:
    model = tiny_model(kind, segment=8, carry=0 if kind == "full" else 8, sinks=2, kv="int4")
    ids = random_ids(model, 29)
    _, expected = read_cut(model, ids[:, : 29 - tokens], range(1, 29 - tokens))
    _, state = read_cut(model, ids, range(1, 29))
    found = model.rewind(state, tokens)
    assert found is not None
    assert_same_state(found, expected)


def test_a_local_layer_goes_back_to_the_start_of_a_group_or_of_the_segment() -> None:
    """Inside a group that was quantised it cannot: the tokens as they were are gone."""
    model = tiny_model("window", segment=128, carry=128, kv="int8", **sliding(70))
    ids = random_ids(model, 300)  # 44 tokens in the open segment and in the group
    _, state = read_cut(model, ids)
    for tokens in (7, 44):
        found = model.rewind(state, tokens)
        assert found is not None
        assert_close_state(found, read_cut(model, ids[:, : 300 - tokens])[1])
    _, later = read_cut(model, random_ids(model, 50, seed=1), state=state)  # 350: 94 in the segment, 30 in the group
    assert model.rewind(later, 40) is None
    found = model.rewind(later, 94)
    assert found is not None
    assert_close_state(found, read_cut(model, ids[:, :256])[1])


@pytest.mark.parametrize("position", [200, 256, 300])
def test_reading_from_the_first_token_that_matters_gives_the_state_of_a_whole_read(position: int) -> None:
    """A kept key's scale depends on its whole group, which begins before the window does."""
    model = tiny_model("window", segment=16, carry=16, sinks=2, kv="int4", **sliding(21))
    ids = random_ids(model, position)
    _, expected = read_cut(model, ids)
    first = model.first_needed(position) // 16 * 16
    assert 0 < first < position - 40
    _, start = read_cut(model, ids[:, :16])
    _, found = read_cut(model, ids[:, first:], state=model.skip_to(start, first))
    assert_close_state(found, expected)


@pytest.mark.parametrize("kv", FORMATS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_plan_counts_what_a_state_holds(kv: KeyValueFormat, dtype: torch.dtype) -> None:
    model = tiny_model("window", segment=8, carry=16, sinks=2, kv=kv, dtype=dtype, **sliding(11))
    _, state = read_cut(model, random_ids(model, 47))
    plan = memory_plan(model.config, model.reading, dtype, segments=1)
    assert plan.state == plan.keys == state.nbytes
    assert plan.state_per_token == 0


def test_the_plan_of_full_memory_grows_by_quantised_tokens() -> None:
    model = tiny_model("full", segment=64, kv="int8", dtype=torch.float32)
    plan = memory_plan(model.config, model.reading, torch.float32, segments=1)
    states = [read_cut(model, random_ids(model, 64 * n + 63))[1].nbytes for n in (1, 4)]
    # 2 layers, 2 K/V heads, 6 numbers: codes of 8 bits, one bit each for the keys' scales, 64 bits for a value's
    assert states[1] - states[0] == 3 * 64 * 2 * 2 * (2 * 6 + 6 / 8 + 8)
    assert 64 * 3 * plan.state_per_token == states[1] - states[0]
    assert states[0] == plan.state + plan.state_per_token * 127


def test_the_same_bytes_after_few_tokens_and_many() -> None:
    model = tiny_model("window", segment=64, carry=64, sinks=2, kv="int4", dtype=torch.float32, **sliding(20))
    sizes = {read_cut(model, random_ids(model, tokens), logits="none")[1].nbytes for tokens in (1024 + 5, 8192 + 5)}
    assert len(sizes) == 1


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"kv": "int2"}, "kv must be one of float, int8, int4, found 'int2'"),
        ({"kv": "int4", "memory": "own"}, "kv must be float for own memory"),
        ({"kv": "int8", "segment": 100}, "segment .100. must be a multiple of 64, or shorter, for kv int8"),
    ],
)
def test_what_cannot_be_quantised_is_refused(said: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        ReadingConfig(**said)


def test_a_megalodon_is_read_neither_with_a_format_nor_with_heavy_memory() -> None:
    config = tiny_megalodon().config
    for reading in (ReadingConfig("window", 8, kv="int8"), ReadingConfig("heavy", 8)):
        with pytest.raises(UsageError, match="megalodon model cannot be read with"):
            Decoder(config, reading)


def test_a_reading_says_its_format_only_where_it_is_not_float() -> None:
    assert ReadingConfig().said() == {"memory": "window", "segment": 2048, "carry": 0, "sinks": 0}
    assert ReadingConfig(kv="int4").said()["kv"] == "int4"


def test_a_state_of_another_format_does_not_fit() -> None:
    exact = tiny_model("window", segment=4, carry=4)
    coarse = Decoder(exact.config, replace(exact.reading, kv="int8")).double()
    assert coarse.layout(9) != exact.layout(9)
    assert [set(layer) - set(other) for layer, other in zip(coarse.layout(9), exact.layout(9), strict=True)] == [
        {"key_codes", "key_scales", "key_zeros", "value_codes", "value_scales", "value_zeros"}
    ] * 2
