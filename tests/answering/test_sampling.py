"""Sampling: the probabilities are those of the plain definition, ties included, and little is sorted for them."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import assume, example, given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from gemma10m import Sampling
from gemma10m.answering.sampling import LIKELIEST, Sampler, nucleus
from gemma10m.errors import ModelError

GEMMA = 262_144  # Gemma 3's vocabulary
SETTINGS = [(temperature, top_p) for temperature in (0.3, 1.0, 2.5) for top_p in (0.05, 0.5, 0.9, 1.0)]


def expected(logits: list[float], temperature: float, top_p: float) -> list[float]:
    """Return probabilities by the definition, in plain Python."""
    largest = max(logits)
    weights = [math.exp((logit - largest) / temperature) for logit in logits]
    total, reached, least = math.fsum(weights), 0.0, 0.0
    for weight in sorted(weights, reverse=True):
        if top_p < 1.0 and reached >= top_p * total:
            break
        reached, least = reached + weight, weight
    kept = [weight if weight >= least else 0.0 for weight in weights]
    whole = math.fsum(kept)
    return [weight / whole for weight in kept]


def rounding_decides(logits: list[float], temperature: float, top_p: float) -> bool:
    """Tell if some of the likeliest reach `top_p` all but exactly."""
    return expected(logits, temperature, max(1e-9, top_p - 1e-12)) != expected(logits, temperature, top_p + 1e-12)


def found(logits: Tensor, temperature: float, top_p: float) -> Tensor:
    weights = nucleus(logits, temperature, top_p)
    return weights.double() / weights.sum(dtype=torch.float64)


@example(logits=[0.0, 1e-300], temperature=1.0, top_p=0.3)
@example(logits=[-1e-17, 0.0], temperature=1.0, top_p=0.3)
@given(
    logits=st.lists(st.integers(-6, 6) | st.floats(-30, 30), min_size=1, max_size=60),
    temperature=st.floats(0.05, 10),
    top_p=st.floats(0.001, 1.0),
)
def test_probabilities_are_those_of_the_definition_with_ties(
    logits: list[float], temperature: float, top_p: float
) -> None:
    assume(top_p == 1.0 or not rounding_decides(logits, temperature, top_p))
    probabilities = expected(logits, temperature, top_p)
    wide = torch.tensor(logits, dtype=torch.float64)
    assert found(wide, temperature, top_p).tolist() == pytest.approx(probabilities, rel=1e-10, abs=1e-14)


@pytest.mark.parametrize(("temperature", "top_p"), SETTINGS)
@pytest.mark.parametrize("spread", [0.2, 3.0, 12.0])
def test_probabilities_are_exact_however_large_the_nucleus_is(spread: float, temperature: float, top_p: float) -> None:
    """Nuclei range from a handful of tokens to more than are sorted at first, and to nearly all of them."""
    logits = torch.randn(50_000, generator=torch.Generator().manual_seed(3), dtype=torch.float64) * spread
    probabilities = torch.tensor(expected(logits.tolist(), temperature, top_p), dtype=torch.float64)
    assert torch.allclose(found(logits, temperature, top_p), probabilities, rtol=1e-10, atol=1e-14)


def test_the_sizes_of_the_nuclei_above_are_on_both_sides_of_every_bound() -> None:
    logits = torch.randn(50_000, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    sizes = [
        int((nucleus(logits * spread, temperature, top_p) > 0).sum())
        for spread in (0.2, 3.0, 12.0)
        for temperature, top_p in SETTINGS
        if top_p < 1.0
    ]
    for low, high in zip((0, *LIKELIEST), (*LIKELIEST, 50_000), strict=True):
        assert any(low < size <= high for size in sizes)


@pytest.mark.parametrize(("temperature", "top_p"), SETTINGS)
def test_float32_is_as_exact_as_torchs_own_softmax(temperature: float, top_p: float) -> None:
    logits = torch.randn(GEMMA, generator=torch.Generator().manual_seed(4)) * 4
    exact = torch.softmax(logits.double() / temperature, dim=-1)
    own = (torch.softmax(logits / temperature, dim=-1).double() / exact - 1).abs().max()
    kept = nucleus(logits, temperature, top_p) > 0
    assert float(exact[kept].sum()) >= min(top_p, 0.999999)
    error = found(logits, temperature, top_p)[kept] / (exact[kept] / exact[kept].sum()) - 1
    assert error.abs().max() <= 4 * own


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_tokens_as_likely_as_the_last_of_the_nucleus_are_in_it(dtype: torch.dtype) -> None:
    logits = torch.tensor([1.0, 3.0, 1.0, -2.0, 1.0], dtype=dtype)
    likeliest = math.exp(2) / (math.exp(2) + 3 + math.exp(-3))
    assert found(logits, 1.0, likeliest - 0.01).tolist() == [0, 1, 0, 0, 0]
    weights = nucleus(logits, 1.0, likeliest + 0.01)
    assert (weights[0], weights[3]) == (weights[2], 0)
    assert weights[0] == weights[4] > 0
    assert found(torch.zeros(9, dtype=dtype), 1.0, 0.2).tolist() == [1 / 9] * 9


@pytest.mark.parametrize(("temperature", "top_p"), SETTINGS)
def test_what_is_drawn_follows_from_the_seed_and_the_probabilities_alone(temperature: float, top_p: float) -> None:
    logits = torch.tensor([0.5, 2.0, -1.0, 2.0, 0.0, -4.0, 1.25])
    probabilities = expected(logits.tolist(), temperature, top_p)
    for seed in range(40):
        left = 1.0 - float(torch.rand((), dtype=torch.float64, generator=torch.Generator().manual_seed(seed)))
        token = next(id for id in range(7) if math.fsum(probabilities[: id + 1]) >= left)
        assert Sampler(Sampling(temperature=temperature, top_p=top_p, seed=seed)).choose(logits) == token


class Sorted(TorchDispatchMode):
    """Record the most numbers that an operation sorts."""

    def __init__(self) -> None:
        super().__init__()
        self.most = 0

    def __torch_dispatch__(self, function: Any, types: Any, arguments: Any = (), keywords: Any = None) -> Any:
        name = function.overloadpacket.__name__
        if name == "topk":
            self.most = max(self.most, arguments[1])
        elif "sort" in name and name != "searchsorted":
            self.most = max(self.most, arguments[0].numel())
        return function(*arguments, **(keywords or {}))


@pytest.mark.parametrize("top_p", [0.95, 1.0])
def test_a_token_of_a_large_vocabulary_sorts_few(top_p: float) -> None:
    logits = torch.randn(GEMMA, generator=torch.Generator().manual_seed(5))
    logits[:40] += 14.0
    with Sorted() as seen:
        Sampler(Sampling(temperature=0.8, top_p=top_p)).choose(logits)
    assert seen.most <= LIKELIEST[0]


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_logits_that_are_no_numbers_end_in_one_sentence(broken: float) -> None:
    logits = torch.zeros(8)
    logits[3] = broken
    for top_p in (0.9, 1.0):
        with pytest.raises(ModelError, match="finite"):
            Sampler(Sampling(temperature=1.0, top_p=top_p)).choose(logits)


def test_a_token_that_is_ruled_out_is_never_drawn() -> None:
    logits = torch.tensor([-math.inf, 0.0, -math.inf])
    for top_p in (0.9, 1.0):
        assert {Sampler(Sampling(1.0, top_p, seed)).choose(logits) for seed in range(50)} == {1}
