"""Normalise by the mean and variance of all numbers of a group so far: Megalodon's timestep normalisation.

arXiv 2404.08801, equation 4. The count of tokens is the chunk's position, so the state needs none of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from gemma10m import ops
from gemma10m.config import ModelConfig
from gemma10m.memory.state import LayerState, Layout
from gemma10m.models.chunk import Chunk, wide_dtype
from gemma10m.models.mixer import Cost
from gemma10m.models.recurrent import BEFORE, RecurrentMixer, with_before

MEAN, VARIANCE = "norm_mean", "norm_variance"


class Statistics(NamedTuple):
    """Hold the mean and variance of all numbers up to and with each token."""

    mean: Tensor  # (B, S, Y) float64
    variance: Tensor  # (B, S, Y) float64

    def after(self, tokens: int) -> tuple[Tensor, Tensor]:
        """Return those after so many tokens, of which there is at least one; (B, Y) each."""
        return self.mean[:, tokens - 1], self.variance[:, tokens - 1]


class TimestepNorm(RecurrentMixer):
    """Apply (x - mean) / sqrt(variance + eps) * (weight + 1) + bias, with the statistics of all tokens up to this one.

    They are summed up in float64, and are float32 in the state: a token's share of a mean over ten million is too small
    for float32, that of a stretch is not. prior_count, prior_mean and prior_logv are in the released code's files; the
    count is 0, with which the others mean nothing.
    """

    carried = (MEAN, VARIANCE)

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        assert config.megalodon is not None
        self.segment, self.groups = config.megalodon.chunk_size, config.megalodon.norm_num_groups
        self.eps = config.norm_eps
        self.weight = nn.Parameter(torch.zeros(config.hidden_size))
        self.bias = nn.Parameter(torch.zeros(config.hidden_size))
        self.register_buffer("prior_count", torch.zeros((), dtype=torch.int64))
        self.register_buffer("prior_mean", torch.zeros(self.groups))
        self.register_buffer("prior_logv", torch.zeros(self.groups))

    def forward(self, x: Tensor, state: LayerState, chunk: Chunk, wanted: int) -> tuple[Tensor, LayerState]:
        """Normalise x (B, S, D); return the last `wanted` tokens, (B, wanted, D), and the statistics after all."""
        grouped = ops.wide(x).unflatten(-1, (self.groups, -1))  # (B, S, Y, D/Y)
        found = statistics(grouped, state[MEAN], state[VARIANCE], chunk.position)
        skipped = x.shape[1] - wanted
        mean = found.mean[:, skipped:].to(grouped.dtype).unsqueeze(-1)  # (B, wanted, Y, 1)
        scale = (found.variance[:, skipped:] + self.eps).rsqrt().to(grouped.dtype).unsqueeze(-1)  # (B, wanted, Y, 1)
        normed = ((grouped[:, skipped:] - mean) * scale).flatten(-2)  # (B, wanted, D)
        weight = ops.wide(self.weight) + 1.0  # (D)
        output = torch.addcmul(ops.wide(self.bias), normed, weight).to(x.dtype)
        return output, self._next_state(found, state, self.closed(chunk))

    def _next_state(self, found: Statistics, state: LayerState, closed: int) -> LayerState:
        dtype, pair = state[MEAN].dtype, (MEAN, VARIANCE)
        now = [part.to(dtype, copy=True) for part in found.after(found.mean.shape[1])]  # (B, Y) each
        before = [state[name + BEFORE] for name in pair]
        if closed:
            before = [part.to(dtype, copy=True) for part in found.after(closed)]
        tensors: dict[str, Tensor] = {}
        for name, last, earlier in zip(pair, now, before, strict=True):
            tensors |= with_before(name, last, earlier)
        return LayerState(**tensors)

    def layout(self, position: int, batch: int, dtype: torch.dtype) -> Layout:
        kept = (wide_dtype(dtype), (batch, self.groups))
        return {name + end: kept for name in self.carried for end in ("", BEFORE)}

    def cost(self, tokens: int) -> Cost:
        """Count nothing: there are no products."""
        return Cost(0, 0.0, 0, 0, 0, 0)

    def scratch(self, tokens: int, item: int) -> int:
        return 3 * tokens * self.weight.shape[0] * 4 + 8 * tokens * self.groups * 8


def statistics(grouped: Tensor, mean: Tensor, variance: Tensor, count: int) -> Statistics:
    """Continue the statistics of `count` tokens, (B, Y) each, by those of every token of x (B, S, Y, D/Y).

    Squares are summed up around a number near the mean, or two large ones would be left to tell a small variance apart.
    """
    mean_of_group = grouped.mean(-1, keepdim=True)  # (B, S, Y, 1)
    own = mean_of_group.squeeze(-1).double()  # (B, S, Y)
    spread = (grouped - mean_of_group).square().mean(-1).double()  # (B, S, Y); `var` takes twenty times as long
    centre = mean.double().unsqueeze(1) if count else own[:, :1]  # (B, 1, Y)
    counts = torch.arange(count + 1, count + own.shape[1] + 1, device=own.device).double().view(1, -1, 1)  # (1, S, 1)
    away = own - centre  # (B, S, Y)
    moved = away.cumsum(1) / counts  # (B, S, Y)
    squares = count * variance.double().unsqueeze(1) + (spread + away.square()).cumsum(1)  # (B, S, Y)
    return Statistics(centre + moved, (squares / counts - moved.square()).clamp(min=0.0))
