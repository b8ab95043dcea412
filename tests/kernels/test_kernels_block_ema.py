"""The moving average in blocks equals the recurrence: outputs, state and gradients, for any length, block and start."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from models import difference
from torch import Tensor

from gemma10m.kernels import reference
from gemma10m.kernels.block_ema import complex_ema_in_blocks

EXACT = 1e-10
FLOAT32 = 1e-5
Arguments = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def arguments(tokens: int, seed: int, dtype: torch.dtype = torch.float64, slowest: float = 0.9999) -> Arguments:
    """Return x, h, p, q and g of 3 channels with 4 numbers each; one of them hardly decays."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator)

    size = torch.sigmoid(normal(3, 4))
    size[0, 0] = slowest
    decay = torch.polar(size, 2.0 * math.pi * torch.sigmoid(normal(3, 4)))
    made = normal(2, 3, tokens), torch.complex(normal(2, 3, 4), normal(2, 3, 4)), torch.sigmoid(normal(3, 4)), decay
    complex_dtype = torch.complex128 if dtype == torch.float64 else torch.complex64
    readout = torch.complex(normal(3, 4), normal(3, 4)) / 2.0
    x, state, gain, decay, readout = (
        part.to(complex_dtype if part.is_complex() else dtype) for part in (*made, readout)
    )
    return x, state, gain, decay, readout


@settings(max_examples=25)
@given(tokens=st.integers(1, 200), block=st.sampled_from([1, 2, 7, 64, 256]), seed=st.integers(0, 999))
def test_both_ways_give_the_same_outputs_and_state(tokens: int, block: int, seed: int) -> None:
    given_ = arguments(tokens, seed)
    expected, found = reference.complex_ema(*given_), complex_ema_in_blocks(*given_, block)
    assert found[0].shape == (2, 3, tokens)
    assert difference(found[0], expected[0]) < EXACT
    assert difference(found[1], expected[1]) < EXACT


@pytest.mark.parametrize("tokens", [64, 500, 2048])
def test_in_float32_they_differ_by_rounding_alone(tokens: int) -> None:
    rounded = arguments(tokens, 0, torch.float32)
    truth = reference.complex_ema(*(part.to(torch.promote_types(part.dtype, torch.float64)) for part in rounded))
    for way in (reference.complex_ema, complex_ema_in_blocks):
        found = way(*rounded)
        assert found[0].dtype == torch.float32
        for part, expected in zip(found, truth, strict=True):
            assert difference(part, expected) < FLOAT32 * float(expected.abs().max())


def test_they_have_the_same_gradients() -> None:
    found = []
    for way in (reference.complex_ema, complex_ema_in_blocks):
        leaves = [part.requires_grad_() for part in arguments(150, 1)]
        outputs, state = way(*leaves)
        (outputs.square().sum() + state.abs().square().sum()).backward()
        found.append([leaf.grad for leaf in leaves])
    for mine, expected in zip(*found, strict=True):
        assert mine is not None
        assert expected is not None
        assert difference(mine, expected) < EXACT * max(1.0, float(expected.abs().max()))
