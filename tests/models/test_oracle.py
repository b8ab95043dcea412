"""The oracle itself: against transformers, against numbers worked out by hand, and where two readings must agree."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import get_args

import pytest
import torch
from official_models import official_gemma
from oracle import HeadMemory, feature, next_vector, oracle_logits, oracle_memory, random_ids, random_weights
from torch import Tensor

from gemma10m.config import MemoryKind, ModelConfig, ReadingConfig

CONFIG = ModelConfig(
    hidden_size=16,
    layers=2,
    heads=4,
    kv_heads=2,
    head_size=8,  # 4 heads of 8 are not the hidden size
    feed_forward_size=24,
    vocabulary=40,
    rope_theta=256.0,  # frequencies 1, 1/4, 1/16, 1/64 are exact in float32
    norm_eps=1e-3,
)
FULL = ReadingConfig(memory="full", segment=5)


def vector(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64)


def assert_equal(found: Tensor, expected: Tensor, atol: float = 1e-12) -> None:
    torch.testing.assert_close(found, expected, atol=atol, rtol=0)


@pytest.mark.parametrize("kv_heads", [1, 2, 4])
def test_full_is_the_official_gemma(kv_heads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    config = replace(CONFIG, kv_heads=kv_heads)
    weights, ids = random_weights(config, seed=1), random_ids(config, 24, seed=2)
    official = official_gemma(config, "sdpa").double()  # eager takes its softmax in float32
    loaded = official.load_state_dict(weights, strict=False)
    assert loaded.missing_keys == ["lm_head.weight"]  # tied to the embedding
    assert not loaded.unexpected_keys
    monkeypatch.setattr(Tensor, "float", Tensor.double)  # its norms and angles would fall back to float32
    with torch.no_grad():
        expected = official(torch.tensor([ids])).logits[0]
    assert expected.dtype == torch.float64
    assert expected.std() > 0.5
    assert_equal(oracle_logits(weights, config, FULL, ids), expected)


# --- memory by hand: features (1, 2) and (1/2, 1), then (2, 1) --------------------------------------------------------

FIRST_KEYS = [vector(0, 1), vector(-math.log(2), 0)]
FIRST_VALUES = [vector(1, 0), vector(0, 2)]
NEXT_KEY, NEXT_VALUE = vector(1, 0), vector(1, 1)


def test_feature_is_elu_plus_one() -> None:
    x = torch.linspace(-30, 30, 61, dtype=torch.float64)
    assert_equal(feature(x), torch.nn.functional.elu(x) + 1)
    assert_equal(torch.stack([feature(key) for key in FIRST_KEYS]), torch.stack([vector(1, 2), vector(0.5, 1)]))


@pytest.mark.parametrize("kind", ["linear", "delta"])
def test_first_segment_by_hand(kind: str) -> None:
    memory = HeadMemory.empty(kind, 2)
    assert_equal(memory.read(vector(0, 0)), vector(0, 0))
    memory.write(FIRST_KEYS, FIRST_VALUES, [1, 1])
    assert_equal(memory.M, torch.stack([vector(1, 1), vector(2, 2)]))
    assert_equal(memory.z, vector(1.5, 3))
    assert_equal(memory.read(vector(0, 0)), vector(2 / 3, 2 / 3))


def test_second_segment_by_hand() -> None:
    linear, delta = HeadMemory.empty("linear", 2), HeadMemory.empty("delta", 2)
    for memory in (linear, delta):
        memory.write(FIRST_KEYS, FIRST_VALUES, [1, 1])
        memory.write([NEXT_KEY], [NEXT_VALUE], [1])
        assert_equal(memory.z, vector(3.5, 4))
    assert_equal(linear.M, torch.stack([vector(3, 3), vector(3, 3)]))
    # what (2, 1) finds is (4, 4) / 6; what is left to store of (1, 1) is (1/3, 1/3)
    assert_equal(delta.M, torch.stack([vector(5 / 3, 5 / 3), vector(7 / 3, 7 / 3)]))


def test_delta_compares_every_token_with_the_memory_before_the_segment() -> None:
    memory = HeadMemory.empty("delta", 2)
    memory.write(FIRST_KEYS, FIRST_VALUES, [1, 1])
    memory.write([NEXT_KEY, NEXT_KEY], [NEXT_VALUE, NEXT_VALUE], [1, 1])
    assert_equal(memory.M, torch.stack([vector(7 / 3, 7 / 3), vector(8 / 3, 8 / 3)]))


def test_gated_by_hand() -> None:
    memory = HeadMemory.empty("gated", 2)
    half = math.sqrt(0.5)
    memory.write([vector(0, 7), vector(3, 3)], [vector(1, 0), vector(0, 2)], [0.5, 0.25])
    # (0, 1) holds (0.5, 0) when (h, h) finds (h / 2, 0) there; a quarter of what it misses, (-h / 2, 2), is stored
    assert_equal(memory.M, torch.stack([vector(-0.0625, half / 2), vector(0.4375, half / 2)]))
    assert_equal(memory.z, vector(0, 0))
    assert_equal(memory.read(vector(10, 0)), vector(-0.0625, half / 2))
    memory.write([vector(0.1, 0)], [vector(5, 6)], [1])  # all of it: what the key held is gone
    assert_equal(memory.read(vector(2, 0)), vector(5, 6))
    assert_equal(memory.read(vector(0, 2)), vector(0.4375, half / 2))


def test_gated_ignores_a_key_of_zeros_and_a_closed_gate() -> None:
    memory = HeadMemory.empty("gated", 2)
    memory.write([vector(0, 0), vector(1, 2)], FIRST_VALUES, [1, 0])
    assert_equal(memory.M, torch.zeros(2, 2, dtype=torch.float64))
    assert_equal(memory.read(vector(0, 0)), vector(0, 0))


def test_the_writes_are_the_affine_maps_of_the_design() -> None:
    generator = torch.Generator().manual_seed(3)
    memory = HeadMemory.empty("delta", 4)
    M, z = torch.zeros(4, 4, dtype=torch.float64), torch.zeros(4, dtype=torch.float64)
    for _ in range(4):
        keys, values = torch.randn(2, 5, 4, generator=generator, dtype=torch.float64)
        s = torch.nn.functional.elu(keys) + 1
        n = s @ z
        P = s.T @ (1 / n).diag() @ s if n.any() else torch.zeros_like(M)
        M, z = (torch.eye(4, dtype=torch.float64) - P) @ M + s.T @ values, z + s.sum(0)
        memory.write(list(keys), list(values), [1] * 5)
        assert_equal(memory.M, M)


def test_state_vector_by_hand() -> None:
    """D = 1: norms leave the sign alone, so that (1, 1) goes into the MLP, and 2 into its gelu."""
    one = torch.ones(1, 1, dtype=torch.float64)
    layer = {
        "self_attn.state_vector.up.weight": torch.cat([one, one], dim=1),
        "self_attn.state_vector.down.weight": torch.cat([one, -one]),
        "self_attn.state_vector.down.bias": vector(0.5, 0.25),
    }
    config = replace(CONFIG, hidden_size=1, norm_eps=1e-300)
    found = next_vector(layer, config, vector(3), [vector(1), vector(-5), vector(10)])
    gelu = 1 + math.tanh(math.sqrt(2 / math.pi) * (2 + 0.044715 * 8))
    u = 1 / (1 + math.exp(gelu - 0.25))
    assert_equal(found, vector((1 - u) * 3 + u * math.tanh(gelu + 0.5)))


# --- readings that must agree -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("reading", [ReadingConfig(segment=24), ReadingConfig(segment=5, carry=25, sinks=3)])
def test_a_window_that_holds_everything_is_full(reading: ReadingConfig) -> None:
    weights, ids = random_weights(CONFIG, seed=4), random_ids(CONFIG, 24, seed=5)
    assert_equal(oracle_logits(weights, CONFIG, reading, ids), oracle_logits(weights, CONFIG, FULL, ids))


@pytest.mark.parametrize(
    ("carry", "window"),
    [(0, [0, 1, 2, *range(15, 20)]), (5, [0, 1, 2, *range(10, 20)]), (10, [0, 1, 2, *range(5, 20)]), (15, range(20))],
)
def test_one_layer_sees_exactly_the_window(carry: int, window: list[int]) -> None:
    """A key is its token's alone in the first layer, so the fourth segment is a full reading of what it sees."""
    config = replace(CONFIG, layers=1)
    weights, ids = random_weights(config, seed=6), random_ids(config, 20, seed=7)
    found = oracle_logits(weights, config, ReadingConfig(segment=5, carry=carry, sinks=3), ids)
    expected = oracle_logits(weights, config, FULL, [ids[t] for t in window])
    assert_equal(found[-5:], expected[-5:])


@pytest.mark.parametrize("kind", ["linear", "delta", "gated"])
def test_gates_shut_or_absent_leave_local_attention_alone(kind: MemoryKind) -> None:
    config = replace(CONFIG, has_write_gates=True)
    weights, ids = random_weights(config, seed=8), random_ids(config, 13, seed=9)
    window = oracle_logits(weights, config, ReadingConfig(segment=5), ids)
    remembering = ReadingConfig(memory=kind, segment=5)
    assert_equal(oracle_logits(weights, config, remembering, ids), window)
    shut = {f"model.layers.{i}.self_attn.gate": torch.full((1, 4, 1, 1), -100.0) for i in range(2)}
    assert_equal(oracle_logits(weights | shut, config, remembering, ids), window)


@pytest.mark.parametrize("kind", [kind for kind in get_args(MemoryKind) if kind not in ("heavy", "own")])
def test_no_token_sees_a_later_one(kind: MemoryKind) -> None:
    config = replace(CONFIG, has_gates=True, has_write_gates=True, has_state_vectors=True, added_rank=3)
    weights, ids = random_weights(config, seed=10), random_ids(config, 13, seed=11)
    reading = ReadingConfig(memory=kind, segment=5)
    logits = oracle_logits(weights, config, reading, ids)
    for cut in (4, 9):  # the last token of a segment
        changed = [*ids[:cut], (ids[cut] + 1) % config.vocabulary, *ids[cut + 1 :]]
        after = oracle_logits(weights, config, reading, changed)
        assert_equal(after[:cut], logits[:cut], atol=0)
        reached = (after[cut + 1 :] - logits[cut + 1 :]).abs().amax(-1) > 1e-6
        assert reached.all() == (kind != "window")


def test_memory_holds_the_closed_segments_only() -> None:
    config = replace(CONFIG, has_gates=True)
    weights, ids = random_weights(config, seed=12), random_ids(config, 14, seed=13)
    reading = ReadingConfig(memory="linear", segment=5)
    after = [oracle_memory(weights, config, reading, ids[:length]) for length in (4, 10, 14)]
    for none, two, still_two in zip(*after, strict=True):
        assert not none[0].any()
        assert not none[1].any()
        assert two[0].shape == (2, 8, 8)
        assert two[1].shape == (2, 8)
        assert_equal(two[0], still_two[0], atol=0)
        assert_equal(two[1], still_two[1], atol=0)


def test_every_setting_can_be_seen_in_the_logits() -> None:
    """A comparison at 1e-5 means something only if each setting moves the logits by far more."""
    config = replace(CONFIG, has_gates=True, has_write_gates=True, has_state_vectors=True, added_rank=3)
    weights, ids = random_weights(config, seed=14), random_ids(config, 18, seed=15)
    kinds: tuple[MemoryKind, ...] = ("linear", "delta", "gated", "added", "state-vector", "window")
    readings = [ReadingConfig(memory="full", segment=5)] + [
        ReadingConfig(memory=kind, segment=segment, carry=carry * segment, sinks=sinks)
        for kind in kinds
        for segment in (5, 7)
        for carry in (0, 1)
        for sinks in (0, 3)
    ]
    logits = [oracle_logits(weights, config, reading, ids) for reading in readings]
    assert logits[0].std() > 0.5
    for i, one in enumerate(logits):
        for other in logits[:i]:
            assert (one - other).abs().max() > 1e-2
