"""The reference functions against the equations, one number at a time in float64."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from gemma10m import ops
from gemma10m.kernels import reference

MODEST = settings(max_examples=25, derandomize=True, deadline=None)
SEEDS = st.integers(0, 2**32 - 1)


def normal(*shape: int, seed: int, scale: float = 1.0, dtype: torch.dtype = torch.float32) -> Tensor:
    return (torch.randn(*shape, generator=torch.Generator().manual_seed(seed)) * scale).to(dtype)


def sigma(x: Tensor) -> Tensor:
    """ELU(x) + 1 in float64."""
    wide = x.double()
    return torch.where(wide > 0, wide + 1, wide.exp())


def assert_near(found: Tensor, expected: Tensor, tolerance: float = 1e-5) -> None:
    """To within `tolerance` of the largest number."""
    largest = max(1.0, float(expected.abs().max()))
    torch.testing.assert_close(found.double(), expected.double(), atol=tolerance * largest, rtol=0)


def test_every_op_is_a_function_of_the_backend() -> None:
    assert ops.BACKEND == "reference"
    kernels = [name for name in ops.__all__ if name != "BACKEND"]
    assert kernels
    for name in kernels:
        assert getattr(ops, name) is getattr(reference, name)


# --- the layer's parts ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 48])
def test_rms_norm_divides_by_the_root_of_the_mean_square(size: int) -> None:
    x, weight = normal(3, size, seed=1, scale=4.0), normal(size, seed=2)
    expected = torch.stack(
        [row / math.sqrt(sum(v * v for v in row.tolist()) / size + 1e-6) * (1 + weight.double()) for row in x.double()]
    )
    assert_near(reference.rms_norm(x, weight, 1e-6), expected, 1e-6)


def test_rms_norm_of_zeros_is_zero() -> None:
    assert torch.equal(reference.rms_norm(torch.zeros(2, 5), torch.ones(5), 1e-6), torch.zeros(2, 5))


def test_rms_norm_keeps_the_dtype_it_is_given() -> None:
    for dtype in (torch.bfloat16, torch.float32, torch.float64):
        assert reference.rms_norm(normal(2, 5, seed=1, dtype=dtype), torch.zeros(5, dtype=dtype), 1e-6).dtype == dtype


def test_geglu_uses_the_tanh_form_of_gelu() -> None:
    gate, up = normal(50, seed=3, scale=2.0), normal(50, seed=4)
    inner = [math.sqrt(2 / math.pi) * (g + 0.044715 * g**3) for g in gate.tolist()]
    expected = [g / 2 * (1 + math.tanh(i)) * u for g, i, u in zip(gate.tolist(), inner, up.tolist(), strict=True)]
    assert_near(reference.geglu(gate, up), torch.tensor(expected, dtype=torch.float64), 1e-6)
    exact = [g / 2 * (1 + math.erf(g / math.sqrt(2))) * u for g, u in zip(gate.tolist(), up.tolist(), strict=True)]
    assert (reference.geglu(gate, up) - torch.tensor(exact)).abs().max() > 1e-4  # the other form would be seen


def test_rotate_turns_the_pairs_of_the_two_halves() -> None:
    x, angles = normal(2, 3, 6, seed=5), normal(3, 3, seed=6, scale=3.0)  # (heads, S, E), (S, E/2)
    both = torch.cat((angles, angles), dim=-1)
    found = reference.rotate(x, both.cos(), both.sin())
    for head in range(2):
        for place in range(3):
            for pair in range(3):
                turned = complex(x[head, place, pair], x[head, place, pair + 3])
                turned *= complex(math.cos(angles[place, pair]), math.sin(angles[place, pair]))
                assert found[head, place, pair].item() == pytest.approx(turned.real, abs=1e-6)
                assert found[head, place, pair + 3].item() == pytest.approx(turned.imag, abs=1e-6)


# --- memory -----------------------------------------------------------------------------------------------------------


def test_feature_is_positive_and_float32_whatever_it_is_given() -> None:
    x = torch.tensor([-30.0, -1.0, 0.0, 2.0], dtype=torch.bfloat16)
    found = reference.feature(x)
    assert found.dtype == torch.float32
    assert found.tolist() == pytest.approx([0.0, math.exp(-1), 1.0, 3.0], abs=1e-6)
    assert (found >= 0).all()


def test_reciprocal_of_nothing_is_nothing_and_has_a_finite_gradient() -> None:
    n = torch.tensor([0.0, 1e-30, 1e-3, 4.0], requires_grad=True)
    found = reference.reciprocal(n)
    assert found.tolist() == pytest.approx([0.0, 0.0, 1000.0, 0.25])
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
    expected = weights / weights.sum(-1, keepdim=True) @ values.double()
    assert_near(reference.read_normalised(queries, memory, normaliser), expected)


@MODEST
@given(seed=SEEDS, segments=st.integers(1, 6), tokens=st.integers(1, 7), size=st.integers(1, 6))
def test_delta_as_a_linear_map_equals_equation_9(seed: int, segments: int, tokens: int, size: int) -> None:
    keys, values = (normal(segments, tokens, size, seed=seed + i) for i in range(2))
    memory, z = torch.zeros(size, size), torch.zeros(size)
    exact_memory, exact_z = memory.double(), z.double()
    for k, v in zip(keys, values, strict=True):
        decay, gain = reference.delta_update(k, v, z)
        memory, z = decay @ memory + gain, z + reference.linear_update(k, v)[1]
        s = sigma(k)
        known = s @ exact_memory / (s @ exact_z).unsqueeze(-1) if exact_z.any() else 0.0
        exact_memory, exact_z = exact_memory + s.mT @ (v.double() - known), exact_z + s.sum(0)
    assert_near(memory, exact_memory)
    assert_near(z, exact_z)


@MODEST
@given(seed=SEEDS, segments=st.integers(1, 6), tokens=st.integers(1, 7), size=st.integers(1, 6))
def test_gated_as_a_linear_map_equals_the_write_of_each_token(seed: int, segments: int, tokens: int, size: int) -> None:
    keys, values = (normal(segments, tokens, size, seed=seed + i) for i in range(2))
    gates = torch.rand(segments, tokens, generator=torch.Generator().manual_seed(seed))
    memory, exact = torch.zeros(size, size), torch.zeros(size, size, dtype=torch.float64)
    for k, v, b in zip(keys, values, gates, strict=True):
        decay, gain = reference.gated_update(k, v, b)
        memory = decay @ memory + gain
        s, before = sigma(k), exact
        for token in range(tokens):
            n = sum(float(s[token] @ s[other]) for other in range(tokens))
            missing = v[token].double() - s[token] @ before
            exact = exact + float(b[token]) / n * torch.outer(s[token], missing)
    assert_near(memory, exact)


@MODEST
@given(seed=SEEDS, tokens=st.integers(1, 40), size=st.integers(1, 12), scale=st.sampled_from([0.01, 1.0, 10.0]))
def test_gated_write_is_a_contraction(seed: int, tokens: int, size: int, scale: float) -> None:
    keys = normal(tokens, size, seed=seed, scale=scale)
    gates = torch.rand(tokens, generator=torch.Generator().manual_seed(seed)).round(decimals=1)
    decay, _ = reference.gated_update(keys, keys, gates)
    taken = torch.eye(size) - decay  # P
    assert_near(taken, taken.mT.clone(), 1e-6)
    eigenvalues = torch.linalg.eigvalsh(taken.double())
    assert eigenvalues.min() >= -1e-6
    assert eigenvalues.max() <= 1 + 1e-6


def test_gated_write_with_open_gates_reaches_the_bound() -> None:
    """The largest eigenvalue is 1 when every gate is open: the bound above is tight, not slack."""
    keys = normal(30, 5, seed=8)
    decay, _ = reference.gated_update(keys, keys, torch.ones(30))
    assert torch.linalg.eigvalsh(torch.eye(5) - decay).max().item() == pytest.approx(1.0, abs=1e-5)


def test_closed_write_gates_leave_the_memory_alone() -> None:
    keys = normal(7, 4, seed=9)
    decay, gain = reference.gated_update(keys, keys, torch.zeros(7))
    assert torch.equal(decay, torch.eye(4))
    assert not gain.any()


def test_contracted_reading_has_unit_root_mean_square_but_makes_nothing_of_nothing() -> None:
    queries, memory = normal(9, 6, seed=10), normal(6, 6, seed=11, scale=100.0)
    found = reference.read_contracted(queries, memory)
    assert_near(found.pow(2).mean(-1), torch.ones(9))
    assert_near(torch.nn.functional.cosine_similarity(found.double(), sigma(queries) @ memory.double()), torch.ones(9))
    assert not reference.read_contracted(queries, torch.zeros(6, 6)).any()
    faint = reference.read_contracted(torch.zeros(1, 4), torch.full((4, 4), 1e-4))  # 4e-4, far below the root of eps
    assert_near(faint, torch.full((1, 4), 4e-4 / math.sqrt(1.6e-7 + 1e-4)), 1e-6)


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
            now = memory[b, h].double()
            assert_near(found[b, h, 0], now)
            for s in range(segments):
                now = (now if is_linear else decay[b, h, s].double() @ now) + gain[b, h, s].double()
                assert_near(found[b, h, s + 1], now)


def test_scan_in_float64_is_exact_to_float64() -> None:
    memory = normal(1, 1, 4, 4, seed=0, dtype=torch.float64)
    decay = normal(1, 1, 9, 4, 4, seed=1, dtype=torch.float64)
    gain = normal(1, 1, 9, 4, 4, seed=2, dtype=torch.float64)
    now = memory[0, 0]
    for a, b in zip(decay[0, 0], gain[0, 0], strict=True):
        now = a @ now + b
    assert_near(reference.scan(memory, decay, gain)[0, 0, -1], now, 1e-13)
