"""Matrices that are joined give each part's products, and take no memory but their own."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gemma10m.models.joined import Joined, JoinedPacked, join_matrices
from gemma10m.models.quantised import QuantisedLinear

SIZE, BLOCK = 64, 64


def packed(rows: int, bits: int, seed: int, has_bias: bool = False) -> QuantisedLinear:
    """Return a matrix of random levels and scales, which differ from row to row."""
    draw = torch.Generator().manual_seed(seed)
    made = QuantisedLinear(SIZE, rows, bits, has_bias)
    made.packed = torch.randint(256, made.packed.shape, generator=draw, dtype=torch.uint8)
    made.scales = torch.rand(made.scales.shape, generator=draw).add(0.5).div(64).bfloat16()
    made.bias = torch.randn(rows, generator=draw).bfloat16() if has_bias else None
    return made


def given(rows: int) -> Tensor:
    return torch.randn(1, rows, SIZE, generator=torch.Generator().manual_seed(9)).bfloat16()


@torch.inference_mode()
@pytest.mark.parametrize("tokens", [1, 3, 700])
@pytest.mark.parametrize("has_bias", [False, True])
@pytest.mark.parametrize("bits", [4, 8])
def test_packed_parts_give_what_they_gave_alone(bits: int, has_bias: bool, tokens: int) -> None:
    parts = [packed(rows, bits, seed, has_bias) for seed, rows in enumerate((2 * BLOCK, BLOCK, 3 * BLOCK))]
    x = given(tokens)
    expected = [part(x) for part in parts]
    whole = join_matrices(*parts)
    assert isinstance(whole, JoinedPacked)
    for found in (whole.products(x), [parts[0](x), *whole.later_products(x)]):
        assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


def test_packed_parts_are_views_of_the_whole() -> None:
    parts = [packed(rows, 4, seed) for seed, rows in enumerate((2 * BLOCK, BLOCK))]
    kept = [(part.packed.clone(), part.scales.clone()) for part in parts]
    join_matrices(*parts)
    assert len({part.packed.untyped_storage().data_ptr() for part in parts}) == 1
    assert len({part.scales.untyped_storage().data_ptr() for part in parts}) == 1
    for part, (levels, scales) in zip(parts, kept, strict=True):
        assert torch.equal(part.packed, levels)
        assert torch.equal(part.scales, scales)


@pytest.mark.parametrize(
    "other",
    [
        packed(BLOCK, 8, 1),
        packed(BLOCK, 4, 1, has_bias=True),
        packed(BLOCK + 1, 4, 1),
        nn.Linear(SIZE, BLOCK, bias=False),
    ],
    ids=["bits", "bias", "part of a block", "float"],
)
def test_what_is_packed_differently_stays_apart(other: nn.Module) -> None:
    assert join_matrices(packed(BLOCK, 4, 0), other) is None
    assert join_matrices(other, packed(BLOCK, 4, 0)) is None


@torch.inference_mode()
@pytest.mark.parametrize("has_bias", [False, True])
def test_float_parts_give_what_they_gave_alone(has_bias: bool) -> None:
    torch.manual_seed(0)
    parts = [nn.Linear(SIZE, rows, bias=has_bias, dtype=torch.float64) for rows in (5, 3, 4)]
    x = given(4).double()
    expected = [part(x) for part in parts]
    whole = join_matrices(*parts)
    assert isinstance(whole, Joined)
    for found in (whole.products(x), [parts[0](x), *whole.later_products(x)]):
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, atol=1e-12, rtol=0)
