"""Average each channel over time with complex, decaying weights: Megalodon's CEMA (arXiv 2404.08801, equation 2).

The released code decides the numbers: it has no expansion beta, turns only what it carries over, scales the readout by
1 / sqrt(J), and adds the channel's own input times `omega`, which is not the paper's: that is sigmoid(theta) here.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from gemma10m import ops


class ComplexEMA(nn.Module):
    """Compute h <- q h + p x and y = Re(sum of g h) + omega x; h and all coefficients in float32 or wider."""

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.zeros(channels, size, 1))
        self.delta = nn.Parameter(torch.zeros(channels, size, 1))
        self.theta = nn.Parameter(torch.zeros(channels, 1, 1))
        self.gamma = nn.Parameter(torch.zeros(channels, size, 2))
        self.omega = nn.Parameter(torch.zeros(channels, 1))

    def coefficients(self) -> tuple[Tensor, Tensor, Tensor]:
        """Return p (D, J), and q and g (D, J) complex; |q| < 1."""
        alpha, delta, theta = (ops.wide(raw).sigmoid().squeeze(-1) for raw in (self.alpha, self.delta, self.theta))
        size = alpha.shape[1]
        turns = torch.arange(1, size + 1, dtype=theta.dtype, device=theta.device) / size  # (J)
        decay = torch.polar(1.0 - alpha * delta, 2.0 * math.pi * theta * turns)  # (D, J)
        return alpha, decay, torch.view_as_complex(ops.wide(self.gamma)) * size**-0.5

    def forward(self, x: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """Average x (B, S, D) on from h (B, D, J) complex; return (B, S, D) and h after the last token."""
        wide = ops.wide(x)
        average = ops.complex_ema if x.shape[1] == 1 else ops.complex_ema_in_blocks
        channels = _turned(wide.flatten(0, 1)).unflatten(1, x.shape[:2]).transpose(0, 1)  # (B, D, S)
        averaged, state = average(channels, state, *self.coefficients())
        rows = _turned(averaged.transpose(0, 1).flatten(1)).view_as(wide)  # (B, S, D)
        return torch.addcmul(rows, wide, ops.wide(self.omega).mT).to(x.dtype), state


def _turned(matrix: Tensor) -> Tensor:
    """Return the transpose, copied: PyTorch copies that of a matrix six times as fast as that of a batch of them."""
    return matrix.mT.contiguous()
