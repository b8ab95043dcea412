"""Choose the next id from logits: greedy, or by temperature and top-p (nucleus sampling, arXiv 1904.09751)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from gemma10m.errors import ModelError, UsageError

LIKELIEST = (1024, 32768)  # how many tokens are sorted, before all are: a nucleus is seldom as large


@dataclass(frozen=True)
class Sampling:
    temperature: float = 0.0  # 0: always the likeliest
    top_p: float = 1.0  # sample from the likeliest tokens that together reach this probability
    seed: int = 0
    max_new_tokens: int = 512

    def __post_init__(self) -> None:
        problems = list(self._problems())
        if problems:
            raise UsageError("; ".join(problems))

    def _problems(self) -> Iterator[str]:
        if not 0.0 <= self.temperature < float("inf"):
            yield f"temperature must be 0 or more, and finite, found {self.temperature}"
        if not 0.0 < self.top_p <= 1.0:
            yield f"top-p must lie in (0, 1], found {self.top_p}"
        if not -(2**63) <= self.seed < 2**64:
            yield f"seed must fit in 64 bits, found {self.seed}"
        if self.max_new_tokens < 1:
            yield f"max new tokens must be at least 1, found {self.max_new_tokens}"


class Sampler:
    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._generator = torch.Generator().manual_seed(sampling.seed)  # the CPU's: a seed draws the same on a GPU

    def choose(self, logits: Tensor) -> int:
        """Return an id for logits (V,). Raises ModelError for logits that are not numbers when one is to be drawn."""
        if self._sampling.temperature == 0.0:
            return int(logits.argmax())
        sums = nucleus(logits, self._sampling.temperature, self._sampling.top_p).cumsum(0, dtype=torch.float64)  # (V,)
        drawn = 1.0 - torch.rand((), dtype=torch.float64, generator=self._generator).item()  # in (0, 1]
        token = int(torch.searchsorted(sums, drawn * sums[-1]))  # the first that reaches it: never one of weight 0
        if token == len(logits):
            raise ModelError("the model's logits are not finite numbers", hint="its weights may be damaged")
        return token


def nucleus(logits: Tensor, temperature: float, top_p: float) -> Tensor:
    """Return weights to draw from, by id, on the logits' device. (V,) -> (V,)

    They are 0 outside of the nucleus and 1 for the likeliest. The nucleus is the fewest of the likeliest that together
    reach `top_p`, and what is as likely as the last of them. In float32, or float64 if the logits are; sums over the
    vocabulary in float64.
    """
    wide = logits.to(torch.promote_types(logits.dtype, torch.float32))
    coldest = torch.finfo(wide.dtype).tiny  # below it, 0 / temperature would be no number
    weights = ((wide - wide.max()) / max(temperature, coldest)).exp()  # at most 1
    if top_p == 1.0:
        return weights
    return weights.masked_fill(weights < _least(weights, top_p * weights.sum(dtype=torch.float64)), 0.0)


def _least(weights: Tensor, needed: Tensor) -> Tensor:
    """Return the last of the largest of `weights` (V,) that together reach `needed`."""
    for count in (*(few for few in LIKELIEST if few < len(weights)), len(weights)):
        largest = weights.topk(count).values
        sums = largest.cumsum(0, dtype=torch.float64)  # (count,)
        if sums[-1] >= needed:
            break
    return largest[(sums < needed).sum().clamp(max=count - 1)]
