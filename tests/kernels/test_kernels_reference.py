"""The reference functions against the equations: one number at a time, in float64."""

from __future__ import annotations

import math

import pytest
import torch
from equations import gated_segment, normal, sigma, unit, written_in_turn
from hypothesis import given, settings
from hypothesis import strategies as st
from rounding import EXACT
from torch import Tensor

from gemma10m.kernels import reference

MODEST = settings(max_examples=25)
SEEDS = st.integers(0, 2**32 - 1)


def assert_near(found: Tensor, expected: Tensor, tolerance: float = EXACT) -> None:
    """Compare in float64 to within `tolerance` of the largest number, or of 1 where numbers are small by chance."""
    assert found.dtype == expected.dtype == torch.float64
    largest = max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(found, expected, atol=tolerance * largest, rtol=0)


# --- the layer's parts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 48])
def test_rms_norm_divides_by_the_root_of_the_mean_square(size: int) -> None:
    x, weight = normal(3, size, seed=1, scale=4.0), normal(size, seed=2)
    expected = torch.stack(
        [row / math.sqrt(sum(v * v for v in row.tolist()) / size + 1e-6) * (1 + weight) for row in x]
    )
    assert_near(reference.rms_norm(x, weight, 1e-6), expected)


@pytest.mark.parametrize("shape", [(1, 1, 640), (2, 3, 1, 7)])
@pytest.mark.parametrize("size", [1e-4, 1.0, 1e4])
def test_the_norm_of_one_token_is_the_rms_norm(shape: tuple[int, ...], size: float) -> None:
    x, weight = size * torch.randn(shape, dtype=torch.float64), torch.randn(shape[-1], dtype=torch.float64)
    expected = reference.rms_norm(x, weight, 1e-6, 0.0)
    found = reference.rms_norm_of_one(x, torch.cat((weight, weight)), 1e-6)
    torch.testing.assert_close(found, expected, atol=1e-10, rtol=1e-10)


def test_the_norm_of_one_token_is_computed_in_float32() -> None:
    x, weight = torch.randn(1, 1, 640, dtype=torch.bfloat16), torch.randn(640)
    expected = reference.rms_norm(x, weight, 1e-6, 0.0)
    found = reference.rms_norm_of_one(x, torch.cat((weight, weight)), 1e-6)
    assert found.dtype == torch.bfloat16
    torch.testing.assert_close(found, expected, atol=0, rtol=2**-7)  # one rounding apart


def test_rms_norm_of_zeros_is_zero() -> None:
    assert torch.equal(reference.rms_norm(torch.zeros(2, 5), torch.ones(5), 1e-6), torch.zeros(2, 5))


def test_rms_norm_keeps_the_dtype_it_is_given() -> None:
    for dtype in (torch.bfloat16, torch.float32, torch.float64):
        assert reference.rms_norm(normal(2, 5, seed=1, dtype=dtype), torch.zeros(5, dtype=dtype), 1e-6).dtype == dtype


def test_geglu_uses_the_tanh_form_of_gelu() -> None:
    gate, up = normal(50, seed=3, scale=2.0), normal(50, seed=4)
    inner = [math.sqrt(2 / math.pi) * (g + 0.044715 * g**3) for g in gate.tolist()]
    expected = [g / 2 * (1 + math.tanh(i)) * u for g, i, u in zip(gate.tolist(), inner, up.tolist(), strict=True)]
    assert_near(reference.geglu(gate, up), torch.tensor(expected, dtype=torch.float64))
    exact = [g / 2 * (1 + math.erf(g / math.sqrt(2))) * u for g, u in zip(gate.tolist(), up.tolist(), strict=True)]
    assert (reference.geglu(gate, up) - torch.tensor(exact)).abs().max() > 1e-4  # the other form would be seen


def test_rotate_turns_the_pairs_of_the_two_halves() -> None:
    x, angles = normal(2, 3, 6, seed=5), normal(3, 3, seed=6, scale=3.0)  # (heads, S, E), (S, E/2)
    both = torch.cat((angles, angles), dim=-1)
    expected = torch.empty_like(x)
    for head in range(2):
        for place in range(3):
            for pair in range(3):
                turned = complex(x[head, place, pair], x[head, place, pair + 3])
                turned *= complex(math.cos(angles[place, pair]), math.sin(angles[place, pair]))
                expected[head, place, pair], expected[head, place, pair + 3] = turned.real, turned.imag
    assert_near(reference.rotate(x, both.cos(), both.sin()), expected)


# --- memory -----------------------------------------------------------------------------------------------------------


def test_feature_is_positive_and_float32_whatever_it_is_given() -> None:
    x = torch.tensor([-30.0, -1.0, 0.0, 2.0], dtype=torch.float64)
    found = reference.feature(x.bfloat16())
    assert found.dtype == torch.float32
    assert (found >= 0).all()
    expected = [math.exp(-30), math.exp(-1), 1.0, 3.0]
    assert_near(reference.feature(x), torch.tensor(expected, dtype=torch.float64))


def test_reciprocal_of_nothing_is_nothing_and_has_a_finite_gradient() -> None:
    n = torch.tensor([0.0, 1e-30, 2.0**-10, 4.0], requires_grad=True)
    found = reference.reciprocal(n)
    assert found.tolist() == [0.0, 0.0, 1024.0, 0.25]
    found.sum().backward()
    assert n.grad is not None
    assert n.grad.isfinite().all()


@MODEST
@given(seed=SEEDS, tokens=st.integers(1, 9), size=st.integers(1, 6))
def test_equation_7_reads_what_equation_8_wrote(seed: int, tokens: int, size: int) -> None:
    keys, values = normal(tokens, size, seed=seed), normal(tokens, size, seed=seed + 1)
    queries = normal(3, size, seed=seed + 2)
    memory, normaliser = reference.linear_update(keys, values)
    weights = sigma(queries) @ sigma(keys).mT  # (Q, N): how alike each query and key are
    expected = weights / weights.sum(-1, keepdim=True) @ values
    assert_near(reference.read_normalised(queries, memory, normaliser), expected)


@MODEST
@given(seed=SEEDS, segments=st.integers(1, 6), tokens=st.integers(1, 7), size=st.integers(1, 6))
def test_delta_as_a_linear_map_equals_equation_9(seed: int, segments: int, tokens: int, size: int) -> None:
    keys, values = (normal(segments, tokens, size, seed=seed + i) for i in range(2))
    memory, z = torch.zeros(size, size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
    exact_memory, exact_z = memory, z
    for k, v in zip(keys, values, strict=True):
        decay, gain = reference.delta_decay(k, z), reference.linear_update(k, v)[0]
        memory, z = decay @ memory + gain, z + reference.linear_update(k, v)[1]
        s = sigma(k)
        known = s @ exact_memory / (s @ exact_z).unsqueeze(-1) if exact_z.any() else 0.0
        exact_memory, exact_z = exact_memory + s.mT @ (v - known), exact_z + s.sum(0)
    assert_near(memory, exact_memory)
    assert_near(z, exact_z)


@settings(max_examples=40)
@given(seed=SEEDS, segments=st.integers(1, 4), tokens=st.integers(1, 70), size=st.integers(1, 70))
def test_gated_as_a_linear_map_equals_the_write_of_each_token(seed: int, segments: int, tokens: int, size: int) -> None:
    memory = exact = torch.zeros(size, size, dtype=torch.float64)
    for number in range(segments):
        keys, values, gates = gated_segment(tokens, size, seed + 2 * number)
        decay, gain = reference.gated_update(keys, values, gates)
        memory, exact = decay @ memory + gain, written_in_turn(exact, keys, values, gates)
    assert_near(memory, exact, 1e-12)


def test_gated_segments_of_a_batch_do_not_touch_each_other() -> None:
    keys, values = normal(2, 3, 4, 9, 5, seed=1), normal(2, 3, 4, 9, 5, seed=2)  # (B, K, G, N, E)
    gates = torch.rand(2, 3, 4, 9, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    decay, gain = reference.gated_update(keys, values, gates)
    for place in [(0, 0, 0), (1, 2, 3), (1, 0, 2)]:
        alone = reference.gated_update(keys[place], values[place], gates[place])
        assert_near(decay[place], alone[0])
        assert_near(gain[place], alone[1])


@MODEST
@given(seed=SEEDS, tokens=st.integers(1, 70), size=st.integers(1, 40), scale=st.sampled_from([1e-6, 1.0, 1e6]))
def test_gated_write_is_a_contraction(seed: int, tokens: int, size: int, scale: float) -> None:
    keys, values, gates = gated_segment(tokens, size, seed)
    decay, _ = reference.gated_update(keys * scale, values, gates)
    assert torch.linalg.matrix_norm(decay, ord=2) <= 1 + EXACT


@MODEST
@given(seed=SEEDS, segments=st.integers(1, 5), tokens=st.integers(1, 40), size=st.integers(1, 9))
def test_gated_memory_grows_by_no_more_than_what_is_written(seed: int, segments: int, tokens: int, size: int) -> None:
    """The square |M|^2 grows by at most b |v|^2 a token, whatever the keys: ten million tokens overflow nothing."""
    memory, room = torch.zeros(size, size, dtype=torch.float64), 0.0
    for number in range(segments):
        keys, values, gates = gated_segment(tokens, size, seed + 2 * number)
        decay, gain = reference.gated_update(keys, values, gates)
        memory, room = decay @ memory + gain, room + float(gates @ values.pow(2).sum(-1))
        assert float(memory.pow(2).sum()) <= room * (1 + EXACT)


def test_a_repeated_segment_stays_within_its_values() -> None:
    """The segment is written a thousand times, far more tokens than the memory has room for."""
    keys, values, gates = gated_segment(70, 8, seed=5)
    decay, gain = reference.gated_update(keys, values, gates)
    memory = torch.zeros(8, 8, dtype=torch.float64)
    for _ in range(1000):
        memory = decay @ memory + gain
    once_more = decay @ memory + gain
    assert_near(once_more, memory)  # it has settled
    assert torch.linalg.matrix_norm(memory) < 10 * torch.linalg.matrix_norm(gain)


@pytest.mark.parametrize("later", [0, 1, 5])
def test_a_rewritten_key_holds_its_last_value_alone(later: int) -> None:
    """b = 1 replaces, and keys at right angles to it leave it alone."""
    key, other = torch.tensor([[0.0, 3.0, 0.0, 4.0], [1.0, 0.0, 2.0, 0.0]], dtype=torch.float64)
    keys = torch.stack([key, key, key, *[other] * later])
    values = normal(3 + later, 4, seed=7, scale=10.0)
    decay, gain = reference.gated_update(keys, values, torch.ones(3 + later, dtype=torch.float64))
    found = reference.read_contracted(key.unsqueeze(0), decay @ normal(4, 4, seed=8) + gain)
    assert_near(found[0], values[2])


def test_keys_at_right_angles_are_all_read_back() -> None:
    keys = 5 * torch.eye(6, dtype=torch.float64).roll(2, 0)
    values = normal(6, 6, seed=10)
    decay, gain = reference.gated_update(keys, values, torch.ones(6, dtype=torch.float64))
    assert_near(decay, torch.zeros_like(decay), 1e-12)  # nothing is left of what was there
    assert_near(reference.read_contracted(-keys, gain), -values, 1e-12)


def test_a_half_open_gate_goes_half_of_the_way() -> None:
    key = torch.tensor([[2.0, 0.0]])
    decay, gain = reference.gated_update(key, torch.tensor([[8.0, -4.0]]), torch.tensor([0.5]))
    memory = decay @ torch.tensor([[2.0, 2.0], [5.0, 6.0]]) + gain
    assert torch.equal(memory, torch.tensor([[5.0, -1.0], [5.0, 6.0]]))


@pytest.mark.parametrize(
    "keys", [normal(7, 4, seed=9), torch.zeros(7, 4, dtype=torch.float64)], ids=["closed gates", "keys of zeros"]
)
def test_what_writes_nothing_leaves_the_memory_alone(keys: Tensor) -> None:
    gates = torch.full((7,), 0.0 if keys.any() else 1.0, dtype=torch.float64)
    decay, gain = reference.gated_update(keys, normal(7, 4, seed=10), gates)
    assert torch.equal(decay, torch.eye(4, dtype=torch.float64))
    assert not gain.any()


def test_gradients_of_a_gated_write_are_those_of_the_tokens_in_turn() -> None:
    keys, values = (normal(9, 4, seed=seed).requires_grad_() for seed in (11, 12))
    gates = torch.rand(9, generator=torch.Generator().manual_seed(13), dtype=torch.float64).requires_grad_()
    before, inputs = normal(4, 4, seed=14), (keys, values, gates)
    decay, gain = reference.gated_update(*inputs)
    found = torch.autograd.grad((decay @ before + gain).sin().sum(), inputs)
    expected = torch.autograd.grad(written_in_turn(before, *inputs).sin().sum(), inputs)
    for mine, theirs in zip(found, expected, strict=True):
        assert_near(mine, theirs, 1e-12)


def test_contracted_reading_is_that_of_a_query_of_length_one() -> None:
    queries, memory = normal(9, 6, seed=10), normal(6, 6, seed=11)
    for scale in (1e-3, 1.0, 30.0):
        expected = torch.stack([unit(scale * query) @ memory for query in queries])
        assert_near(reference.read_contracted(scale * queries, memory), expected, 1e-14)
    assert not reference.read_contracted(torch.zeros_like(queries), memory).any()
    assert not reference.read_contracted(queries, torch.zeros_like(memory)).any()


# --- scan -------------------------------------------------------------------------------------------------------------


@MODEST
@given(
    seed=SEEDS, batch=st.integers(1, 2), heads=st.integers(1, 3), segments=st.integers(0, 7), is_linear=st.booleans()
)
def test_scan_equals_a_loop(seed: int, batch: int, heads: int, segments: int, is_linear: bool) -> None:
    size = 3
    memory = normal(batch, heads, size, size, seed=seed)
    gain = normal(batch, heads, segments, size, size, seed=seed + 1)
    decay = normal(batch, heads, segments, size, size, seed=seed + 2, scale=0.5)
    found = reference.scan(memory, None if is_linear else decay, gain)
    assert found.shape == (batch, heads, segments + 1, size, size)
    for b in range(batch):
        for h in range(heads):
            now = memory[b, h]
            assert_near(found[b, h, 0], now)
            for s in range(segments):
                now = (now if is_linear else decay[b, h, s] @ now) + gain[b, h, s]
                assert_near(found[b, h, s + 1], now)


def test_scan_in_float64_is_exact_to_float64() -> None:
    memory, decay, gain = normal(1, 1, 4, 4, seed=0), normal(1, 1, 9, 4, 4, seed=1), normal(1, 1, 9, 4, 4, seed=2)
    now = memory[0, 0]
    for a, b in zip(decay[0, 0], gain[0, 0], strict=True):
        now = a @ now + b
    assert_near(reference.scan(memory, decay, gain)[0, 0, -1], now, 1e-13)
