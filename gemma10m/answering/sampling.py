"""From logits to the next id: greedy, or temperature and top-p (nucleus sampling, arXiv 1904.09751)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from gemma10m.errors import UsageError


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
            yield f"temperature must be 0 or more, found {self.temperature}"
        if not 0.0 < self.top_p <= 1.0:
            yield f"top-p must lie in (0, 1], found {self.top_p}"
        if not -(2**63) <= self.seed < 2**64:
            yield f"seed must fit in 64 bits, found {self.seed}"
        if self.max_new_tokens < 1:
            yield f"max new tokens must be at least 1, found {self.max_new_tokens}"


class Sampler:
    def __init__(self, sampling: Sampling) -> None:
        self._sampling = sampling
        self._generator = torch.Generator().manual_seed(sampling.seed)

    def choose(self, logits: Tensor) -> int:
        """logits (V,) -> id."""
        if self._sampling.temperature == 0.0:
            return int(logits.argmax())
        wide = logits.double().cpu()
        scaled = (wide - wide.max()) / self._sampling.temperature  # at most 0: no temperature is too small
        probabilities, order = torch.softmax(scaled, dim=-1).sort(descending=True)  # (V,) each
        before = probabilities.cumsum(0) - probabilities
        kept = torch.where(before < self._sampling.top_p, probabilities, 0.0)
        return int(order[torch.multinomial(kept, 1, generator=self._generator)])
