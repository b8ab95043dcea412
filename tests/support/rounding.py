"""Bounds for numerics: 1e-10 in float64; in a narrower type twice the rounding error that a reference makes."""

from __future__ import annotations

import torch
from torch import Tensor

EXACT = 1e-10


def assert_exact(found: Tensor, expected: Tensor) -> None:
    """Compare two float64 tensors to within 1e-10 of the largest number."""
    assert found.dtype == expected.dtype == torch.float64
    assert found.shape == expected.shape
    assert rounding_error(found.detach(), expected.detach()) <= EXACT * largest(expected.detach())


def rounding_error(found: Tensor, truth: Tensor) -> float:
    """Return the largest difference from the truth, which is float64."""
    assert truth.dtype == torch.float64
    assert found.shape == truth.shape
    return largest(found.double() - truth)


def largest(numbers: Tensor) -> float:
    return float(numbers.abs().max())


def assert_as_exact(found: Tensor, reference: Tensor, truth: Tensor) -> None:
    """Require of `found` no more than twice the error of the reference, which computes in the same type.

    A small reference result may be exact by chance, so that half a unit in the last place of the largest number counts
    as an error of the reference too.
    """
    assert found.dtype == reference.dtype != torch.float64
    last_place = torch.finfo(found.dtype).eps / 2 * largest(truth)
    assert rounding_error(found, truth) <= 2 * max(rounding_error(reference, truth), last_place)
