"""Keys and values in 8 or 4 bits: how far they are from what they were, and how many bytes they take."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from gemma10m.config import AttentionSpec, ReadingConfig
from gemma10m.memory.quantiser import Quantiser, quantiser_of
from gemma10m.memory.state import LayerState

SPEC = AttentionSpec(heads=4, kv_heads=2, head_size=6)


def drawn(tokens: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    """Return keys whose channels differ in size, and values whose tokens do, (1, 2, tokens, 6) each."""
    generator = torch.Generator().manual_seed(seed)
    keys = torch.randn(1, 2, tokens, 6, generator=generator) * torch.tensor([0.01, 0.1, 1, 10, 100, 1000])
    values = torch.randn(1, 2, tokens, 6, generator=generator) * torch.rand(tokens, 1, generator=generator) * 50
    return keys.to(dtype), values.to(dtype)


@pytest.mark.parametrize("bits", [8, 4])
def test_no_number_is_off_by_more_than_half_a_step(bits: int) -> None:
    keys, values = drawn(24)
    quantiser = Quantiser(bits, group=8)
    found_keys, found_values = quantiser.restored(quantiser.quantised(keys, values), torch.float64)
    groups = keys.unflatten(2, (3, 8))  # (1, 2, 3, 8, 6)
    key_step = (groups.amax(3, keepdim=True) - groups.amin(3, keepdim=True)) / (2**bits - 1)
    value_step = (values.amax(3, keepdim=True) - values.amin(3, keepdim=True)) / (2**bits - 1)
    assert ((found_keys.unflatten(2, (3, 8)) - groups).abs() <= key_step * (0.5 + 1e-9)).all()
    assert ((found_values - values).abs() <= value_step * (0.5 + 1e-9)).all()
    assert not torch.equal(found_keys, keys)


def test_small_channels_of_keys_keep_their_own_precision() -> None:
    """One scale for a whole token would lose them: the largest channel is 100,000 times as large."""
    keys, values = drawn(64)
    quantiser = Quantiser(8, group=64)
    found, _ = quantiser.restored(quantiser.quantised(keys, values), torch.float64)
    for channel in range(6):
        error = (found[..., channel] - keys[..., channel]).norm() / keys[..., channel].norm()
        assert error < 0.01, channel


def test_what_is_everywhere_the_same_is_kept_exactly() -> None:
    keys = torch.tensor([1.5, -2.0, 0.0, 7.0, 1e-30, 3.0]).expand(1, 2, 8, 6).double()
    values = torch.arange(8.0).view(1, 1, 8, 1).expand(1, 2, 8, 6).double()
    quantiser = Quantiser(4, group=4)
    found = quantiser.restored(quantiser.quantised(keys, values), torch.float64)
    assert torch.equal(found[0], keys)
    assert torch.equal(found[1], values)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_numbers_come_back_in_the_weights_type_and_scales_stay_float32(dtype: torch.dtype) -> None:
    keys, values = drawn(8, dtype=dtype)
    quantiser = Quantiser(8, group=8)
    codes = quantiser.quantised(keys, values)
    assert {str(tensor.dtype) for tensor in codes.values()} == {"torch.uint8", "torch.float32"}
    assert {tensor.dtype for tensor in quantiser.restored(codes, dtype)} == {dtype}


@pytest.mark.parametrize("bits", [8, 4])
@pytest.mark.parametrize(("earlier", "kept"), [(16, 21), (16, 24), (0, 7), (8, 1), (16, 0)])
def test_the_last_tokens_are_those_of_all(bits: int, earlier: int, kept: int) -> None:
    """Codes that were kept are joined with new ones, and cut inside a group, without being computed again."""
    quantiser = Quantiser(bits, group=8)
    keys, values = drawn(earlier + 8)
    whole = quantiser.quantised(keys, values)
    old = quantiser.quantised(keys[:, :, :earlier], values[:, :, :earlier])
    new = quantiser.quantised(keys[:, :, earlier:], values[:, :, earlier:])
    left = LayerState(**quantiser.last(LayerState(**old), new, kept))
    assert left.layout == quantiser.layout(SPEC, kept, 1, torch.float64)
    for found, expected in zip(
        quantiser.restored(left, torch.float64), quantiser.restored(whole, torch.float64), strict=True
    ):
        assert torch.equal(found, expected[:, :, expected.shape[2] - kept :])


@pytest.mark.parametrize(("kv", "bits"), [("int8", 8), ("int4", 4)])
def test_a_token_takes_the_bits_that_the_documentation_says(kv: str, bits: int) -> None:
    quantiser = quantiser_of(ReadingConfig(segment=2048, carry=2048, kv=kv))
    assert quantiser is not None
    spec = AttentionSpec(heads=4, kv_heads=1, head_size=256)
    layout = quantiser.layout(spec, 2048, 1, torch.float32)
    nbytes = sum(math.prod(shape) * dtype.itemsize for dtype, shape in layout.values())
    assert 8 * nbytes == 2048 * (256 * (2 * bits + 1) + 64)  # a bit a number for the keys' scales, 64 for a value's


def test_without_a_format_nothing_is_quantised() -> None:
    assert quantiser_of(ReadingConfig()) is None
