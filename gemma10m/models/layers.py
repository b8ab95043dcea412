"""These parts of a layer keep no state."""

from __future__ import annotations

from collections.abc import Callable
from statistics import NormalDist

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gemma10m import ops
from gemma10m.config import ModelConfig
from gemma10m.models.joined import Joined, JoinedPacked, join_matrices

# Rows of all documents that go through the feed-forward together: bounds its (rows, 2F) of scratch for any stretch.
FEED_FORWARD_ROWS = 8192


class RMSNorm(nn.Module):
    """Apply RMS norm with `offset` added to its weights: Gemma's are around 0, other models' around 1."""

    _scale: Tensor | None = None  # (D) with the offset, in float32 or wider, where it is added once

    def __init__(self, size: int, eps: float, offset: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((size,), 1.0 - offset))
        self.eps, self.offset = eps, offset

    def add_offset(self) -> None:
        """Add the offset once, and not for each call; for weights that only change their type or device."""
        self._scale = self.offset + ops.wide(self.weight.detach())
        self._scaled = self.weight.dtype, self.weight.device
        self._twice = torch.cat((self._scale, self._scale))  # (2D)

    def forward(self, x: Tensor) -> Tensor:
        scaling = self._scaling()  # first, as it renews what the quick way takes
        if self._is_quick(x):
            return ops.rms_norm_of_one(x, self._twice, self.eps)
        return ops.rms_norm(x, *scaling)

    def _is_quick(self, x: Tensor) -> bool:
        """Tell if x (..., S, D) is one token on a CPU, and the offset is added."""
        return self._scale is not None and x.shape[-2] == 1 and x.is_cpu

    def _scaling(self) -> tuple[Tensor, float, float]:
        """Return weights, eps and offset."""
        if self._scale is None:
            return self.weight, self.eps, self.offset
        if self._scaled != (self.weight.dtype, self.weight.device):
            with torch.inference_mode(False):
                self.add_offset()
        return self._scale, self.eps, 0.0

    def after(self, x: Tensor, added: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return x + added and its norm, (..., D) each; added None adds nothing."""
        if added is None or self._is_quick(x):
            total = x if added is None else x + added
            return total, self(total)
        return ops.add_rms_norm(x, added, *self._scaling())


def in_rows(run: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """Run a feed-forward on some rows of x (B, S, D) at a time."""
    most = max(1, FEED_FORWARD_ROWS // x.shape[0])
    if x.shape[1] <= most:
        return run(x)
    return torch.cat([run(rows) for rows in x.split(most, dim=1)], dim=1)  # (B, S, D)


class FeedForward(nn.Module):
    """Compute down(act(gate(x)) * up(x)) without biases; act is tanh-GELU or SiLU.

    sparsity: the share of a token's gates that is cut off, as if they were normally distributed (Gemma 3n).
    """

    joined: Joined | JoinedPacked | None = None  # gate and up, once fused

    def __init__(self, config: ModelConfig, size: int, sparsity: float = 0.0) -> None:
        super().__init__()
        self.deviations = NormalDist().inv_cdf(sparsity) if sparsity else None  # above the mean, where gates open
        self.gated = ops.geglu if config.activation == "gelu_tanh" else ops.swiglu
        self.gate_proj = nn.Linear(config.hidden_size, size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, size, bias=False)
        self.down_proj = nn.Linear(size, config.hidden_size, bias=False)

    def fuse(self) -> None:
        self.joined = join_matrices(self.gate_proj, self.up_proj)

    def forward(self, x: Tensor) -> Tensor:
        return in_rows(self._rows, x)

    def _rows(self, x: Tensor) -> Tensor:
        gate, up = self.joined.products(x) if self.joined else (self.gate_proj(x), self.up_proj(x))  # (B, rows, F)
        if self.deviations is not None:
            gate = _cut_off(gate, self.deviations)
        rows: Tensor = self.down_proj(self.gated(gate, up))  # (B, rows, D)
        return rows


def _cut_off(gate: Tensor, deviations: float) -> Tensor:
    """Take a token's mean and so many standard deviations off its gates (..., F), and leave nothing below 0."""
    mean, spread = gate.mean(dim=-1, keepdim=True), gate.std(dim=-1, keepdim=True, unbiased=False)  # (..., 1) each
    return F.relu(gate - (mean + spread * deviations))
