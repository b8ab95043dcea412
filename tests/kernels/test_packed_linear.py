"""Packed matrices: what a level stands for, and each kernel against the reference."""

from __future__ import annotations

import pytest
import torch
from rounding import assert_as_exact, assert_exact
from torch import Tensor

from gemma10m import ops
from gemma10m.kernels import reference
from gemma10m.weights.quantising import pack

BITS = pytest.mark.parametrize("bits", [4, 8])


def packed_of(levels: Tensor, steps: Tensor, offsets: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """Pack signed levels (rows, size) with steps and offsets (groups, rows); offsets of 8 bits are left out."""
    if bits == 4:
        return pack((levels + 8).to(torch.uint8)), torch.stack((steps, offsets), dim=2)
    bytes_ = (levels + 128).to(torch.uint8)
    scales = torch.cat((torch.stack((16 * steps, 0 * steps), dim=2), torch.stack((steps, 8 * steps), dim=2)))
    return pack(torch.cat((bytes_ >> 4, bytes_ & 15), dim=1)), scales


def drawn(rows: int, size: int, bits: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    """Return a matrix (rows, size) in float64 and its packed form with random levels and scales of `dtype`."""
    generator = torch.Generator().manual_seed(rows + size + bits)
    levels = torch.randint(-(2 ** (bits - 1)), 2 ** (bits - 1), (rows, size), generator=generator)
    steps, offsets = (torch.randn(size // 32, rows, generator=generator).to(dtype) for _ in range(2))
    offsets = offsets if bits == 4 else 0 * offsets
    packed, scales = packed_of(levels, steps, offsets, bits)
    wide = [each.double().T.repeat_interleave(32, dim=1) for each in (steps, offsets)]  # (rows, size) each
    return levels * wide[0] + wide[1], packed, scales


def asking(count: int, size: int, dtype: torch.dtype) -> Tensor:
    return torch.randn(count, size, generator=torch.Generator().manual_seed(count)).to(dtype)


@BITS
@pytest.mark.parametrize("rows", [64, 1216])
def test_a_packed_matrix_is_step_times_level_plus_offset(rows: int, bits: int) -> None:
    matrix, packed, scales = drawn(rows, 96, bits, torch.float64)
    x = asking(3, 96, torch.float64)
    assert_exact(reference.packed_weights(packed, scales, 96), matrix.T.contiguous())
    assert_exact(reference.packed_linear(x, packed, scales), x @ matrix.T)


@BITS
def test_torchs_kernel_for_few_rows_is_as_exact_as_the_reference(bits: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if not ops.has_torchs_layout():
        pytest.skip("this processor's kernel packs rows otherwise")
    monkeypatch.setattr(ops, "BACKEND", "reference")
    matrix, packed, scales = drawn(128, 256, bits, torch.bfloat16)
    x = asking(5, 256, torch.bfloat16)
    with torch.no_grad():
        found = ops.packed_linear(x, packed, scales)
    plain = reference.packed_linear(x, packed, scales)
    assert not torch.equal(found, plain)  # else it was the reference again
    assert_as_exact(found, plain, x.double() @ matrix.T)


@BITS
def test_the_last_token_of_each_of_several_documents_is_multiplied(bits: int) -> None:
    """It is a row of a larger tensor, which torch's kernel does not take."""
    _, packed, scales = drawn(64, 64, bits, torch.bfloat16)
    x = asking(6, 64, torch.bfloat16).view(2, 3, 64)
    with torch.no_grad():
        found = ops.packed_linear(x[:, -1:], packed, scales)
        assert torch.equal(found, ops.packed_linear(x[:, -1:].contiguous(), packed, scales))
    assert found.shape == (2, 1, 64)


def test_many_rows_are_the_references() -> None:
    _, packed, scales = drawn(64, 64, 4, torch.bfloat16)
    x = asking(33, 64, torch.bfloat16)
    with torch.no_grad():
        assert torch.equal(ops.packed_linear(x, packed, scales), reference.packed_linear(x, packed, scales))


def test_no_rows_are_multiplied_to_no_rows() -> None:
    _, packed, scales = drawn(64, 64, 4, torch.bfloat16)
    with torch.no_grad():
        assert ops.packed_linear(asking(0, 64, torch.bfloat16)[None], packed, scales).shape == (1, 0, 64)


@BITS
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_kernel_for_gpus_is_as_exact_as_the_reference(bits: int, dtype: torch.dtype) -> None:
    pytest.importorskip("triton")
    from gemma10m.kernels import compiled

    matrix, packed, scales = drawn(128, 64, bits, torch.bfloat16)
    x = asking(2, 64, dtype)
    found = compiled.packed_linear(x.view(2, 1, 64), packed, scales)
    assert found.shape == (2, 1, 128)
    plain = reference.packed_linear(x, packed, scales if dtype == torch.bfloat16 else scales.float())
    assert_as_exact(found.view(2, 128), plain, x.double() @ matrix.T)
