"""The reference functions in float32: no less exact than the equations written out in float32."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from equations import gated_segment, normal, sigma, unit, written_in_turn
from rounding import assert_as_exact
from torch import Tensor

from gemma10m.kernels import reference

EPS = 1e-6


def normalised(x: Tensor, weight: Tensor) -> Tensor:
    return x / (x.pow(2).mean(-1, keepdim=True) + EPS).sqrt() * (1 + weight)


def tanh_gated(gate: Tensor, up: Tensor) -> Tensor:
    inner = math.sqrt(2 / math.pi) * (gate + 0.044715 * gate**3)
    return gate / 2 * (1 + inner.tanh()) * up


def sigmoid_gated(gate: Tensor, up: Tensor) -> Tensor:
    return gate / (1 + (-gate).exp()) * up


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, dim=-1)
    c, s = cos[..., : first.shape[-1]], sin[..., : first.shape[-1]]
    return torch.cat((first * c - second * s, second * c + first * s), dim=-1)


def read_in_turn(queries: Tensor, memory: Tensor, normaliser: Tensor) -> Tensor:
    return torch.stack([s @ memory / (s @ normaliser) for s in sigma(queries)])


def added_in_turn(keys: Tensor, values: Tensor) -> Tensor:
    """Return M and below it z."""
    both = torch.zeros(keys.shape[-1] + 1, keys.shape[-1], dtype=keys.dtype)
    for s, v in zip(sigma(keys), values, strict=True):
        both = both + torch.cat((torch.outer(s, v), s.unsqueeze(0)))
    return both


def decayed_in_turn(keys: Tensor, normaliser: Tensor) -> Tensor:
    decay = torch.eye(keys.shape[-1], dtype=keys.dtype)
    for s in sigma(keys):
        decay = decay - torch.outer(s, s / (s @ normaliser))
    return decay


def segment_after_segment(memory: Tensor, decay: Tensor, gain: Tensor) -> Tensor:
    found = [memory]
    for segment in range(decay.shape[2]):
        found.append(decay[:, :, segment] @ found[-1] + gain[:, :, segment])
    return torch.stack(found, dim=2)


def both_added(keys: Tensor, values: Tensor) -> Tensor:
    memory, normaliser = reference.linear_update(keys, values)
    return torch.cat((memory, normaliser.unsqueeze(0)))


ROWS, SIZE = 65, 48
NORMALISER = 20 * normal(SIZE, seed=1).abs()
ANGLES = normal(ROWS, SIZE // 2, seed=2, scale=3.0).repeat(1, 2)
ONE, OTHER = normal(ROWS, SIZE, seed=3, scale=2.0), normal(ROWS, SIZE, seed=4)
MEMORY = normal(SIZE, SIZE, seed=5)
SCANNED = (normal(1, 2, 9, 9, seed=6), normal(1, 2, 12, 9, 9, seed=7, scale=0.3), normal(1, 2, 12, 9, 9, seed=8))
Function = Callable[..., Tensor]
FUNCTIONS: dict[str, tuple[Function, Function, tuple[Tensor, ...]]] = {
    "rms_norm": (lambda x, weight: reference.rms_norm(x, weight, EPS), normalised, (ONE, OTHER[0])),
    "geglu": (reference.geglu, tanh_gated, (ONE, OTHER)),
    "swiglu": (reference.swiglu, sigmoid_gated, (ONE, OTHER)),
    "rotate": (reference.rotate, turned, (OTHER, ANGLES.cos(), ANGLES.sin())),
    "feature": (reference.feature, sigma, (ONE,)),
    "unit": (reference.unit, unit, (ONE,)),
    "linear_update": (both_added, added_in_turn, (ONE, OTHER)),
    "delta_decay": (reference.delta_decay, decayed_in_turn, (ONE, NORMALISER)),
    "read_normalised": (reference.read_normalised, read_in_turn, (ONE, MEMORY, NORMALISER)),
    "read_contracted": (reference.read_contracted, lambda asked, memory: unit(asked) @ memory, (ONE, MEMORY)),
    "scan": (reference.scan, segment_after_segment, SCANNED),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_float32_is_as_exact_as_the_equation_written_out(name: str) -> None:
    function, equation, inputs = FUNCTIONS[name]
    narrow = [each.float() for each in inputs]
    assert_as_exact(function(*narrow), equation(*narrow), equation(*(each.double() for each in narrow)))


@pytest.mark.parametrize("seed", range(5))
def test_gated_segments_in_float32_are_as_exact_as_the_write_of_each_token(seed: int) -> None:
    """Read four segments with repeated, opposite and empty keys, closed and open gates, over a memory with content."""
    found = theirs = normal(SIZE, SIZE, seed=seed).float()
    truth = theirs.double()
    for number in range(4):
        narrow = [each.float() for each in gated_segment(ROWS, SIZE, 10 * seed + 2 * number)]
        decay, gain = reference.gated_update(*narrow)
        found, theirs = decay @ found + gain, written_in_turn(theirs, *narrow)
        truth = written_in_turn(truth, *(each.double() for each in narrow))
    assert_as_exact(found, theirs, truth)
